//! Why an object cannot be read, as it may be told: the decoder (serde-value, under kube's guard) quotes what it found, and that
//! could be a value which somebody put in a wrong place. Pure. Not here: whom it is told (`driver`). Specification: design §8, §11.4.

/// How sentences begin that hold what was found, and what stands behind it.
const QUOTING: [(&str, &str); 4] = [
    ("Invalid type ", ". Expected "),
    ("Invalid value ", ". Expected "),
    ("Unknown variant ", ". Expected one of "),
    ("Unknown field ", ". Expected one of "),
];

/// The sentence without what was found.
#[must_use]
pub fn told(error: &str) -> String {
    for (start, middle) in QUOTING {
        let parts = error.strip_prefix(start).and_then(|rest| rest.rsplit_once(middle));
        let Some((found, expected)) = parts else { continue };
        // Of a type that does not fit, its word stands before the quote.
        let kind = if middle == ". Expected " { found.split(['"', '`', '\'']).next().unwrap_or_default() } else { "" };
        let start = start.to_lowercase();
        return format!("{}, expected {expected}", format!("{start}{kind}").trim_end());
    }
    if error.contains(['"', '\'', '`']) {
        return "a field does not fit its type".to_owned();
    }
    error.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_left_out() {
        for (error, expected) in [
            ("Missing field spec", "Missing field spec"),
            ("Invalid type string \"s3. Expected \\\"x\". Expected a map", "invalid type string, expected a map"),
            ("Invalid type integer `1234`. Expected a string", "invalid type integer, expected a string"),
            ("Invalid type map. Expected a string", "invalid type map, expected a string"),
            ("Invalid value character `s`. Expected a time", "invalid value character, expected a time"),
            ("Unknown variant s3cr3t. Expected one of a, b", "unknown variant, expected a, b"),
            ("Unknown field s3cr3t. Expected one of a, b", "unknown field, expected a, b"),
            ("failed to parse \"s3cr3t\" as a time", "a field does not fit its type"),
            ("premature end of input", "premature end of input"),
        ] {
            assert_eq!(told(error), expected);
        }
    }

    #[test]
    fn the_decoder_speaks_as_it_is_read_here() {
        use kube::core::DeserializeGuard;
        use serde_json::json;
        for (spec, expected) in [
            (json!({"template": {"metadata": {"labels": "s3cr3t"}}}), "invalid type string, expected a map"),
            (json!({"template": {"immutable": "s3cr3t"}}), "invalid type string, expected a boolean"),
            (json!({"template": {"type": 1234}}), "invalid type integer, expected a string"),
        ] {
            let object =
                json!({"apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "metadata": {}, "spec": spec});
            let guarded: DeserializeGuard<api::SealedSecret> = serde_json::from_value(object).expect("it is guarded");
            let broken = guarded.0.expect_err("it cannot be read");
            assert_eq!(told(&broken.error), expected, "{}", broken.error);
        }
    }
}
