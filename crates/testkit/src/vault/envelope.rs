//! The shapes of Vault's answers: the envelope, auth blocks, and errors.
//! Specification: VSO §17.1.

use serde_json::{Value, json};

use crate::http::Answer;

/// 200 with data that carries no lease.
pub fn data(serial: u64, data: Value) -> Answer {
    Answer::json(200, &whole(serial, data, Value::Null))
}

/// 200 with an auth block.
pub fn auth(serial: u64, auth: Value, warnings: Value) -> Answer {
    let mut whole = whole(serial, Value::Null, auth);
    whole["warnings"] = warnings;
    Answer::json(200, &whole)
}

/// 200 with leased data.
pub fn leased(serial: u64, data: Value, lease: (&str, i64, bool)) -> Answer {
    let mut whole = whole(serial, data, Value::Null);
    (whole["lease_id"], whole["lease_duration"], whole["renewable"]) =
        (Value::from(lease.0), Value::from(lease.1), Value::from(lease.2));
    Answer::json(200, &whole)
}

pub fn whole(serial: u64, data: Value, auth: Value) -> Value {
    json!({
        "request_id": format!("00000000-0000-4000-8000-{serial:012x}"), "lease_id": "", "renewable": false,
        "lease_duration": 0, "data": data, "wrap_info": null, "warnings": null, "auth": auth,
    })
}

pub fn error(code: u16, text: &str) -> Answer {
    Answer::json(code, &json!({ "errors": [text] }))
}

/// 404 of what is not there.
pub fn absent() -> Answer {
    Answer::json(404, &json!({ "errors": [] }))
}

/// 403 of a token that is missing, unknown or dead, and of a login that is refused.
pub fn denied() -> Answer {
    error(403, "permission denied")
}

/// 403 of a policy.
pub fn denied_by_policy() -> Answer {
    error(403, "1 error occurred:\n\t* permission denied\n\n")
}

pub fn unsupported_path() -> Answer {
    error(404, "1 error occurred:\n\t* unsupported path\n\n")
}

pub fn unsupported_operation() -> Answer {
    error(405, "1 error occurred:\n\t* unsupported operation\n\n")
}
