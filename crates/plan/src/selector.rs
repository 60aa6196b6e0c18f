//! Label selectors: whom they choose, and whether they are selectors at all. One that the API stores and nobody can read must be
//! told: taken for one that chooses nothing, it would take away what it chose yesterday. Specification: ESO §6.10, §6.11.

use std::collections::BTreeMap;

use api::meta::LabelSelector;
use base::Fault;

/// Whether a selector can be read.
///
/// # Errors
/// An operator is unknown, or has values that do not fit it.
pub fn check(selector: &LabelSelector) -> Result<(), Fault> {
    for requirement in selector.match_expressions.iter().flatten() {
        let operator = requirement.operator.as_str();
        let has_values = requirement.values.as_ref().is_some_and(|values| !values.is_empty());
        let cause = match operator {
            "In" | "NotIn" if has_values => continue,
            "Exists" | "DoesNotExist" if !has_values => continue,
            "In" | "NotIn" => "for 'in', 'notin' operators, values set can't be empty".to_owned(),
            "Exists" | "DoesNotExist" => "values set must be empty for exists and does not exist".to_owned(),
            unknown => format!("\"{unknown}\" is not a valid label selector operator"),
        };
        let key = &requirement.key;
        return Err(Fault::wrong(format!("cannot read the label selector's expression on `{key}`")).because(cause));
    }
    Ok(())
}

/// Whether labels fulfil a selector; an unknown operator fulfils nothing.
#[must_use]
pub fn selects(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    let equal = selector.match_labels.iter().flatten().all(|(key, value)| labels.get(key) == Some(value));
    equal
        && selector.match_expressions.iter().flatten().all(|requirement| {
            let value = labels.get(&requirement.key);
            let among = || {
                let values = requirement.values.as_deref().unwrap_or_default();
                value.is_some_and(|value| values.contains(value))
            };
            match requirement.operator.as_str() {
                "In" => among(),
                "NotIn" => !among(),
                "Exists" => value.is_some(),
                "DoesNotExist" => value.is_none(),
                _ => false,
            }
        })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn selector(value: Value) -> LabelSelector {
        serde_json::from_value(value).expect("a test's own selector")
    }

    fn labels() -> BTreeMap<String, String> {
        [("team", "red"), ("tier", "web")].map(|(key, value)| (key.to_owned(), value.to_owned())).into()
    }

    #[test]
    fn selectors_choose_as_the_api_servers_do() {
        let expression = |key: &str, operator: &str, values: &[&str]| json!({"matchExpressions": [{"key": key, "operator": operator, "values": values}]});
        for (text, expected) in [
            (json!({}), true),
            (json!({"matchLabels": {"team": "red"}}), true),
            (json!({"matchLabels": {"team": "red", "tier": "db"}}), false),
            (expression("team", "In", &["red", "blue"]), true),
            (expression("other", "In", &["red"]), false),
            (expression("team", "NotIn", &["red"]), false),
            (expression("other", "NotIn", &["red"]), true),
            (expression("team", "Exists", &[]), true),
            (expression("team", "DoesNotExist", &[]), false),
            (expression("other", "DoesNotExist", &[]), true),
        ] {
            let selector = selector(text.clone());
            assert_eq!((check(&selector).is_ok(), selects(&selector, &labels())), (true, expected), "{text}");
        }
        for (text, told) in [
            (expression("team", "Has", &["red"]), "\"Has\" is not a valid label selector operator"),
            (expression("team", "in", &["red"]), "\"in\" is not a valid label selector operator"),
            (expression("team", "In", &[]), "for 'in', 'notin' operators, values set can't be empty"),
            (expression("team", "Exists", &["red"]), "values set must be empty for exists and does not exist"),
        ] {
            let fault = check(&selector(text)).expect_err("it is none").chain();
            assert_eq!(fault, format!("cannot read the label selector's expression on `team`: {told}"));
        }
    }
}
