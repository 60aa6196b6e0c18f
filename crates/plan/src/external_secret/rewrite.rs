//! Rewriting keys, step by step: by a regular expression, by a template, or by merging values that are JSON objects.
//! Collisions are decided by the sorted order of the old keys, the last one wins. Specification: ESO §6.4.

use std::collections::BTreeMap;

use api::external_secrets::rewrite::{
    MergeConflictPolicy, MergePriorityPolicy, MergeRewrite, MergeStrategy, RegexpRewrite, Rewrite, TransformRewrite,
};
use base::{Fault, SecretBytes, SecretMap};
use document::json::{self, Compact, Numbers};
use document::scalar::decimal;
use document::{Branch, Node, Scalar};
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
    let mut fields: BTreeMap<String, Node> = BTreeMap::new();
    let mut conflicts: BTreeMap<String, ()> = BTreeMap::new();
    for key in &order {
        let Some(value) = data.value(key) else { continue };
        let no_object =
            || Fault::wrong(format!("merge failed with the value of key \"{key}\", which is no JSON object"));
        let Node::Branch(object) = json::parse(value.expose(), Numbers::Typed).map_err(|_| no_object())? else {
            return Err(no_object());
        };
        // Of the same name twice in one object the last counts, and that is no conflict.
        let object: BTreeMap<String, Node> =
            object.entries().map(|(name, field)| (name.as_str().to_owned(), field.clone())).collect();
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
        MergeStrategy::Extract => fields.into_iter().map(|(name, field)| Ok((name, bytes_of(&field)?))).collect(),
        MergeStrategy::Json if step.into.is_empty() => Err(Fault::wrong("merge failed with missing 'into' field")),
        MergeStrategy::Json => {
            let mut merged = Branch::default();
            fields.into_iter().for_each(|(name, field)| merged.push(name, field));
            let style = Compact { escapes_html: false, is_lossy: true, ..Compact::default() };
            data.insert(step.into.clone(), SecretBytes::new(json::compact(&Node::Branch(merged), &style)?));
            Ok(data)
        }
    }
}

/// A JSON value as a Secret holds it (§6.4): texts as they are, nothing for null, numbers without exponent, Go's JSON for lists
/// and objects.
fn bytes_of(value: &Node) -> Result<SecretBytes, Fault> {
    match value {
        Node::Leaf(Scalar::Float(number)) => Ok(SecretBytes::from(decimal(*number))),
        Node::Leaf(scalar) => Ok(SecretBytes::from(&*scalar.as_environment())),
        Node::List(_) | Node::Branch(_) => {
            let style = Compact { is_lossy: true, ..Compact::default() };
            json::compact(value, &style).map(SecretBytes::new)
        }
    }
}

#[cfg(test)]
mod tests {
    use rand_core::SeedableRng as _;
    use serde_json::Value;

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
        let merge = |extra: Value| serde_json::json!([{ "merge": extra }]);
        assert_eq!(
            run(pairs, merge(serde_json::json!({}))).unwrap_err(),
            "error applying rewrite to keys: failed rewrite operation[0]: merge failed with conflicts: y"
        );
        let ignore = serde_json::json!({"conflictPolicy": "Ignore"});
        assert_eq!(run(pairs, merge(ignore)).as_deref(), Ok("x=1 y=b z=[1]"));
        let first = serde_json::json!({"conflictPolicy": "Ignore", "priority": ["a"]});
        assert_eq!(run(pairs, merge(first)).as_deref(), Ok("x=1 y=a z=[1]"));
        // Lists stay lists, numbers lose their exponent outside and keep Go's form inside.
        let forms = &[(
            "a",
            r#"{"d":"u","d":"v","e":1.0e3,"f":1.50,"l":["a","<b>"],"n":null,"o":{"z":1e21,"a":"&"},"t":true,"u":"ü<"}"#,
        )];
        let expected = r#"d=v e=1000 f=1.5 l=["a","\u003cb\u003e"] n= o={"a":"\u0026","z":1e+21} t=true u=ü<"#;
        assert_eq!(run(forms, merge(serde_json::json!({}))).as_deref(), Ok(expected));
        let whole = serde_json::json!({"strategy": "JSON", "into": "a"});
        let expected =
            r#"a={"d":"v","e":1000,"f":1.5,"l":["a","<b>"],"n":null,"o":{"a":"&","z":1e+21},"t":true,"u":"ü<"}"#;
        assert_eq!(run(forms, merge(whole)).as_deref(), Ok(expected));
        assert!(run(&[("a", "[1]")], merge(serde_json::json!({}))).unwrap_err().ends_with("which is no JSON object"));
        let json = serde_json::json!({"conflictPolicy": "Ignore", "strategy": "JSON", "into": "all"});
        let merged = run(pairs, merge(json)).expect("it can be merged");
        assert!(merged.contains(r#"all={"x":1,"y":"b","z":[1]}"#), "{merged}");
        let strict = serde_json::json!({"priority": ["nope"]});
        assert!(
            run(pairs, merge(strict)).unwrap_err().ends_with("merge failed with key \"nope\" not found in input map")
        );
        let lenient =
            serde_json::json!({"priority": ["nope"], "priorityPolicy": "IgnoreNotFound", "conflictPolicy": "Ignore"});
        assert!(run(pairs, merge(lenient)).is_ok());
    }
}
