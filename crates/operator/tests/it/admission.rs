//! The validating webhook as the API server asks it: on a real one through a configuration whose `clientConfig.url` is ours, in
//! memory by the reviews that it would send; and reviews that no API server sends. Specification: ESO §9.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base::Timestamp;
use base::encoding::Base64;
use kube::api::PostParams;
use operator::external_secrets::admission::routes;
use operator::external_secrets::serving_certificate::issue;
use operator::listener::tls::{Files, Tls, Version};
use operator::listener::{Listener, Routes};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};
use testkit::scenario::Scenario;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use crate::posted::{Told, posted};

const KINDS: [(&str, &str); 3] = [
    ("ExternalSecret", "externalsecret"),
    ("SecretStore", "secretstore"),
    ("ClusterSecretStore", "clustersecretstore"),
];

/// A webhook that listens; its files go with it.
struct Hook {
    address: SocketAddr,
    authority: String,
    _folder: tempfile::TempDir,
}

impl Hook {
    async fn start() -> Self {
        let issued = issue("127.0.0.1", Timestamp::now()).expect("it can be made");
        let folder = tempfile::tempdir().expect("a folder");
        let files = Files { certificate: folder.path().join("tls.crt"), key: folder.path().join("tls.key") };
        std::fs::write(&files.certificate, &issued.certificate).expect("a file of the test's own folder");
        std::fs::write(&files.key, issued.key.expose()).expect("a file of the test's own folder");
        let listener = Listener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.address().expect("a bound socket");
        let tls = Tls::of_files(files, Version::Tls12).expect("good files");
        tokio::spawn(listener.secured(Some(tls)).serve(routes(Routes::default()), std::future::pending()));
        Self { address, authority: issued.authority, _folder: folder }
    }

    /// What it answers to a body.
    async fn post(&self, path: &str, body: &[u8]) -> Told {
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_slice(self.authority.as_bytes()).expect("an authority of ours");
        roots.add(root).expect("an authority of ours");
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let stream = TcpStream::connect(self.address).await.expect("it listens");
        let name = ServerName::try_from("127.0.0.1").expect("a name");
        let shaken = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
        let stream = shaken.expect("its authority vouches for it");
        posted(stream, path, "content-type: application/json", body).await
    }

    /// The response to a review.
    async fn reviewed(&self, path: &str, body: &[u8]) -> Value {
        let Told { status, body, .. } = self.post(path, body).await;
        let answer: Value = serde_json::from_str(&body).expect("JSON");
        let told = (status, &answer["apiVersion"], &answer["kind"]);
        assert_eq!(told, (200, &json!("admission.k8s.io/v1"), &json!("AdmissionReview")), "{answer}");
        answer["response"].clone()
    }
}

/// A cluster that asks the webhook before it stores anything with the test's label.
struct Ground {
    scenario: Scenario,
    hook: Hook,
}

impl Ground {
    async fn new(name: &str) -> Self {
        let scenario = Scenario::begin("external-secrets", name).await;
        scenario.install(&api::kinds::crds(&api::kinds::Unions::default())).await;
        let ground = Self { scenario, hook: Hook::start().await };
        if ground.scenario.is_real() {
            ground.configure().await;
        }
        ground
    }

    async fn configure(&self) {
        let namespace = self.scenario.namespace();
        let hooks = KINDS.map(|(_, word)| {
            json!({
                "name": format!("validate.{word}.external-secrets.io"),
                "rules": [{"apiGroups": ["external-secrets.io"], "apiVersions": ["v1"],
                    "operations": ["CREATE", "UPDATE", "DELETE"], "resources": [format!("{word}s")], "scope": "*"}],
                "clientConfig": {"url": format!("https://{}{}", self.hook.address, path(word)),
                    "caBundle": Base64::Standard.encode(self.hook.authority.as_bytes())},
                "admissionReviewVersions": ["v1", "v1beta1"], "sideEffects": "None", "timeoutSeconds": 5,
                "failurePolicy": "Fail", "objectSelector": {"matchLabels": {"test": namespace}},
            })
        });
        let configuration = json!({"apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "ValidatingWebhookConfiguration", "metadata": {"name": namespace}, "webhooks": hooks});
        self.scenario.create(&configuration).await.expect("the cluster takes it");
        // A configuration is heeded some moments after it was stored.
        let until = Instant::now() + Duration::from_secs(40);
        let bad = json!({"provider": {"fake": {"data": []}}, "conditions": [{"namespaceRegexes": ["("]}]});
        for object in [external_secret(json!({})), store("SecretStore", bad.clone()), store("ClusterSecretStore", bad)]
        {
            let is_asked =
                async || self.refusal(object.clone()).await.is_some_and(|told| told.contains("denied the request"));
            while !is_asked().await {
                assert!(Instant::now() < until, "the cluster does not ask the webhook: {object}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// Why an object is refused, if it is; it is not stored.
    async fn refusal(&self, mut object: Value) -> Option<String> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (api_version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
        object["metadata"]["labels"] = json!({"test": self.scenario.namespace()});
        if kind != "ClusterSecretStore" {
            object["metadata"]["namespace"] = json!(self.scenario.namespace());
        }
        if self.scenario.is_real() {
            let api = self.scenario.api(&api_version, &kind).await.expect("it is served");
            let params = PostParams { dry_run: true, ..PostParams::default() };
            let object = serde_json::from_value(object).expect("an object");
            return match api.create(&params, &object).await {
                Ok(_) => None,
                Err(kube::Error::Api(status)) => Some(status.message),
                Err(error) => panic!("the cluster does not answer: {error}"),
            };
        }
        let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
            "request": {"uid": "u-1", "operation": "CREATE", "object": object, "oldObject": null, "dryRun": true}});
        let told = self.hook.reviewed(&path(&kind.to_lowercase()), review.to_string().as_bytes()).await;
        assert_eq!(told["uid"], "u-1");
        (told["allowed"] != json!(true)).then(|| text(&told["status"]["message"]))
    }
}

fn path(word: &str) -> String {
    format!("/validate-external-secrets-io-v1-{word}")
}

fn external_secret(spec: Value) -> Value {
    json!({"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "metadata": {"name": "db"}, "spec": spec})
}

fn store(kind: &str, spec: Value) -> Value {
    json!({"apiVersion": "external-secrets.io/v1", "kind": kind, "metadata": {"name": "s"}, "spec": spec})
}

#[expect(clippy::too_many_lines, reason = "a table")]
#[tokio::test]
async fn bad_objects_are_refused_in_the_peers_words_and_good_ones_pass() {
    let ground = Ground::new("bad-objects-are-refused").await;
    let data = json!([{"secretKey": "a", "remoteRef": {"key": "r"}}]);
    let twice = json!([{"secretKey": "a", "remoteRef": {"key": "r"}}, {"secretKey": "a", "remoteRef": {"key": "s"}}]);
    let within = json!({"name": "s"});
    let token = "kubernetes.io/service-account-token";
    let fake = json!({"fake": {"data": []}});
    for (object, told) in [
        (external_secret(json!({"secretStoreRef": within, "data": data})), &[][..]),
        (
            external_secret(json!({"secretStoreRef": within, "dataFrom": [{"sourceRef": {"generatorRef":
                {"apiVersion": "generators.external-secrets.io/v1alpha1", "kind": "Password", "name": "p"}}}]})),
            &[],
        ),
        (external_secret(json!({"secretStoreRef": within})), &["either data or dataFrom should be specified"]),
        (
            external_secret(
                json!({"secretStoreRef": within, "target": {"creationPolicy": "Merge", "deletionPolicy": "Delete"}}),
            ),
            &[
                "either data or dataFrom should be specified\n",
                "deletionPolicy=Delete must not be used when the controller doesn't own the secret. Please set creationPolicy=Owner",
            ],
        ),
        (
            external_secret(
                json!({"secretStoreRef": within, "data": data, "target": {"creationPolicy": "None", "deletionPolicy": "Merge"}}),
            ),
            &["deletionPolicy=Merge must not be used with creationPolicy=None. There is no Secret to merge with"],
        ),
        (external_secret(json!({"secretStoreRef": within, "data": twice})), &["duplicate secretKey found: a"]),
        (
            external_secret(json!({"secretStoreRef": within, "dataFrom": [{}]})),
            &["either extract, find, or sourceRef must be set to dataFrom"],
        ),
        (
            external_secret(
                json!({"secretStoreRef": within, "dataFrom": [{"extract": {"key": "k"}, "find": {"name": {"regexp": "."}}}]}),
            ),
            &["extract, find, or generatorRef cannot be set at the same time"],
        ),
        (
            external_secret(json!({"secretStoreRef": within, "data": data, "target": {"template": {"type": token,
                "metadata": {"annotations": {"kubernetes.io/service-account.name": "admin"}}}}})),
            &[
                "template.type=\"kubernetes.io/service-account-token\" with annotation \"kubernetes.io/service-account.name\" is not allowed",
            ],
        ),
        (
            external_secret(
                json!({"secretStoreRef": within, "data": data, "target": {"template": {"type": "bootstrap.kubernetes.io/token"}}}),
            ),
            &["template.type=\"bootstrap.kubernetes.io/token\" is not allowed"],
        ),
        (
            external_secret(json!({"secretStoreRef": within, "data": data, "refreshInterval": "1d"})),
            &["time: unknown unit \"d\" in duration \"1d\""],
        ),
        (store("SecretStore", json!({"provider": fake})), &[]),
        (store("ClusterSecretStore", json!({"provider": fake})), &[]),
        (
            store("ClusterSecretStore", json!({"provider": fake, "conditions": [{"namespaceRegexes": ["("]}]})),
            &["cannot compile the expression `(`: error parsing regexp: "],
        ),
        (
            store(
                "SecretStore",
                json!({"provider": {"vault": {"server": "http://127.0.0.1:1", "path": "secret",
                "auth": {"tokenSecretRef": {"name": "t", "key": "k", "namespace": "other"}}}}}),
            ),
            &[
                "namespace should either be empty or match the namespace of the SecretStore for a namespaced SecretStore",
            ],
        ),
    ] {
        let refusal = ground.refusal(object.clone()).await;
        assert_eq!(refusal.is_some(), !told.is_empty(), "{object}: {refusal:?}");
        for told in told {
            assert!(refusal.as_ref().is_some_and(|refusal| refusal.contains(told)), "{object}: {refusal:?}");
        }
    }
    ground.scenario.end().await;
}

#[tokio::test]
async fn what_is_no_review_gets_a_clear_answer_and_the_next_one_is_served() {
    let hook = Hook::start().await;
    let review = |request: Value| json!({"kind": "AdmissionReview", "request": request}).to_string();
    let good = external_secret(json!({"data": [{"secretKey": "a", "remoteRef": {"key": "r"}}]}));
    let good = review(json!({"uid": "u", "operation": "CREATE", "object": good}));
    let path = path("externalsecret");
    let deep = format!(r#"{{"kind": "AdmissionReview", "request": {{"uid": "u", "object": {}"#, "[".repeat(100_000));
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}, "data": {"p": "c2VjcmV0"}});
    for (body, code, told) in [
        (String::new(), 400, "request body is empty"),
        ("x".to_owned(), 400, "cannot read the AdmissionReview: "),
        ("[]".to_owned(), 400, "cannot read the AdmissionReview: "),
        ("5".to_owned(), 400, "cannot read the AdmissionReview: "),
        ("null".to_owned(), 400, "cannot read the AdmissionReview: "),
        ("\"kind\"".to_owned(), 400, "cannot read the AdmissionReview: "),
        ("{}".to_owned(), 400, "missing field `request`"),
        (deep, 400, "recursion limit exceeded"),
        (review(Value::Null), 400, "cannot read the AdmissionReview: "),
        (review(json!([])), 400, "cannot read the AdmissionReview: "),
        (review(json!({})), 400, "missing field `uid`"),
        (review(json!({"uid": 5})), 400, "cannot read the AdmissionReview: "),
        (good.replace("AdmissionReview", "Pod"), 400, "its kind is `Pod`"),
        (review(json!({"uid": "u", "operation": "CREATE"})), 400, "cannot read the ExternalSecret"),
        (review(json!({"uid": "u", "operation": "CREATE", "object": 5})), 400, "cannot read the ExternalSecret"),
        (review(json!({"uid": "u", "operation": "CREATE", "object": {"kind": "ExternalSecret"}})), 400, "cannot read"),
        (review(json!({"uid": "u", "operation": "CREATE", "object": secret})), 400, "it is of the kind Secret"),
        (" ".repeat(8 * 1024 * 1024), 413, "request entity is too large; limit is 7340032 bytes"),
    ] {
        let start: String = body.chars().take(80).collect();
        let answer = hook.reviewed(&path, body.as_bytes()).await;
        assert_eq!((&answer["allowed"], &answer["status"]["code"]), (&json!(false), &json!(code)), "{start}: {answer}");
        let message = answer["status"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(told) && !message.contains("c2VjcmV0") && message.len() < 300, "{start}: {message}");
        assert!(answer["uid"].is_string(), "{start}: {answer}");
        assert_eq!(hook.reviewed(&path, good.as_bytes()).await, json!({"uid": "u", "allowed": true}), "after {start}");
    }
    let mut binary = good.clone().into_bytes();
    binary[10] = 0xff;
    assert_eq!(hook.reviewed(&path, &binary).await["allowed"], json!(false));
    let deletion = review(json!({"uid": "u", "operation": "DELETE", "object": null, "oldObject": {"spec": {}}}));
    assert_eq!(hook.reviewed(&path, deletion.as_bytes()).await, json!({"uid": "u", "allowed": true}));
    let other = hook.post("/validate-other", good.as_bytes()).await;
    assert_eq!((other.status, &*other.body), (404, "404 page not found\n"));
}
