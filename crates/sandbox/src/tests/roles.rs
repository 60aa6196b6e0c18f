//! Roles, the recorder, tokens, reviews and troubles.

use std::time::Duration;

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::Api;
use kube::api::{DeleteParams, ListParams, PostParams};

use super::{create, refusal, sandbox, secret, secrets, widget, widgets};
use crate::{Fate, Role, Trouble};

fn rule(groups: &[&str], resources: &[&str], verbs: &[&str]) -> PolicyRule {
    let owned = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    PolicyRule {
        api_groups: Some(owned(groups)),
        resources: Some(owned(resources)),
        verbs: owned(verbs),
        ..PolicyRule::default()
    }
}

#[tokio::test]
async fn a_role_answers_with_the_servers_text_and_the_recorder_knows_what_was_used() {
    let sandbox = sandbox();
    let user = "system:serviceaccount:eso:external-secrets";
    let role = Role::new(user)
        .everywhere(&[rule(&["example.com"], &["widgets", "widgets/status"], &["get", "list", "update"])])
        .within("demo", &[rule(&[""], &["secrets"], &["create"])]);
    let client = sandbox.client_as(role);
    let made = create(&secrets(&client), &secret("db", "x")).await;
    let (code, reason, text) = refusal(secrets(&client).get("db").await);
    let expected = format!(
        "secrets \"db\" is forbidden: User \"{user}\" cannot get resource \"secrets\" in API group \"\" in the namespace \
         \"demo\""
    );
    assert_eq!((code, reason.as_str(), text), (403, "Forbidden", expected));
    let everywhere: Api<k8s_openapi::api::core::v1::Secret> = Api::all(client.clone());
    let (_, _, text) = refusal(everywhere.list(&ListParams::default()).await);
    let expected = format!(
        "secrets is forbidden: User \"{user}\" cannot list resource \"secrets\" in API group \"\" at the cluster scope"
    );
    assert_eq!(text, expected);
    create(&widgets(&sandbox.client()), &widget("w", 1)).await;
    let shown = widgets(&client).get("w").await.expect("it may");
    widgets(&client).replace_status("w", &PostParams::default(), &shown).await.expect("it may");
    let (_, _, text) = refusal(widgets(&client).delete("w", &DeleteParams::default()).await);
    assert!(text.contains("cannot delete resource \"widgets\" in API group \"example.com\""), "{text}");
    let recorder = sandbox.recorder();
    assert_eq!((recorder.count("create", "secrets"), recorder.count("*", "widgets/status")), (1, 1));
    let used: Vec<String> =
        recorder.rights().iter().map(|right| format!("{} {}", right.verb, right.resource)).collect();
    assert_eq!(used, ["create secrets", "create widgets", "get widgets", "update widgets/status"]);
    assert_eq!(recorder.writes().iter().filter(|request| request.user == user).count(), 3);
    assert_eq!(made.metadata.namespace.as_deref(), Some("demo"));
}

#[tokio::test]
async fn tokens_have_the_claims_of_real_ones() {
    let sandbox = sandbox();
    let accounts: Api<ServiceAccount> = Api::namespaced(sandbox.client(), "demo");
    let request = |seconds| TokenRequest {
        spec: TokenRequestSpec {
            audiences: vec!["vault".to_owned()],
            expiration_seconds: Some(seconds),
            ..Default::default()
        },
        ..Default::default()
    };
    let absent = refusal(accounts.create_token_request("app", &PostParams::default(), &request(600)).await);
    assert_eq!(absent.2, "serviceaccounts \"app\" not found");
    let account = ServiceAccount {
        metadata: kube::api::ObjectMeta { name: Some("app".to_owned()), ..Default::default() },
        ..Default::default()
    };
    let account = accounts.create(&PostParams::default(), &account).await.expect("an account");
    let short = refusal(accounts.create_token_request("app", &PostParams::default(), &request(5)).await);
    let text = "TokenRequest.authentication.k8s.io \"\" is invalid: spec.expirationSeconds: Invalid value: 5: may not \
                specify a duration less than 10 minutes";
    assert_eq!((short.0, short.2.as_str()), (422, text));
    let made = accounts.create_token_request("app", &PostParams::default(), &request(600)).await.expect("a token");
    let status = made.status.expect("a status");
    assert_eq!(status.expiration_timestamp.0.to_string(), "2026-01-02T03:14:05Z");
    let claims = status.token.split('.').nth(1).expect("three parts").to_owned();
    let claims = base::encoding::Base64::RawUrl.decode(claims.as_bytes()).expect("base64");
    let claims: serde_json::Value = serde_json::from_slice(claims.expose()).expect("JSON");
    assert_eq!(claims["sub"], "system:serviceaccount:demo:app");
    assert_eq!(claims["aud"], serde_json::json!(["vault"]));
    assert_eq!(claims["kubernetes.io"]["serviceaccount"]["uid"].as_str(), account.metadata.uid.as_deref());
}

#[tokio::test]
async fn reviews_tell_what_the_role_may() {
    use k8s_openapi::api::authorization::v1::{
        ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec, SelfSubjectRulesReview,
        SelfSubjectRulesReviewSpec,
    };
    let sandbox = sandbox();
    let client = sandbox.client_as(Role::new("us").within("demo", &[rule(&[""], &["secrets"], &["get"])]));
    for (namespace, rules) in [("demo", 1), ("other", 0)] {
        let spec = SelfSubjectRulesReviewSpec { namespace: Some(namespace.to_owned()) };
        let asked = SelfSubjectRulesReview { spec, ..Default::default() };
        let told = Api::all(client.clone()).create(&PostParams::default(), &asked).await.expect("a review");
        assert_eq!(told.status.expect("a status").resource_rules.len(), rules);
    }
    for (verb, allowed) in [("get", true), ("list", false)] {
        let attributes = ResourceAttributes {
            namespace: Some("demo".to_owned()),
            verb: Some(verb.to_owned()),
            resource: Some("secrets".to_owned()),
            ..Default::default()
        };
        let spec = SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() };
        let asked = SelfSubjectAccessReview { spec, ..Default::default() };
        let told = Api::all(client.clone()).create(&PostParams::default(), &asked).await.expect("a review");
        assert_eq!(told.status.expect("a status").allowed, allowed, "{verb}");
    }
}

#[tokio::test]
async fn troubles_strike_what_they_match_and_so_often_as_told() {
    let sandbox = sandbox();
    let api = secrets(&sandbox.client());
    create(&api, &secret("db", "x")).await;
    for (fate, code) in [
        (Fate::Forbidden, 403),
        (Fate::Conflict, 409),
        (Fate::Busy { retry_after_seconds: 1 }, 429),
        (Fate::Broken, 500),
        (Fate::Away, 503),
        (Fate::Timeout, 504),
    ] {
        let struck = sandbox.trouble(Trouble::on("get", "secrets", fate).named("db").times(1));
        assert_eq!(refusal(api.get("other").await).0, 404, "another name is left alone");
        assert_eq!(refusal(api.get("db").await).0, code);
        api.get("db").await.expect("it is over");
        assert_eq!(struck.hits(), 1);
    }
    let before = sandbox.recorder().requests().len();
    sandbox.trouble(Trouble::on("get", "secrets", Fate::Broken).times(1));
    secrets(&sandbox.quiet_client()).get("db").await.expect("the test's own hands meet no trouble");
    assert_eq!(sandbox.recorder().requests().len(), before);
    assert_eq!(refusal(api.get("db").await).0, 500);
    let struck = sandbox.trouble(Trouble::on("*", "*", Fate::Disconnect).within("demo"));
    assert!(!matches!(api.get("db").await, Ok(_) | Err(kube::Error::Api(_))));
    struck.end();
    sandbox.trouble(Trouble::on("create", "secrets", Fate::LoseAnswer).times(1));
    assert!(api.create(&PostParams::default(), &secret("lost", "x")).await.is_err());
    api.get("lost").await.expect("the work was done");
    let hanging = sandbox.trouble(Trouble::on("get", "secrets", Fate::Hang));
    assert!(tokio::time::timeout(Duration::from_millis(20), api.get("db")).await.is_err());
    assert_eq!(hanging.hits(), 1);
    let unanswered = sandbox.recorder().requests().iter().filter(|request| request.code == 0).count();
    assert_eq!(unanswered, 2, "what got no answer is on record, too");
}
