//! The validating webhook: what the API server asks before it stores an ExternalSecret or a store, and what is answered. The rules
//! are `plan`'s (ExternalSecrets) and the providers' own (stores). Specification: ESO §9.

use api::external_secrets::Store;
use api::{ClusterSecretStore, ExternalSecret, SecretStore};
use base::{Fault, Tenant};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use plan::external_secret::admission;
use providers::row::Maintenance;
use providers::{registry, settings};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::listener::{Answer, Routes, typed};

/// The largest object that etcd takes, twice: an update carries the old one, too.
const REVIEW_BYTES: usize = 7 * 1024 * 1024;

/// What is thought of an object.
#[derive(Default)]
struct Verdict {
    wrong: Vec<String>,
    warnings: Vec<String>,
}

/// Adds the webhook's paths.
#[must_use]
pub fn routes(routes: Routes) -> Routes {
    routes
        .with("/validate-external-secrets-io-v1-externalsecret", |request| answer(request, external_secret))
        .with("/validate-external-secrets-io-v1-secretstore", |request| answer(request, secret_store))
        .with("/validate-external-secrets-io-v1-clustersecretstore", |request| answer(request, cluster_secret_store))
}

/// Whatever is asked, the answer is a review: the API server shows its sentence to whoever sent the object.
async fn answer(request: Request<Incoming>, judge: fn(Value) -> Result<Verdict, Fault>) -> Answer {
    let answered = match Limited::new(request.into_body(), REVIEW_BYTES).collect().await {
        Ok(body) => review_of(&body.to_bytes(), judge),
        Err(_) => {
            let told = format!("request entity is too large; limit is {REVIEW_BYTES} bytes");
            answering(refused("", StatusCode::PAYLOAD_TOO_LARGE, told))
        }
    };
    typed(StatusCode::OK, "application/json", answered.to_string())
}

/// What is read of a review.
#[derive(Deserialize)]
struct Review {
    #[serde(default)]
    kind: String,
    request: Asked,
}

#[derive(Deserialize)]
struct Asked {
    uid: String,
    #[serde(default)]
    operation: String,
    #[serde(default)]
    object: Value,
}

/// The answer to a review.
fn review_of(body: &[u8], judge: fn(Value) -> Result<Verdict, Fault>) -> Value {
    let wrong = |told: String| answering(refused("", StatusCode::BAD_REQUEST, told));
    if body.is_empty() {
        return wrong("request body is empty".to_owned());
    }
    let Review { kind, request } = match serde_json::from_slice(body) {
        Ok(review) => review,
        Err(error) => return wrong(format!("cannot read the AdmissionReview: {error}")),
    };
    if kind != "AdmissionReview" {
        return wrong(format!("cannot read the AdmissionReview: its kind is `{kind}`"));
    }
    let Asked { uid, operation, object } = request;
    let allowed = json!({"uid": uid, "allowed": true});
    if operation == "DELETE" {
        return answering(allowed);
    }
    let (mut response, warnings) = match judge(object) {
        Ok(Verdict { wrong, warnings }) if wrong.is_empty() => (allowed, warnings),
        Ok(Verdict { wrong, warnings }) => (refused(&uid, StatusCode::FORBIDDEN, wrong.join("\n")), warnings),
        Err(fault) => (refused(&uid, StatusCode::BAD_REQUEST, fault.chain()), Vec::new()),
    };
    if !warnings.is_empty() {
        response["warnings"] = json!(warnings);
    }
    answering(response)
}

fn refused(uid: &str, code: StatusCode, message: String) -> Value {
    let reason = match code {
        StatusCode::FORBIDDEN => "Forbidden",
        StatusCode::PAYLOAD_TOO_LARGE => "RequestEntityTooLarge",
        _ => "BadRequest",
    };
    json!({"uid": uid, "allowed": false, "status": {"code": code.as_u16(), "reason": reason, "message": message}})
}

fn answering(response: Value) -> Value {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
}

fn read<K: DeserializeOwned>(object: Value, kind: &str) -> Result<K, Fault> {
    if let Some(other) = object["kind"].as_str().filter(|other| *other != kind) {
        return Err(Fault::wrong(format!("cannot read the {kind}")).because(format!("it is of the kind {other}")));
    }
    // serde_json quotes no value of a type that holds none; specs of ours hold references.
    serde_json::from_value(object).map_err(|error| Fault::wrong(format!("cannot read the {kind}")).because(error))
}

fn external_secret(object: Value) -> Result<Verdict, Fault> {
    let es: ExternalSecret = read(object, "ExternalSecret")?;
    Ok(Verdict { wrong: admission::check(&es), warnings: Vec::new() })
}

fn secret_store(object: Value) -> Result<Verdict, Fault> {
    read(object, "SecretStore").map(|store: SecretStore| of_store(&Store::from(&store)))
}

fn cluster_secret_store(object: Value) -> Result<Verdict, Fault> {
    read(object, "ClusterSecretStore").map(|store: ClusterSecretStore| of_store(&Store::from(&store)))
}

fn of_store(store: &Store) -> Verdict {
    let mut verdict = Verdict::default();
    for pattern in store.conditions().iter().flat_map(|condition| &condition.namespace_regexes) {
        verdict.wrong.extend(settings::pattern(pattern).err().map(|fault| fault.chain()));
    }
    match store.refresh_interval() {
        Ok(Some(interval)) if interval.to_signed().is_negative() => {
            verdict.wrong.push(format!("invalid refreshInterval {interval}: it is negative"));
        }
        Ok(_) => {}
        Err(fault) => verdict.wrong.push(format!("invalid refreshInterval: {}", fault.chain())),
    }
    let found = store.provider().as_object().map_or(0, serde_json::Map::len);
    if found != 1 {
        let told = format!("secret stores must only have exactly one backend specified, found {found}");
        verdict.wrong.push(told);
        return verdict;
    }
    match registry::store(store.provider()) {
        Ok((row, settings)) => {
            let tenant = Tenant::new(store.object(), store.namespace.clone());
            verdict.wrong.extend((row.check)(settings, &tenant).iter().map(Fault::chain));
            if row.maintenance != Maintenance::Maintained {
                let name = &store.name;
                let told = format!("store {name} isn't currently maintained. Please plan and prepare accordingly.");
                verdict.warnings.push(told);
            }
        }
        // The peer's other providers are stored: their condition says so, too.
        Err(fault) => verdict.warnings.push(fault.chain()),
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(operation: &str, object: Value, judge: fn(Value) -> Result<Verdict, Fault>) -> Value {
        let review = json!({"kind": "AdmissionReview",
            "request": {"uid": "u-1", "operation": operation, "object": object}});
        let answer = review_of(review.to_string().as_bytes(), judge);
        assert_eq!((&answer["response"]["uid"], &answer["kind"]), (&json!("u-1"), &json!("AdmissionReview")));
        answer["response"].clone()
    }

    fn store(spec: &Value) -> Value {
        json!({"metadata": {"name": "s", "namespace": "n"}, "spec": spec})
    }

    #[test]
    fn what_is_wrong_is_refused_with_every_sentence_and_a_deletion_never() {
        let bad = json!({"metadata": {"name": "db"}, "spec": {"refreshInterval": "1d", "data": []}});
        let told = asked("CREATE", bad.clone(), external_secret);
        assert_eq!((&told["allowed"], &told["status"]["code"]), (&json!(false), &json!(403)));
        let message = told["status"]["message"].as_str().unwrap_or_default();
        let expected = "time: unknown unit \"d\" in duration \"1d\"\neither data or dataFrom should be specified";
        assert!(message.ends_with(expected), "{message}");
        assert_eq!(asked("DELETE", bad, external_secret), json!({"uid": "u-1", "allowed": true}));
        let odd = json!({"metadata": {"name": "db"}, "spec": {"data": "no list"}});
        let told = asked("UPDATE", odd, external_secret);
        assert_eq!((&told["allowed"], &told["status"]["code"]), (&json!(false), &json!(400)));
    }

    #[test]
    fn a_store_is_judged_by_its_provider() {
        let fake = json!({"fake": {"data": []}});
        for (spec, expected) in [
            (json!({"provider": {}}), "secret stores must only have exactly one backend specified, found 0"),
            (
                json!({"provider": {"fake": {}, "vault": {}}}),
                "secret stores must only have exactly one backend specified, found 2",
            ),
            (json!({"provider": fake, "refreshInterval": "-5s"}), "invalid refreshInterval -5s: it is negative"),
            (
                json!({"provider": fake, "conditions": [{"namespaceRegexes": ["("]}]}),
                "cannot compile the expression `(`: error parsing regexp",
            ),
            (json!({"provider": fake, "refreshInterval": "5x"}), "time: unknown unit \"x\" in duration \"5x\""),
            (
                json!({"provider": {"vault": {"server": "http://127.0.0.1:1",
                    "auth": {"tokenSecretRef": {"name": "t", "key": "k", "namespace": "other"}}}}}),
                "namespace should either be empty or match the namespace of the SecretStore for a namespaced SecretStore",
            ),
        ] {
            let told = asked("CREATE", store(&spec), secret_store);
            let message = told["status"]["message"].as_str().unwrap_or_default();
            assert!(told["allowed"] == false && message.contains(expected), "{spec}: {told}");
        }
        let told = asked("CREATE", store(&json!({"provider": fake})), secret_store);
        let warning = "store s isn't currently maintained. Please plan and prepare accordingly.";
        assert_eq!(told, json!({"uid": "u-1", "allowed": true, "warnings": [warning]}));
        let told = asked("CREATE", store(&json!({"provider": {"akeyless": {}}})), cluster_secret_store);
        assert_eq!(told["warnings"], json!(["provider not available: `akeyless`"]));
    }
}
