//! A canary in every value of roads 4 to 7, in good times and bad: it sings in Secrets and nowhere else – in no log line of any level and
//! of any crate, no event, status, metadata, metric, and nothing that `explain` tells, neither plain nor as base64.
//! Command lines have theirs in the binary's tests. Specification: design §8; issue "The house" §5.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use operator::reloader::Settings;
use serde_json::{Value, json};
use testkit::Vault;
use testkit::canary::{CANARY, song};
use testkit::http::{Answer, Misbehaviour};
use testkit::vault::{Engine, Role};
use tracing_subscriber::fmt::MakeWriter;

use crate::external_secret::{V1, external_secret};
use crate::sealed_secret::{sealed_secret, start_with};
use crate::stage::Stage;
use crate::{
    external_secret as eso, push_secret as push, reloader, sealed_secret as sealed, vault_static_secret as vso,
};

/// Hears every log line of this test's thread, on which all tasks of its runtime run.
struct Ear {
    heard: Heard,
    _second: tracing::Dispatch,
    _listening: tracing::subscriber::DefaultGuard,
}

#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<u8>>>);

impl io::Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Heard {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Ear {
    fn open() -> Self {
        let heard = Heard::default();
        let lines =
            tracing_subscriber::fmt().with_ansi(false).with_max_level(tracing::Level::TRACE).with_writer(heard.clone());
        // With a single dispatcher, tracing asks only that of the thread which meets a line first – another test's, which
        // has none – and never speaks of the line again. With two it asks all.
        let second = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(std::io::sink);
        let second = tracing::Dispatch::new(second.finish());
        Self { heard, _second: second, _listening: tracing::subscriber::set_default(lines.finish()) }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.heard.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

fn encoded(text: &str) -> String {
    base::encoding::Base64::Standard.encode(text.as_bytes())
}

/// Panics where the canary sings in a text.
fn is_silent(place: &str, text: &str) {
    if let Some(song) = song(text) {
        panic!("the canary sings in {place}: …{song}…");
    }
}

/// Looks at everything that a process tells; `objects` are looked at without their specs and data, which hold values by right.
async fn look(stage: &Stage, ear: &Ear, objects: &[(&str, &str)]) {
    let heard = ear.text();
    assert!(heard.contains("TRACE") && heard.contains(" INFO "), "lines of every level are heard: {heard}");
    is_silent("a log line", &heard);
    let metrics = stage.metrics.as_ref().expect("a process runs").text().expect("metrics");
    is_silent("a metric", &String::from_utf8_lossy(&metrics));
    for event in stage.list("v1", "Event").await.expect("the cluster answers") {
        is_silent("an event", &event.to_string());
    }
    for (version, kind) in objects {
        for mut object in stage.list(version, kind).await.expect("the cluster answers") {
            let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            let lines = stage.explained(kind, &name).await;
            is_silent("what explain tells", &lines.join("\n"));
            for by_right in ["spec", "data"] {
                object.as_object_mut().expect("an object").remove(by_right);
            }
            is_silent(&format!("{kind} {name}"), &object.to_string());
        }
    }
}

const SECRETS: (&str, &str) = ("v1", "Secret");

/// Templates, decodings and rewrites that fail over the value; `.canary` is it.
const FAILING: &[&str] = &[
    "{{ fail .canary }}",
    "{{ .canary | mustFromJson }}",
    "{{ .canary | mustToDate \"2006\" }}",
    "{{ index .canary \"x\" }}",
    "{{ .canary.deeper }}",
    "{{ .canary | pkcs12key }}",
    "{{ .canary | pemPrivateKey }}",
    "{{ .canary | jwkPublicKeyPem }}",
    "{{ template .canary }}",
    "{{ mustRegexMatch (printf \"(%s\" .canary) \"a\" }}",
    "{{ .canary | int | div 0 }}",
    "{{ call .canary }}",
    "{{ range .canary }}{{ end }}{{ slice .canary 900 }}",
];

fn failing_template(text: &str) -> Value {
    external_secret(json!({"target": {"creationPolicy": "Owner", "deletionPolicy": "Retain",
        "template": {"data": {"v": text}}}, "data": [{"secretKey": "canary", "remoteRef": {"key": "plain"}}]}))
}

/// What may go wrong with an ExternalSecret over a value.
fn failing() -> Vec<Value> {
    let one = |remote: Value| external_secret(json!({"data": [{"secretKey": "v", "remoteRef": remote}]}));
    let mut all: Vec<Value> = FAILING.iter().map(|text| failing_template(text)).collect();
    all.extend([
        one(json!({"key": "plain", "property": "a.b"})),
        one(json!({"key": "db", "property": "none"})),
        one(json!({"key": "plain", "decodingStrategy": "Base64"})),
        external_secret(json!({"data": [], "dataFrom": [{"extract": {"key": "plain"}}]})),
        external_secret(json!({"data": [], "dataFrom": [{"extract": {"key": "db", "decodingStrategy": "Base64"}}]})),
        external_secret(json!({"data": [], "dataFrom": [{"extract": {"key": "db"},
            "rewrite": [{"regexp": {"source": "(", "target": ""}}]}]})),
        external_secret(json!({"target": {"creationPolicy": "Owner", "deletionPolicy": "Retain",
            "template": {"type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": "{{ .canary }}"}}},
            "data": [{"secretKey": "canary", "remoteRef": {"key": "plain"}}]})),
    ]);
    all
}

#[tokio::test]
async fn external_secrets() {
    let ear = Ear::open();
    let mut stage = Stage::new("external-secrets", "canaries").await;
    eso::start(&mut stage).await;
    let values = json!([{"key": "plain", "value": CANARY}, {"key": "db", "value": json!({"password": CANARY, "n": [CANARY]}).to_string()}]);
    let fake = json!({"apiVersion": V1, "kind": "SecretStore", "metadata": {"name": "fake"}, "spec": {"provider": {"fake": {"data": values}}}});
    stage.apply(fake).await;
    let mut standing = Vec::new();
    for object in failing() {
        stage.apply(object.clone()).await;
        standing.extend((!eso::ready(&stage).await.starts_with("False")).then(|| object["spec"].to_string()));
        look(&stage, &ear, &[(V1, "ExternalSecret"), SECRETS]).await;
    }
    assert!(standing.is_empty(), "these do not fail: {standing:#?}");
    stage.apply(external_secret(json!({}))).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some(&*format!("password={CANARY}")));
    let standing = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}});
    stage.patch(&standing, json!({"data": {"password": "ZXZpbA=="}})).await;
    assert_eq!(stage.secret("db").await.as_deref(), Some(&*format!("password={CANARY}")), "drift is repaired");
    look(&stage, &ear, &[(V1, "ExternalSecret"), (V1, "SecretStore"), SECRETS]).await;
}

/// A login whose proof is the canary, and a Vault that answers nonsense, half an answer, or the value in the wrong place.
#[tokio::test]
async fn stores_in_trouble() {
    let ear = Ear::open();
    let mut stage = Stage::new("external-secrets", "canaries-in-trouble").await;
    let vault = Vault::start().await;
    vault.put("secret/db", json!({"password": CANARY}));
    vault.enable_auth("approle", "approle");
    vault.role("approle", "app", Role::app_role("role-1", CANARY));
    eso::start(&mut stage).await;
    let proof = encoded(CANARY);
    stage.apply(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "proof"}, "data": {"id": proof, "token": proof}})).await;
    let store = |auth: Value| {
        json!({"apiVersion": V1, "kind": "SecretStore", "metadata": {"name": "fake"},
            "spec": {"provider": {"vault": {"server": vault.url(), "path": "secret", "auth": auth}}}})
    };
    let by_role = |role: &str| {
        store(json!({"appRole": {"path": "approle", "roleId": role, "secretRef": {"name": "proof", "key": "id"}}}))
    };
    stage.apply(by_role("role-1")).await;
    stage.apply(external_secret(json!({}))).await;
    assert_eq!(
        stage.secret("db").await.as_deref(),
        Some(&*format!("password={CANARY}")),
        "{}",
        eso::ready(&stage).await
    );
    for (mark, store) in
        [by_role("role-2"), store(json!({"tokenSecretRef": {"name": "proof", "key": "token"}}))].into_iter().enumerate()
    {
        stage.apply(store).await;
        force(&stage, &format!("login-{mark}")).await;
        assert!(eso::ready(&stage).await.starts_with("False"), "{mark}");
    }
    stage.apply(by_role("role-1")).await;
    for (mark, body) in
        [format!("{{\"data\": {{\"data\": \"{CANARY}\"}}}}"), format!("{{\"data\": \"{CANARY}\"}}"), CANARY.to_owned()]
            .into_iter()
            .enumerate()
    {
        let told = Misbehaviour::Say(Answer::new(200, "application/json", body));
        vault.server().misbehave("GET", "/v1/secret/data/db", 1, told);
        force(&stage, &mark.to_string()).await;
        assert!(eso::ready(&stage).await.starts_with("False"), "{mark}");
        look(&stage, &ear, &[(V1, "ExternalSecret"), (V1, "SecretStore"), SECRETS]).await;
    }
}

async fn force(stage: &Stage, mark: &str) {
    stage.patch(&external_secret(json!({})), json!({"metadata": {"annotations": {"force-sync": mark}}})).await;
}

/// What is pushed, to a store that takes it, refuses it, has something else there, or answers nonsense.
#[tokio::test]
async fn pushed_secrets() {
    let ear = Ear::open();
    let (stage, vault) = push::stage("canaries-pushed").await;
    let objects = [(push::ALPHA, "PushSecret"), (V1, "SecretStore"), SECRETS];
    stage.apply(push::secret("src", &[("pw", CANARY)])).await;
    stage.apply(push::push_secret(json!({}))).await;
    assert_eq!(vault.value("secret/app/db"), Some(json!({"password": CANARY})), "{}", push::ready(&stage).await);
    look(&stage, &ear, &objects).await;
    let fails = async |extra: Value| {
        stage.apply(push::push_secret(extra)).await;
        assert!(push::ready(&stage).await.starts_with("False"), "{}", push::ready(&stage).await);
        look(&stage, &ear, &objects).await;
    };
    for text in ["{{ fail .pw }}", "{{ .pw | mustFromJson }}", "{{ .pw.deeper }}"] {
        fails(json!({"template": {"data": {"pw": text}}})).await;
    }
    let whole = json!({"match": {"secretKey": "pw", "remoteRef": {"remoteKey": "app/whole"}}});
    fails(json!({"data": [whole]})).await;
    vault.deny("secret/");
    fails(json!({})).await;
    vault.allow_all();
    let nonsense = Answer::new(200, "application/json", format!("{{\"data\": \"{CANARY}\"}}"));
    vault.server().misbehave("GET", "/v1/secret/", 99, Misbehaviour::Say(nonsense));
    fails(json!({"refreshInterval": "2h"})).await;
}

/// What is made is a value, too: a password of ours, and a login that Vault makes.
#[tokio::test]
async fn generators() {
    const GROUP: &str = "generators.external-secrets.io/v1alpha1";
    let ear = Ear::open();
    let mut stage = Stage::new("external-secrets", "canaries-of-generators").await;
    let vault = Vault::start().await;
    let login = json!({"lease_id": "database/creds/app/1", "lease_duration": 600, "renewable": true,
        "data": {"username": "app", "password": CANARY}});
    vault.server().misbehave("GET", "/v1/database/creds/app", 9, Misbehaviour::Say(Answer::json(200, &login)));
    eso::start(&mut stage).await;
    let token = encoded(testkit::vault::ROOT);
    stage
        .apply(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "vault"}, "data": {"token": token}}))
        .await;
    let auth = json!({"tokenSecretRef": {"name": "vault", "key": "token"}});
    let length = json!({"length": 30, "digits": 5, "symbols": 0, "noUpper": false, "allowRepeat": true});
    let dynamic =
        json!({"path": "/database/creds/app", "method": "GET", "provider": {"server": vault.url(), "auth": auth}});
    let mut made = Vec::new();
    for (kind, spec) in [("Password", length), ("VaultDynamicSecret", dynamic)] {
        stage.apply(json!({"apiVersion": GROUP, "kind": kind, "metadata": {"name": "new"}, "spec": spec})).await;
        let from = json!([{"sourceRef": {"generatorRef": {"apiVersion": GROUP, "kind": kind, "name": "new"}}}]);
        let mut object = external_secret(json!({"dataFrom": from, "data": []}));
        object["spec"].as_object_mut().expect("a spec").remove("secretStoreRef");
        stage.apply(object).await;
        force(&stage, kind).await;
        let data = stage.secret("db").await.expect("it is written");
        made.extend(data.split_whitespace().find_map(|word| word.strip_prefix("password=")).map(str::to_owned));
        look(&stage, &ear, &[(V1, "ExternalSecret"), SECRETS]).await;
    }
    assert_eq!((made[0].len(), made[1].as_str()), (30, CANARY));
    let events = json!(stage.list("v1", "Event").await.expect("the cluster answers")).to_string();
    assert!(!ear.text().contains(&made[0]) && !events.contains(&made[0]), "the password is told");
}

#[tokio::test]
async fn vault_secrets() {
    let ear = Ear::open();
    let (stage, vault) = vso::on("canaries").await;
    let objects = [(vso::V1, "VaultStaticSecret"), (vso::V1, "VaultAuth"), (vso::V1, "VaultConnection"), SECRETS];
    vault.put("secret/db", json!({"canary": CANARY, "map": {"a": CANARY}}));
    stage.apply(vso::secret(json!({}))).await;
    assert!(stage.secret("db").await.is_some_and(|data| data.contains(CANARY)));
    look(&stage, &ear, &objects).await;
    for text in FAILING {
        let text = text.replace(".canary", ".Secrets.canary");
        let transformation = json!({"excludeRaw": true, "templates": {"v": {"text": text}}});
        let destination = json!({"name": "db", "create": true, "transformation": transformation});
        stage.apply(vso::secret(json!({"destination": destination}))).await;
        look(&stage, &ear, &objects).await;
    }
    for (mark, body) in [format!("{{\"data\": {{\"data\": \"{CANARY}\"}}}}"), CANARY.to_owned()].into_iter().enumerate()
    {
        vault.server().misbehave(
            "GET",
            "/v1/secret/data/db",
            1,
            Misbehaviour::Say(Answer::new(200, "application/json", body)),
        );
        stage.patch(&vso::secret(json!({})), json!({"metadata": {"annotations": {"read": mark.to_string()}}})).await;
        let told = stage.condition(vso::V1, "VaultStaticSecret", "db", "SecretSynced").await;
        assert!(told.starts_with("False"), "{told}");
        look(&stage, &ear, &objects).await;
    }
}

/// What Vault makes: a login, also one that comes with nonsense, and a certificate's private key.
#[tokio::test]
async fn leases_and_certificates() {
    let ear = Ear::open();
    let (stage, vault) = vso::on("canaries-leases").await;
    let objects = [(vso::V1, "VaultDynamicSecret"), (vso::V1, "VaultPKISecret"), SECRETS];
    let login = |role: &str, data: Value| {
        let answer = json!({"lease_id": format!("database/creds/{role}/1"), "lease_duration": 3600, "renewable": true, "data": data});
        vault.server().misbehave(
            "GET",
            &format!("/v1/database/creds/{role}"),
            1,
            Misbehaviour::Say(Answer::json(200, &answer)),
        );
    };
    let dynamic = |role: &str| {
        let spec = json!({"vaultAuthRef": "app", "mount": "database", "path": format!("creds/{role}"),
            "destination": {"name": "creds", "create": true}});
        vso::object("VaultDynamicSecret", "creds", spec)
    };
    login("app", json!({"username": "app", "password": CANARY}));
    stage.apply(dynamic("app")).await;
    assert!(stage.secret("creds").await.is_some_and(|data| data.contains(CANARY)));
    look(&stage, &ear, &objects).await;
    login("broken", json!(CANARY));
    stage.apply(dynamic("broken")).await;
    let told = stage.condition(vso::V1, "VaultDynamicSecret", "creds", "SecretSynced").await;
    assert!(told.starts_with("False"), "{told}");
    look(&stage, &ear, &objects).await;
    vault.mount("pki", Engine::pki(&[("web", "example.com", 3600)]));
    let spec = json!({"vaultAuthRef": "app", "mount": "pki", "role": "web", "commonName": "web.example.com",
        "destination": {"name": "tls", "create": true, "type": "kubernetes.io/tls"}});
    stage.apply(vso::object("VaultPKISecret", "tls", spec)).await;
    look(&stage, &ear, &objects).await;
    let data = stage.secret("tls").await.expect("it is written");
    let key = data.split("-----BEGIN PRIVATE KEY-----").nth(1).expect("a key");
    let line = key.split_whitespace().next().expect("a line");
    assert!(line.len() > 40 && !ear.text().contains(line), "the private key is told");
}

#[tokio::test]
async fn sealed_secrets() {
    let ear = Ear::open();
    let mut stage = Stage::new("sealed-secrets", "canaries").await;
    // A key that is none must not be shown by whoever reads it.
    let canary = encoded(CANARY);
    let label = json!({"sealedsecrets.bitnami.com/sealed-secrets-key": "active"});
    stage
        .apply(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "broken", "labels": label},
        "type": "kubernetes.io/tls", "data": {"tls.key": canary, "tls.crt": canary}}))
        .await;
    let settings = sealed::settings(&stage);
    start_with(&mut stage, settings).await;
    let keys = sealed::keys(&stage).await;
    let objects = [(sealed::V1, "SealedSecret"), SECRETS];
    for (namespace, text) in FAILING.iter().map(|text| (stage.namespace(), *text)).chain([("another", "{{ .canary }}")])
    {
        let mut object = sealed_secret(&keys, namespace, &[("canary", CANARY)]);
        object["spec"]["template"] = json!({"data": {"v": text}});
        stage.apply(object).await;
        look(&stage, &ear, &objects).await;
    }
    stage.apply(sealed_secret(&keys, stage.namespace(), &[("canary", CANARY)])).await;
    assert!(stage.secret("db").await.is_some_and(|data| data.contains(CANARY)), "{}", sealed::synced(&stage).await);
    look(&stage, &ear, &objects).await;
    let key = keys.newest().expect("a key").private.to_pem();
    let line = key.expose().lines().nth(3).expect("a PEM of many lines").to_owned();
    assert!(!ear.text().contains(&line), "the private key is told");
}

#[tokio::test]
async fn restarts() {
    let ear = Ear::open();
    let mut stage = Stage::new("reloader", "canaries").await;
    reloader::start(&mut stage, Settings::default()).await;
    let secret = |text: &str| {
        let value = encoded(text);
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "data": {"password": value}})
    };
    let mut web = reloader::deployment("web", reloader::auto());
    web["spec"]["template"]["spec"]["containers"][0]["envFrom"] = json!([{"secretRef": {"name": "db"}}]);
    stage.apply(secret("first")).await;
    stage.apply(web).await;
    stage.apply(secret(CANARY)).await;
    assert_eq!(stage.events().await.len(), 1, "it restarts");
    look(&stage, &ear, &[SECRETS]).await;
    let web = stage.object("apps/v1", "Deployment", "web").await.expect("it stands");
    is_silent("the workload", &web.to_string());
}

/// The ear hears, and the songs are known: without this the others could not fail.
#[test]
fn a_canary_that_sings_is_heard() {
    let ear = Ear::open();
    let encoded = encoded(&format!("password: {CANARY}\n"));
    tracing::trace!(target: "anybody", value = encoded, "told");
    assert!(ear.text().contains(&encoded));
    for text in [ear.text(), format!("{{\"v\": \"{CANARY}\"}}")] {
        std::panic::catch_unwind(|| is_silent("a test", &text)).expect_err("it is found");
    }
}
