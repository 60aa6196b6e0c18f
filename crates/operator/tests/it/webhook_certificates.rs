//! The certificate controller: what it makes, renews and writes where, under exactly its peer's role, on the sandbox and on a
//! real API server. Specification: ESO §6.14, §12.4.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base::Timestamp;
use base::encoding::Base64;
use operator::cluster::Cluster;
use operator::external_secrets::serving_certificate::{belong_together, vouched};
use operator::external_secrets::webhook_certificates::{Place, Webhook, look};
use operator::shared::Clock;
use serde_json::{Value, json};
use testkit::peer_role::certificate_controller;
use testkit::scenario::Scenario;

use crate::stage::{Death, Mortal};

/// The chart's names of the configurations are one per cluster, so there is one test at a time on a real one.
static ONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

const ADMISSION: &str = "admissionregistration.k8s.io/v1";
const CONFIGURATION: &str = "ValidatingWebhookConfiguration";
const DEFINITION: (&str, &str) = ("apiextensions.k8s.io/v1", "CustomResourceDefinition");
const NAME: &str = "external-secrets-webhook";

const STORED: &str = "PATCH secrets";
const FIRST: &str = "PUT /apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/externalsecret-validate";
const SECOND: &str = "PUT /apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/secretstore-validate";

/// What the chart installs, a CRD that asks for a conversion webhook, and what belongs to others. No object of this cluster
/// fits the configurations: they must not hold up the tests beside this one.
const MANIFESTS: &str = "
apiVersion: v1
kind: Secret
metadata: {name: external-secrets-webhook, labels: {external-secrets.io/component: webhook}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: externalsecret-validate, labels: {external-secrets.io/component: webhook}}
webhooks:
- name: validate.externalsecret.external-secrets.io
  rules: [{apiGroups: [external-secrets.io], apiVersions: [v1], operations: [CREATE], resources: [externalsecrets], scope: Namespaced}]
  clientConfig: {service: {namespace: old, name: old, path: /validate-external-secrets-io-v1-externalsecret}}
  admissionReviewVersions: [v1]
  sideEffects: None
  failurePolicy: Fail
  objectSelector: {matchLabels: {test: $NS}}
- name: validate.example.com
  rules: [{apiGroups: [external-secrets.io], apiVersions: [v1], operations: [CREATE], resources: [externalsecrets], scope: Namespaced}]
  clientConfig: {service: {namespace: old, name: other, path: /other}}
  admissionReviewVersions: [v1]
  sideEffects: None
  failurePolicy: Ignore
  objectSelector: {matchLabels: {test: $NS}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: secretstore-validate, labels: {external-secrets.io/component: webhook}}
webhooks:
- name: validate.secretstore.external-secrets.io
  rules: [{apiGroups: [external-secrets.io], apiVersions: [v1], operations: [CREATE], resources: [secretstores], scope: Namespaced}]
  clientConfig: {url: 'https://127.0.0.1:1/validate-external-secrets-io-v1-secretstore'}
  admissionReviewVersions: [v1]
  sideEffects: None
  failurePolicy: Fail
  objectSelector: {matchLabels: {test: $NS}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: foreign-$NS}
webhooks:
- name: validate.externalsecret.external-secrets.io
  rules: [{apiGroups: [external-secrets.io], apiVersions: [v1], operations: [CREATE], resources: [externalsecrets], scope: Namespaced}]
  clientConfig: {service: {namespace: old, name: old, path: /old}}
  admissionReviewVersions: [v1]
  sideEffects: None
  failurePolicy: Ignore
  objectSelector: {matchLabels: {test: $NS}}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.$NS.example.com}
spec:
  group: $NS.example.com
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, listKind: WidgetList}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
  conversion:
    strategy: Webhook
    webhook: {conversionReviewVersions: [v1], clientConfig: {service: {namespace: old, name: old, path: /convert}}}
";

/// A cluster with all of it, and a controller that can be started again and again.
struct Ground {
    scenario: Scenario,
    client: kube::Client,
    moment: Arc<Mutex<Timestamp>>,
    webhook: Webhook,
    _alone: tokio::sync::MutexGuard<'static, ()>,
}

impl Ground {
    async fn new(name: &str) -> Self {
        let alone = ONE.lock().await;
        let scenario = Scenario::begin("external-secrets", name).await;
        // What a test that failed has left behind.
        for left in ["externalsecret-validate", "secretstore-validate"] {
            let _ = scenario.delete(ADMISSION, CONFIGURATION, left).await;
        }
        scenario.given(MANIFESTS).await;
        let namespace = scenario.namespace().to_owned();
        let place = || Place { namespace: namespace.clone(), name: NAME.to_owned() };
        let crd = format!("widgets.{namespace}.example.com");
        let client = scenario.client_as("certs", &certificate_controller(&namespace, &[&crd])).await;
        let webhook = Webhook { service: place(), secret: place(), crds: vec![crd], crd_interval: Duration::ZERO };
        let moment = Arc::new(Mutex::new(at("2026-01-01T00:00:00Z")));
        Self { scenario, client, moment, webhook, _alone: alone }
    }

    /// One look of a controller that was just started; what it wrote, sorted.
    async fn pass(&self) -> Vec<String> {
        let (told, writes) = self.look().await;
        told.expect("it looks");
        writes
    }

    async fn look(&self) -> (Result<bool, base::Fault>, Vec<String>) {
        let life = Mortal::new(None);
        let told = self.life(&life).await;
        (told, life.writes())
    }

    async fn life(&self, life: &Mortal) -> Result<bool, base::Fault> {
        let cluster = Cluster::new(life.client(self.client.clone(), self.scenario.namespace()));
        look(&cluster, &Clock::Fixed(Arc::clone(&self.moment)), &self.webhook, true).await
    }

    fn everything(&self) -> Vec<String> {
        let third = format!("PUT /apis/apiextensions.k8s.io/v1/customresourcedefinitions/{}", self.webhook.crds[0]);
        vec![STORED.to_owned(), FIRST.to_owned(), SECOND.to_owned(), third]
    }

    async fn found(&self, (api_version, kind): (&str, &str), name: &str) -> Value {
        self.scenario.find(api_version, kind, name).await.expect("the cluster answers").expect("it stands there")
    }

    async fn secret(&self) -> Value {
        self.found(("v1", "Secret"), NAME).await
    }

    /// Whether the Secret holds a certificate that is good now, and everybody trusts its authority.
    async fn is_whole(&self) {
        let namespace = self.scenario.namespace();
        let secret = self.secret().await;
        assert_eq!(secret["metadata"]["labels"], json!({"external-secrets.io/component": "webhook"}));
        let part = |key: &str| {
            let text = secret["data"][key].as_str().unwrap_or_default();
            Base64::Standard.decode(text.as_bytes()).expect("the cluster holds base64")
        };
        let (certificate, server) = (part("tls.crt"), format!("{NAME}.{namespace}.svc"));
        let now = *self.moment.lock().expect("nobody panics while holding the moment");
        vouched(part("ca.crt").expose(), certificate.expose(), &server, now).expect("its authority vouches for it");
        assert!(belong_together(certificate.expose(), part("tls.key").expose()));
        assert!(belong_together(part("ca.crt").expose(), part("ca.key").expose()));
        let first = self.found((ADMISSION, CONFIGURATION), "externalsecret-validate").await;
        let second = self.found((ADMISSION, CONFIGURATION), "secretstore-validate").await;
        let crd = self.found(DEFINITION, &self.webhook.crds[0]).await;
        let authority = &secret["data"]["ca.crt"];
        for (client, path) in [
            (&first["webhooks"][0]["clientConfig"], json!("/validate-external-secrets-io-v1-externalsecret")),
            (&second["webhooks"][0]["clientConfig"], Value::Null),
            (&crd["spec"]["conversion"]["webhook"]["clientConfig"], json!("/convert")),
        ] {
            assert!(client["caBundle"] == *authority && client["url"].is_null(), "{client}");
            let service = &client["service"];
            let told = (&service["name"], &service["namespace"], &service["path"]);
            assert_eq!(told, (&json!(NAME), &json!(namespace), &path));
        }
        let foreign = self.found((ADMISSION, CONFIGURATION), &format!("foreign-{namespace}")).await;
        for (client, name) in
            [(&first["webhooks"][1]["clientConfig"], "other"), (&foreign["webhooks"][0]["clientConfig"], "old")]
        {
            assert!(client["service"]["name"] == name && client["caBundle"].is_null(), "{client}");
        }
    }

    async fn end(self) {
        self.scenario.end().await;
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a test's own timestamp")
}

#[tokio::test]
async fn a_certificate_is_made_and_trusted_once() {
    let ground = Ground::new("a-certificate-is-made-and-trusted").await;
    let (served, writes) = ground.look().await;
    assert_eq!((served.ok(), writes), (Some(false), ground.everything()), "nobody serves the webhook yet");
    ground.is_whole().await;
    let slice = "
        apiVersion: discovery.k8s.io/v1
        kind: EndpointSlice
        metadata: {name: webhook, labels: {kubernetes.io/service-name: external-secrets-webhook}}
        addressType: IPv4
        ports: [{port: 10250}]
        endpoints: [{addresses: [192.0.2.1], conditions: {ready: false}}]";
    ground.scenario.given(slice).await;
    let (served, writes) = ground.look().await;
    assert_eq!((served.ok(), writes), (Some(false), Vec::new()), "an endpoint that is not ready");
    let ready = json!({"endpoints": [{"addresses": ["192.0.2.1"], "conditions": {"ready": true}}]});
    ground.scenario.merge("discovery.k8s.io/v1", "EndpointSlice", "webhook", &ready).await.expect("it is changed");
    let (served, writes) = ground.look().await;
    assert_eq!((served.ok(), writes), (Some(true), Vec::new()), "another look writes nothing");
    // An upgrade of the chart writes its own again.
    let chart = json!({"webhooks": [{"name": "validate.secretstore.external-secrets.io",
        "rules": [], "admissionReviewVersions": ["v1"], "sideEffects": "None",
        "clientConfig": {"service": {"name": NAME, "namespace": ground.scenario.namespace()}}}]});
    ground.scenario.merge(ADMISSION, CONFIGURATION, "secretstore-validate", &chart).await.expect("it is changed");
    assert_eq!(ground.pass().await, [SECOND]);
    ground.is_whole().await;
    ground.end().await;
}

#[tokio::test]
async fn what_is_no_good_certificate_is_made_anew() {
    let ground = Ground::new("no-good-certificate-is-made-anew").await;
    ground.pass().await;
    for (what, change, now) in [
        ("emptied", json!({"data": null}), None),
        ("a key of nobody", json!({"data": {"tls.key": "bm9uZQ=="}}), None),
        ("no authority", json!({"data": {"ca.crt": null}}), None),
        ("an authority that is none", json!({"data": {"ca.crt": "bm9uZQ=="}}), None),
        ("less than ninety days", json!({}), Some("2035-10-15T00:00:00Z")),
        ("expired", json!({}), Some("2046-01-01T00:00:00Z")),
    ] {
        let before = ground.secret().await["data"]["ca.crt"].clone();
        ground.scenario.merge("v1", "Secret", NAME, &change).await.expect("it is changed");
        if let Some(now) = now {
            *ground.moment.lock().expect("nobody panics while holding the moment") = at(now);
        }
        assert_eq!(ground.pass().await, ground.everything(), "{what}");
        ground.is_whole().await;
        assert_ne!(ground.secret().await["data"]["ca.crt"], before, "{what}");
        assert_eq!(ground.pass().await, Vec::<String>::new(), "{what}: once");
    }
    ground.end().await;
}

#[tokio::test]
async fn a_good_certificate_is_kept_until_ninety_days_before_its_end() {
    let ground = Ground::new("a-good-certificate-is-kept").await;
    ground.pass().await;
    *ground.moment.lock().expect("nobody panics while holding the moment") = at("2035-09-15T00:00:00Z");
    assert_eq!(ground.pass().await, Vec::<String>::new());
    ground.end().await;
}

#[tokio::test]
async fn a_killed_controller_is_continued() {
    let ground = Ground::new("a-killed-controller-is-continued").await;
    let all = ground.everything();
    for (death, left) in [
        (Death { at: STORED, is_done: false }, &all[..]),
        (Death { at: STORED, is_done: true }, &all[1..]),
        (Death { at: FIRST, is_done: false }, &all[1..]),
        (Death { at: FIRST, is_done: true }, &all[2..]),
        (Death { at: SECOND, is_done: false }, &all[2..]),
        (Death { at: SECOND, is_done: true }, &all[3..]),
    ] {
        ground.scenario.merge("v1", "Secret", NAME, &json!({"data": null})).await.expect("it is changed");
        let life = Mortal::new(Some(death));
        tokio::select! {
            _ = ground.life(&life) => panic!("it was to be killed at {death:?}"),
            () = life.dead() => {}
        }
        let stored = ground.secret().await["data"]["ca.crt"].clone();
        assert_eq!(ground.pass().await, left, "{death:?}");
        ground.is_whole().await;
        assert!(stored.is_null() || ground.secret().await["data"]["ca.crt"] == stored, "{death:?}: made twice");
        assert_eq!(ground.pass().await, Vec::<String>::new(), "{death:?}");
    }
    ground.end().await;
}

#[tokio::test]
async fn what_cannot_be_done_is_told_and_holds_nothing_else_up() {
    let mut ground = Ground::new("what-cannot-be-done-is-told").await;
    let namespace = ground.scenario.namespace().to_owned();
    // Another release's configuration, which the role does not name; it comes first.
    let other = format!(
        "
        apiVersion: {ADMISSION}
        kind: {CONFIGURATION}
        metadata: {{name: another-$NS, labels: {{external-secrets.io/component: webhook}}}}
        webhooks:
        - name: validate.externalsecret.external-secrets.io
          rules: []
          clientConfig: {{service: {{namespace: old, name: old}}}}
          admissionReviewVersions: [v1]
          sideEffects: None"
    );
    ground.scenario.given(&other).await;
    let (told, writes) = ground.look().await;
    let told = told.expect_err("one is not ours to write").chain();
    assert!(told.contains(&format!("another-{namespace}")) && told.contains("forbidden"), "{told}");
    let refused = format!("PUT /apis/{ADMISSION}/validatingwebhookconfigurations/another-{namespace}");
    let expected: Vec<String> = [&ground.everything()[..1], &[refused], &ground.everything()[1..]].concat();
    assert_eq!(writes, expected);
    ground.is_whole().await;
    ground.scenario.delete(ADMISSION, CONFIGURATION, &format!("another-{namespace}")).await.expect("it is deleted");
    ground.webhook.crds.push("gone.example.com".to_owned());
    let told = ground.look().await.0.expect_err("a CRD is not there").chain();
    assert!(told.contains("there is no CRD gone.example.com"), "{told}");
    // The chart makes the Secret; the role may not.
    ground.scenario.delete("v1", "Secret", NAME).await.expect("it is deleted");
    let told = ground.look().await.0.expect_err("it may not make one").chain();
    assert!(told.starts_with("cannot store the webhook's certificate") && told.contains("forbidden"), "{told}");
    // Whoever may gets one.
    ground.webhook.crds.pop();
    ground.client = ground.scenario.client();
    assert_eq!(ground.pass().await[0], "POST secrets");
    assert_eq!(ground.pass().await, Vec::<String>::new());
    ground.end().await;
}
