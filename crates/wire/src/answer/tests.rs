//! Kinds, reasons, and that no value gets into a fault.

use base::{Kind, SecretBytes, SecretText};
use http::{HeaderMap, StatusCode};

use crate::answer::{Answer, kind};
use crate::stand_in::everything;

fn answer(status: u16, media_type: &str, body: &str) -> Answer {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", media_type.parse().unwrap());
    let hidden = vec![SecretText::from("canary"), SecretText::from("no")];
    let status = StatusCode::from_u16(status).unwrap();
    Answer { status, headers, body: SecretBytes::from(body), place: "GET http://h/p".to_owned(), hidden }
}

#[test]
fn the_status_is_the_kind() {
    let cases = [
        (400, Kind::Wrong),
        (401, Kind::Denied),
        (403, Kind::Denied),
        (404, Kind::NotFound),
        (405, Kind::Wrong),
        (408, Kind::Busy),
        (409, Kind::Conflict),
        (412, Kind::Conflict),
        (429, Kind::Busy),
        (500, Kind::Unreachable),
        (502, Kind::Unreachable),
        (503, Kind::Busy),
    ];
    for (status, expected) in cases {
        assert_eq!(kind(StatusCode::from_u16(status).unwrap()), expected, "{status}");
    }
}

#[test]
fn the_reason_is_quoted_where_it_is_one() {
    let page = "<html>canary</html>";
    let cases = [
        (r#"{"errors":["a","b"]}"#, "application/json", ": a; b"),
        (r#"{"errors":[{"message":"a"}]}"#, "application/json", ": a"),
        (r#"{"errors":[]}"#, "application/json", ""),
        (r#"{"error":"invalid_grant","error_description":"expired"}"#, "application/json", ": expired"),
        (r#"{"error":{"code":403,"message":"denied"}}"#, "application/json", ": denied"),
        (r#"{"error":"denied"}"#, "application/json", ": denied"),
        (r#"{"kind":"Status","message":"secrets \"x\" not found"}"#, "application/json", ": secrets \"x\" not found"),
        (r#"{"message":"token canary is no token"}"#, "application/json", ": token **** is no token"),
        (r#"{"value":"canary"}"#, "application/json", ""),
        ("Client sent an HTTP request.\nmore", "text/plain; charset=utf-8", ": Client sent an HTTP request."),
        (page, "text/html", ""),
        ("", "text/plain", ""),
    ];
    for (body, media_type, expected) in cases {
        let fault = answer(400, media_type, body).accepted("cannot read `x`").err().unwrap();
        assert_eq!(
            fault.chain(),
            format!("cannot read `x`: GET http://h/p answered 400 Bad Request{expected}"),
            "{body}"
        );
        assert!(!everything(&fault).contains("canary"));
    }
    let long = answer(500, "text/plain", &"x".repeat(100_000)).refusal("x").chain();
    assert!(long.len() < 3_000, "{}", long.len());
}

#[test]
fn json_that_is_not_what_was_expected_is_told_by_its_place() {
    for body in [r#"{"port":"canary"}"#, "canary", "", "[\"canary"] {
        let fault =
            answer(200, "application/json", body).json::<std::collections::BTreeMap<String, u16>>("cannot read `x`");
        let fault = fault.err().unwrap();
        assert_eq!(fault.kind(), Kind::Unreachable);
        assert!(fault.chain().contains("but line "), "{}", fault.chain());
        assert!(!everything(&fault).contains("canary"), "{}", everything(&fault));
    }
}
