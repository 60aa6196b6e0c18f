//! TokenRequest and the two access reviews that our controllers send. A token has the claims and the form of a real one
//! (issuer, subject, audiences, expiry, namespace and account) and no valid signature: a server under test reads it.
//! Specification: VSO §8.2, ESO §10.9 (SelfSubjectRulesReview), §10.12.

use base::Timestamp;
use base::encoding::Base64;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::clock::stamp;
use crate::kinds::Kind;
use crate::refusal::{Cause, Refusal};
use crate::request::Attributes;
use crate::role::Role;
use crate::store::{Place, Store, Stored};

/// The audience of a token that names none, and the issuer.
const ISSUER: &str = "https://kubernetes.default.svc";
const SHORTEST_SECONDS: i64 = 600;
const DEFAULT_SECONDS: i64 = 3600;

/// Answers `POST …/serviceaccounts/NAME/token`.
pub fn request(store: &Store, place: &Place, mut body: Value, now: Timestamp) -> Result<Value, Refusal> {
    let kind = store.kind(place);
    let account = store.find(place).ok_or_else(|| Refusal::not_found(&kind, &place.name))?;
    let seconds = body["spec"]["expirationSeconds"].as_i64().unwrap_or(DEFAULT_SECONDS);
    if seconds < SHORTEST_SECONDS {
        let why = "may not specify a duration less than 10 minutes";
        let cause = Cause::invalid_number("spec.expirationSeconds", seconds, why);
        let of = Kind { group: "authentication.k8s.io".to_owned(), kind: "TokenRequest".to_owned(), ..(*kind).clone() };
        return Err(Refusal::invalid(&of, "", &[cause]));
    }
    let asked = body["spec"]["audiences"].as_array().filter(|audiences| !audiences.is_empty()).cloned();
    let audiences = asked.unwrap_or_else(|| vec![Value::from(ISSUER)]);
    let ends = now.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(now);
    let token = sign(account, place, &audiences, (now, ends));
    body["apiVersion"] = Value::from("authentication.k8s.io/v1");
    body["kind"] = Value::from("TokenRequest");
    body["metadata"] = json!({ "name": &*place.name, "namespace": &*place.namespace, "creationTimestamp": stamp(now) });
    body["spec"]["audiences"] = Value::Array(audiences);
    body["spec"]["expirationSeconds"] = Value::from(seconds);
    body["status"] = json!({ "token": token, "expirationTimestamp": stamp(ends) });
    Ok(body)
}

fn sign(account: &Stored, place: &Place, audiences: &[Value], (now, ends): (Timestamp, Timestamp)) -> String {
    let (namespace, name) = (&*place.namespace, &*place.name);
    let claims = json!({
        "aud": audiences, "iss": ISSUER, "iat": now.as_second(), "nbf": now.as_second(), "exp": ends.as_second(),
        "sub": format!("system:serviceaccount:{namespace}:{name}"),
        "kubernetes.io": { "namespace": namespace, "serviceaccount": { "name": name, "uid": account.uid() } },
    });
    let part = |value: &Value| Base64::RawUrl.encode(value.to_string().as_bytes());
    let head = json!({ "alg": "RS256", "kid": "sandbox" });
    format!("{}.{}.{}", part(&head), part(&claims), Base64::RawUrl.encode(b"not signed: made by the sandbox"))
}

/// Answers `POST …/selfsubjectrulesreviews`; without a role everything is allowed.
pub fn rules_review(role: Option<&Role>, mut body: Value) -> Value {
    let namespace = body["spec"]["namespace"].as_str().unwrap_or_default();
    let all = || vec![json!({ "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"] })];
    let rules = role.map_or_else(all, |role| role.rules_in(namespace));
    body["status"] = json!({ "resourceRules": rules, "nonResourceRules": [], "incomplete": false });
    body
}

/// Answers `POST …/selfsubjectaccessreviews`.
pub fn access_review(role: Option<&Role>, mut body: Value) -> Value {
    let asked = &body["spec"]["resourceAttributes"];
    let text = |key: &str| asked[key].as_str().unwrap_or_default().to_owned();
    let attributes = Attributes {
        verb: text("verb"),
        group: text("group"),
        version: text("version"),
        resource: text("resource"),
        subresource: text("subresource"),
        namespace: text("namespace"),
        name: text("name"),
    };
    let allowed = role.is_none_or(|role| role.allows(&attributes));
    body["status"] = json!({ "allowed": allowed });
    body
}
