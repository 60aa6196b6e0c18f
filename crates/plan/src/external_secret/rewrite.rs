//! Rewriting keys, step by step: by a regular expression, by a template, or by merging values that are JSON objects.
//! Collisions are decided by the sorted order of the old keys, the last one wins. Specification: ESO §6.4.

use std::collections::BTreeMap;

use api::external_secrets::rewrite::{
    MergeConflictPolicy, MergePriorityPolicy, MergeRewrite, MergeStrategy, RegexpRewrite, Rewrite, TransformRewrite,
};
use base::{Fault, SecretBytes, SecretMap};
use serde_json::{Map, Value};
use template::{Engine, pattern};

use crate::Rendering;

/// Applies a chain of rewrites.
///
/// # Errors
/// A step fails; the fault names its place.
pub fn rewrite(mut data: SecretMap, chain: &[Rewrite], rendering: &mut Rendering<'_>) -> Result<SecretMap, Fault> {
    for (place, step) in chain.iter().enumerate() {
        let done = if let Some(merge) = &step.merge {
            merged(data, merge)
        } else if let Some(regexp) = &step.regexp {
            replaced(data, regexp)
        } else if let Some(transform) = &step.transform {
            transformed(data, transform, rendering)
        } else {
            Ok(data)
        };
        data = done.map_err(|fault| {
            fault.within(format!("failed rewrite operation[{place}]")).within("error applying rewrite to keys")
        })?;
    }
    Ok(data)
}

fn replaced(data: SecretMap, step: &RegexpRewrite) -> Result<SecretMap, Fault> {
    let pattern = pattern::compile(&step.source)
        .map_err(|error| Fault::wrong("regexp failed with failed to compile").because(error))?;
    let mut replaced = SecretMap::new();
    for (key, value) in data {
        let (mut name, mut done) = (Vec::with_capacity(key.len()), 0);
        for captures in pattern::matches(&pattern, key.as_bytes()) {
            let whole = captures.get_match();
            name.extend_from_slice(&key.as_bytes()[done..whole.start()]);
            pattern::expand(&captures, step.target.as_bytes(), &mut name);
            done = whole.end();
        }
        name.extend_from_slice(&key.as_bytes()[done..]);
        let name = String::from_utf8(name).map_err(|_| Fault::bug("a pattern matched inside a character"))?;
        replaced.insert(name, value);
    }
    Ok(replaced)
}

/// The template is parsed once and run for every key; Go's delimiters, whatever the flags say.
fn transformed(data: SecretMap, step: &TransformRewrite, rendering: &mut Rendering<'_>) -> Result<SecretMap, Fault> {
    let template = Engine::external_secrets()
        .parse("transform", &step.template)
        .map_err(|fault| fault.within("transform failed with failed to parse template"))?;
    let mut transformed = SecretMap::new();
    for (key, value) in data {
        let failed =
            |fault: Fault| fault.within(format!("transform failed with failed to execute template for key \"{key}\""));
        let context = template::Value::texts([("value", key.as_str())]);
        let made = template.execute(&context, rendering.surroundings()).map_err(failed)?;
        let name = made.to_text().ok_or_else(|| failed(Fault::wrong("the new key is no text")))?;
        transformed.insert(name.into_exposed(), value);
    }
    Ok(transformed)
}

fn merged(mut data: SecretMap, step: &MergeRewrite) -> Result<SecretMap, Fault> {
    let mut order: Vec<String> = data.names().filter(|key| !step.priority.contains(key)).cloned().collect();
    for key in &step.priority {
        if data.contains(key) {
            order.push(key.clone());
        } else if step.priority_policy == MergePriorityPolicy::Strict {
            return Err(Fault::wrong(format!("merge failed with key \"{key}\" not found in input map")));
        }
    }
    let mut fields: Map<String, Value> = Map::new();
    let mut conflicts: BTreeMap<String, ()> = BTreeMap::new();
    for key in &order {
        let Some(value) = data.value(key) else { continue };
        let object: Map<String, Value> = serde_json::from_slice(value.expose()).map_err(|_| {
            Fault::wrong(format!("merge failed with the value of key \"{key}\", which is no JSON object"))
        })?;
        for (name, field) in object {
            if fields.insert(name.clone(), field).is_some() {
                conflicts.insert(name, ());
            }
        }
    }
    if step.conflict_policy == MergeConflictPolicy::Error && !conflicts.is_empty() {
        let names: Vec<String> = conflicts.into_keys().collect();
        return Err(Fault::wrong(format!("merge failed with conflicts: {}", names.join(", "))));
    }
    match step.strategy {
        MergeStrategy::Extract => Ok(fields.into_iter().map(|(name, value)| (name, bytes_of(&value))).collect()),
        MergeStrategy::Json if step.into.is_empty() => Err(Fault::wrong("merge failed with missing 'into' field")),
        MergeStrategy::Json => {
            data.insert(step.into.clone(), SecretBytes::from(Value::Object(fields).to_string()));
            Ok(data)
        }
    }
}

/// A JSON value as a Secret holds it (§6.4): texts as they are, nothing for null, Go's JSON for containers.
fn bytes_of(value: &Value) -> SecretBytes {
    match value {
        Value::Null => SecretBytes::default(),
        Value::String(text) => SecretBytes::from(text.as_str()),
        Value::Array(items) if !items.is_empty() && items.iter().all(Value::is_string) => {
            let texts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            SecretBytes::from(texts.join("\n"))
        }
        Value::Array(_) | Value::Object(_) => SecretBytes::from(go_escaped(&value.to_string())),
        Value::Bool(_) | Value::Number(_) => SecretBytes::from(value.to_string()),
    }
}

/// Inside JSON text, `<`, `>` and `&` stand in strings only, so they can be escaped after the fact.
fn go_escaped(json: &str) -> String {
    json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

#[cfg(test)]
mod tests {
    use rand_core::SeedableRng as _;

    use super::*;

    fn run(pairs: &[(&str, &str)], chain: Value) -> Result<String, String> {
        let chain: Vec<Rewrite> = serde_json::from_value(chain).expect("a test's own rewrites");
        let mut rng = rand_chacha::ChaCha20Rng::from_seed([7; 32]);
        let mut rendering = Rendering::new(base::Timestamp::UNIX_EPOCH, &mut rng);
        let data = rewrite(pairs.iter().copied().collect(), &chain, &mut rendering).map_err(|fault| fault.chain())?;
        let text = |(key, value): (&String, &SecretBytes)| format!("{key}={}", String::from_utf8_lossy(value.expose()));
        Ok(data.iter().map(text).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn regexp_uses_gos_replacement_syntax() {
        let chain = serde_json::json!([{"regexp": {"source": "^path/(?P<n>.*)$", "target": "x-${n}"}}]);
        assert_eq!(run(&[("path/a", "1"), ("b", "2")], chain).as_deref(), Ok("b=2 x-a=1"));
        let bare = serde_json::json!([{"regexp": {"source": "(a+)|x*", "target": "<$1$$>"}}]);
        assert_eq!(run(&[("äaab", "1")], bare).as_deref(), Ok("<$>ä<aa$>b<$>=1"));
        let bad =
            serde_json::json!([{"regexp": {"source": "a", "target": "b"}}, {"regexp": {"source": "(", "target": ""}}]);
        assert!(run(&[("a", "1")], bad).unwrap_err().starts_with(
            "error applying rewrite to keys: failed rewrite operation[1]: regexp failed with failed to compile"
        ));
    }

    #[test]
    fn transform_renders_every_key() {
        let chain = |template: &str| serde_json::json!([{"transform": {"template": template}}]);
        let pairs = &[("app/db", "1"), ("app/url", "2")];
        let upper = r#"{{ .value | replace "/" "_" | upper }}"#;
        assert_eq!(run(pairs, chain(upper)).as_deref(), Ok("APP_DB=1 APP_URL=2"));
        assert_eq!(run(pairs, chain("same")).as_deref(), Ok("same=2"), "the last old key wins");
        let failed = |template: &str| run(pairs, chain(template)).unwrap_err();
        let start = "error applying rewrite to keys: failed rewrite operation[0]: transform failed with failed to ";
        assert_eq!(
            failed("{{ env }}"),
            format!("{start}parse template: template: transform:1: function \"env\" not defined")
        );
        assert!(failed("{{ .nope }}").starts_with(&format!(
            "{start}execute template for key \"app/db\": template: transform:1:3: executing \"transform\" at <.nope>: "
        )));
    }

    #[test]
    fn merge_follows_its_policies() {
        let pairs = &[("a", r#"{"x":1,"y":"a"}"#), ("b", r#"{"y":"b","z":[1]}"#)];
        let merge = |extra: Value| {
            let mut step = serde_json::json!({});
            step.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            serde_json::json!([{ "merge": step }])
        };
        assert_eq!(
            run(pairs, merge(serde_json::json!({}))).unwrap_err(),
            "error applying rewrite to keys: failed rewrite operation[0]: merge failed with conflicts: y"
        );
        let ignore = serde_json::json!({"conflictPolicy": "Ignore"});
        assert_eq!(run(pairs, merge(ignore)).as_deref(), Ok("x=1 y=b z=[1]"));
        let first = serde_json::json!({"conflictPolicy": "Ignore", "priority": ["a"]});
        assert_eq!(run(pairs, merge(first)).as_deref(), Ok("x=1 y=a z=[1]"));
        let json = serde_json::json!({"conflictPolicy": "Ignore", "strategy": "JSON", "into": "all"});
        assert!(run(pairs, merge(json)).unwrap().contains(r#"all={"x":1,"y":"b","z":[1]}"#));
        let strict = serde_json::json!({"priority": ["nope"]});
        assert!(
            run(pairs, merge(strict)).unwrap_err().ends_with("merge failed with key \"nope\" not found in input map")
        );
        let lenient =
            serde_json::json!({"priority": ["nope"], "priorityPolicy": "IgnoreNotFound", "conflictPolicy": "Ignore"});
        assert!(run(pairs, merge(lenient)).is_ok());
    }
}
