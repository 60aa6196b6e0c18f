//! What a Vault response becomes: source keys through filters, templates, and `_raw` with the whole response.
//! Templates are not built yet and say so. Specification: VSO §9.1–§9.4.

use api::hashicorp::destination::Transformation;
use api::hashicorp::names;
use base::{Fault, SecretBytes, SecretMap, SecretValue};
use document::json::{Compact, compact_value, parse_value};
use regex::Regex;

/// A response as it came: JSON of the values, and of the whole that `_raw` holds.
pub struct Response<'a> {
    /// The values: `data`, or `data.data` of KV version 2.
    pub values: &'a [u8],
    /// The whole `data`.
    pub whole: &'a [u8],
}

/// The data of the destination.
///
/// # Errors
/// The response is no object, a filter does not compile, or a source key is called `_raw`.
pub fn data(
    response: &Response<'_>,
    transformation: Option<&Transformation>,
    excludes_raw: bool,
) -> Result<SecretMap, Fault> {
    let default = Transformation::default();
    let rules = transformation.unwrap_or(&default);
    if !rules.templates.is_empty() || !rules.transformation_refs.is_empty() {
        return Err(Fault::wrong("templates of transformations are not built yet in this version"));
    }
    let with_raw = !(excludes_raw || rules.exclude_raw.unwrap_or(false));
    let SecretValue::Map(entries) = &parse_value(response.values)? else {
        return Err(Fault::wrong("the response of Vault is no map of values"));
    };
    let filters = Filters::new(rules)?;
    let mut data = SecretMap::new();
    for (key, value) in entries {
        if with_raw && key == names::RAW {
            return Err(Fault::wrong("key '_raw' not permitted in Secret data"));
        }
        if filters.keep(key) {
            data.insert(key.clone(), bytes(value)?);
        }
    }
    if with_raw {
        data.insert(names::RAW, SecretBytes::new(compact_value(&parse_value(response.whole)?, &STYLE)?));
    }
    Ok(data)
}

/// Go's `encoding/json`: keys sorted, `<`, `>` and `&` escaped.
const STYLE: Compact = Compact { is_sorted: true, escapes_html: true, is_lossy: true };

/// A text is its own bytes; everything else is compact JSON, numbers as they came.
fn bytes(value: &SecretValue) -> Result<SecretBytes, Fault> {
    match value {
        SecretValue::Text(text) => Ok(SecretBytes::from(text.expose())),
        other => compact_value(other, &STYLE).map(SecretBytes::new),
    }
}

/// Excludes come first; includes, where there are any, name all that is kept. Unanchored, as Go matches.
struct Filters {
    excludes: Vec<Regex>,
    includes: Vec<Regex>,
}

impl Filters {
    fn new(rules: &Transformation) -> Result<Self, Fault> {
        let all = |list: &[String]| {
            let compile = |text: &String| {
                Regex::new(text)
                    .map_err(|error| Fault::wrong(format!("cannot compile the filter `{text}`")).because(error))
            };
            list.iter().map(compile).collect::<Result<Vec<_>, _>>()
        };
        Ok(Self { excludes: all(&rules.excludes)?, includes: all(&rules.includes)? })
    }

    fn keep(&self, key: &str) -> bool {
        let matches = |list: &[Regex]| list.iter().any(|pattern| pattern.is_match(key));
        !matches(&self.excludes) && (self.includes.is_empty() || matches(&self.includes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(values: &str, whole: &str, rules: serde_json::Value) -> Result<String, String> {
        let rules: Transformation = serde_json::from_value(rules).expect("a test's own rules");
        let response = Response { values: values.as_bytes(), whole: whole.as_bytes() };
        let data = data(&response, Some(&rules), false).map_err(|fault| fault.chain())?;
        let text = |(key, value): (&String, &SecretBytes)| format!("{key}={}", String::from_utf8_lossy(value.expose()));
        Ok(data.iter().map(text).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn values_keep_their_form_and_raw_is_gos_json() {
        let values = r#"{"password":"s<cr3t","port":1.50,"list":[1,"a"],"on":true}"#;
        let whole = format!(r#"{{"metadata":{{"version":1,"custom_metadata":null}},"data":{values}}}"#);
        assert_eq!(
            run(values, &whole, serde_json::json!({})).as_deref(),
            Ok(concat!(
                r#"_raw={"data":{"list":[1,"a"],"on":true,"password":"s\u003ccr3t","port":1.50},"metadata":{"custom_metadata":null,"version":1}}"#,
                r#" list=[1,"a"] on=true password=s<cr3t port=1.50"#
            ))
        );
    }

    #[test]
    fn filters_and_raw_follow_the_rules() {
        let values = r#"{"user":"a","password":"b","internal":"c"}"#;
        let rules = serde_json::json!({"excludes": ["^int"], "includes": ["s"], "excludeRaw": true});
        assert_eq!(run(values, values, rules).as_deref(), Ok("password=b user=a"));
        let raw = run(r#"{"_raw":"x"}"#, "{}", serde_json::json!({}));
        assert_eq!(raw, Err("key '_raw' not permitted in Secret data".to_owned()));
        assert_eq!(run(r#"{"_raw":"x"}"#, "{}", serde_json::json!({"excludeRaw": true})).as_deref(), Ok("_raw=x"));
        assert!(run(values, values, serde_json::json!({"includes": ["("]})).is_err());
    }
}
