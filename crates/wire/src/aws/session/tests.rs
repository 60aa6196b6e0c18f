//! Whose keys count, roles one after the other, and keys got once – against a stand-in STS and metadata services.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use base::{Fault, Kind, SecretBytes, SecretText, Timestamp};

use crate::aws::call::Call;
use crate::aws::endpoint::{Endpoints, SSM, STS};
use crate::aws::roles::Role;
use crate::aws::session::{Identity, Session, Settings};
use crate::client::Client;
use crate::environment::Surroundings;
use crate::secret_source::SecretSource;
use crate::stand_in::{Asked, Reply, StandIn, everything};

type Variables<'a> = &'a [(&'a str, &'a str)];

fn given() -> Identity {
    Identity::Keys { access_key_id: "AK0".into(), secret_access_key: "canary-0".into(), session_token: None }
}

fn open(settings: Settings, surroundings: Surroundings) -> Result<Arc<Session>, Fault> {
    Session::open(&Client::new(crate::client::Settings::default()), settings, surroundings)
}

fn settings(server: &StandIn, identity: Identity) -> Settings {
    let endpoints = Endpoints::default().with_all(&server.url("")).unwrap();
    Settings { region: Some("us-east-1".to_owned()), identity, endpoints, ..Settings::new() }
}

fn surroundings(variables: Variables<'_>, files: Variables<'_>) -> Surroundings {
    let files: BTreeMap<String, String> =
        files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    let off = [("AWS_EC2_METADATA_DISABLED", "true"), ("HOME", "/u")];
    Surroundings {
        environment: off.iter().chain(variables).copied().collect(),
        read_file: Arc::new(move |path| match files.get(path) {
            Some(text) => Ok(SecretBytes::from(text.as_str())),
            None => Err(Fault::not_found(format!("cannot read file `{path}`"))),
        }),
    }
}

/// STS: each answer gives keys named after the role that was asked for.
async fn sts(life: &'static str) -> StandIn {
    StandIn::start(move |asked, _| {
        let form = asked.form();
        let Some(action) = form.get("Action") else { return Reply::new(200, "{}") };
        let role = form["RoleArn"].rsplit('/').next().unwrap().to_owned();
        let end = life.parse::<jiff::Span>().map_or_else(|_| life.to_owned(), |life| (Timestamp::now() + life).to_string());
        Reply::new(
            200,
            format!(
                "<{action}Response><{action}Result><Credentials><AccessKeyId>AK-{role}</AccessKeyId><SecretAccessKey>canary\
                 </SecretAccessKey><SessionToken>canary-{role}</SessionToken><Expiration>{end}</Expiration></Credentials>\
                 <AssumedRoleUser/></{action}Result></{action}Response>"
            ),
        )
    })
    .await
}

fn signer(asked: &Asked) -> String {
    let authorization = asked.header("authorization");
    authorization.split("Credential=").nth(1).map_or(String::new(), |rest| rest.split('/').next().unwrap().to_owned())
}

fn read() -> Call {
    Call::json(SSM, "AmazonSSM.GetParameter", &serde_json::json!({"Name": "/a"}))
}

#[tokio::test]
async fn roles_are_assumed_one_after_the_other_and_once_for_all_calls() {
    let server = sts("PT1H").await;
    let last = Role {
        external_id: "ext".to_owned(),
        session_name: "external-secrets-provider-aws".to_owned(),
        tags: vec![("esoNamespace".to_owned(), "team".to_owned()), ("b".to_owned(), "2".to_owned())],
        transitive_tag_keys: vec!["esoNamespace".to_owned()],
        duration_seconds: Some(1800),
        ..Role::new("arn:aws:iam::1:role/last")
    };
    let roles = vec![Role::new("arn:aws:iam::1:role/first"), last];
    let session = open(Settings { roles, ..settings(&server, given()) }, Surroundings::none()).unwrap();
    let call = read();
    let calls = futures::future::join_all((0..200).map(|_| session.call(&call))).await;
    assert!(calls.iter().all(Result::is_ok));
    let asked = server.asked();
    assert_eq!(asked.len(), 202);
    assert_eq!(
        (signer(&asked[0]), signer(&asked[1]), signer(&asked[2])),
        ("AK0".into(), "AK-first".into(), "AK-last".into())
    );
    assert_eq!(asked[1].header("x-amz-security-token"), "canary-first");
    let (first, last) = (asked[0].form(), asked[1].form());
    assert_eq!((first["RoleSessionName"].as_str(), first.len()), ("keywright", 4));
    let expected = [
        ("Action", "AssumeRole"),
        ("DurationSeconds", "1800"),
        ("ExternalId", "ext"),
        ("RoleArn", "arn:aws:iam::1:role/last"),
        ("RoleSessionName", "external-secrets-provider-aws"),
        ("Tags.member.1.Key", "esoNamespace"),
        ("Tags.member.1.Value", "team"),
        ("Tags.member.2.Key", "b"),
        ("Tags.member.2.Value", "2"),
        ("TransitiveTagKeys.member.1", "esoNamespace"),
        ("Version", "2011-06-15"),
    ];
    assert_eq!(last.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn keys_near_their_end_are_got_anew() {
    for (life, expected) in [("PT1H", 1), ("PT90S", 2)] {
        let server = sts(life).await;
        let roles = vec![Role::new("arn:aws:iam::1:role/r")];
        let session = open(Settings { roles, ..settings(&server, given()) }, Surroundings::none()).unwrap();
        session.credentials().await.unwrap();
        session.credentials().await.unwrap();
        assert_eq!(server.count(), expected, "{life}");
    }
}

#[tokio::test]
async fn a_role_that_is_refused_is_named_and_asked_once_for_all_who_wait() {
    let server = StandIn::start(|_, _| {
        let body = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not authorized to perform: sts:AssumeRole with \
                    canary-0</Message></Error></ErrorResponse>";
        Reply::new(403, body).after(Duration::from_millis(200))
    })
    .await;
    let roles = vec![Role::new("arn:aws:iam::1:role/r")];
    let session = open(Settings { roles, ..settings(&server, given()) }, Surroundings::none()).unwrap();
    let call = read();
    for fault in futures::future::join_all((0..50).map(|_| session.call(&call))).await {
        let fault = fault.err().unwrap();
        assert_eq!(fault.kind(), Kind::Denied);
        assert_eq!(
            fault.chain(),
            "cannot assume role `arn:aws:iam::1:role/r`: cannot call sts AssumeRole: AccessDenied: not authorized to perform: \
             sts:AssumeRole with ****"
        );
        assert!(!everything(&fault).contains("canary"));
    }
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn a_web_identity_is_shown_unsigned() {
    let server = sts("PT1H").await;
    let times = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&times);
    let token = SecretSource::ask(move || {
        counted.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { Ok(SecretText::from("jwt\n")) })
    });
    let identity = Identity::WebIdentity { role: Role::new("arn:aws:iam::1:role/irsa"), token };
    let session = open(settings(&server, identity), Surroundings::none()).unwrap();
    assert_eq!(times.load(Ordering::SeqCst), 0, "nothing is asked for before it is needed");
    session.call(&read()).await.unwrap();
    let asked = server.asked();
    assert!(!asked[0].headers.contains_key("authorization"));
    let form = asked[0].form();
    assert_eq!((form["Action"].as_str(), form["WebIdentityToken"].as_str()), ("AssumeRoleWithWebIdentity", "jwt"));
    assert_eq!(signer(&asked[1]), "AK-irsa");
}

#[tokio::test]
async fn the_default_chain_has_the_order_of_the_sdks() {
    let server = sts("PT1H").await;
    let keys = [("AWS_ACCESS_KEY_ID", "AK-env"), ("AWS_SECRET_ACCESS_KEY", "s")];
    let web = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/token"),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/web"),
        ("AWS_ROLE_SESSION_NAME", "n"),
    ];
    let files = [
        (
            "/u/.aws/config",
            "[profile chain]\nrole_arn = arn:aws:iam::1:role/chain\nsource_profile = keys\n[profile run]\ncredential_process = printf '{\"Version\":1,\"AccessKeyId\":\"AK-run\",\"SecretAccessKey\":\"s\"}'",
        ),
        (
            "/u/.aws/credentials",
            "[default]\naws_access_key_id = AK-default\naws_secret_access_key = s\n[keys]\naws_access_key_id = AK-file\naws_secret_access_key = s",
        ),
        ("/elsewhere", "[default]\naws_access_key_id = AK-elsewhere\naws_secret_access_key = s"),
        ("/token", "jwt"),
    ];
    let all: Vec<_> = keys.iter().chain(&web).copied().collect();
    let cases: [(Variables<'_>, Option<&str>, &str); 9] = [
        (&all, None, "AK-env"),
        (&web, None, "AK-web"),
        (&[], None, "AK-default"),
        (&[("AWS_PROFILE", "keys")], None, "AK-file"),
        (&[("AWS_PROFILE", "chain")], None, "AK-chain"),
        (&[("AWS_PROFILE", "run")], None, "AK-run"),
        (&all, Some("chain"), "AK-chain"),
        (&[keys[0], keys[1], ("AWS_PROFILE", "keys")], None, "AK-env"),
        (&[("AWS_SHARED_CREDENTIALS_FILE", "/elsewhere")], None, "AK-elsewhere"),
    ];
    for (variables, profile, expected) in cases {
        let identity = Identity::Default { profile: profile.map(str::to_owned) };
        let session = open(settings(&server, identity), surroundings(variables, &files)).unwrap();
        let got = session.credentials().await.unwrap_or_else(|fault| panic!("{expected}: {}", fault.chain()));
        assert_eq!(got.access_key_id, expected);
    }
}

#[tokio::test]
async fn without_keys_the_fault_says_what_to_set() {
    let server = sts("PT1H").await;
    let files = [(
        "/u/.aws/config",
        "[profile bad]\ncredential_process = echo canary; exit 3\n[profile talk]\ncredential_process = echo canary",
    )];
    let cases: [(Variables<'_>, Kind, &str); 5] = [
        (&[], Kind::Wrong, "cannot call AWS: no credentials were found"),
        (&[("AWS_PROFILE", "nowhere")], Kind::Wrong, "cannot find AWS profile `nowhere`"),
        (
            &[("AWS_PROFILE", "bad")],
            Kind::Wrong,
            "cannot get keys from the credential process of AWS profile `bad`: exit status 3",
        ),
        (
            &[("AWS_PROFILE", "talk")],
            Kind::Wrong,
            "cannot get keys from the credential process of AWS profile `talk`: it printed something else than the JSON of AWS' interface",
        ),
        (
            &[("AWS_WEB_IDENTITY_TOKEN_FILE", "/none"), ("AWS_ROLE_ARN", "r")],
            Kind::Wrong,
            "cannot assume role `r` with the token in `/none`: cannot read file `/none`",
        ),
    ];
    for (variables, kind, text) in cases {
        let session =
            open(settings(&server, Identity::Default { profile: None }), surroundings(variables, &files)).unwrap();
        let fault = session.credentials().await.err().unwrap();
        assert_eq!((fault.kind(), fault.chain().as_str()), (kind, text));
    }
    assert_eq!(server.count(), 0);
}

#[tokio::test]
async fn the_region_is_the_settings_then_the_variables_then_the_profiles() {
    let files = [("/u/.aws/config", "[default]\nregion = file-1\nendpoint_url = http://127.0.0.1:9")];
    let region = |own: Option<&str>, variables: &[(&str, &str)], files: &[(&str, &str)]| {
        let settings = Settings { region: own.map(str::to_owned), ..Settings::new() };
        open(settings, surroundings(variables, files)).map(|session| session.region().to_owned())
    };
    let variables = [("AWS_DEFAULT_REGION", "default-1"), ("AWS_REGION", "env-1")];
    assert_eq!(region(Some("own-1"), &variables, &files).unwrap(), "own-1");
    assert_eq!(region(None, &variables, &files).unwrap(), "env-1");
    assert_eq!(region(Some(""), &variables[..1], &files).unwrap(), "default-1");
    assert_eq!(region(None, &[], &files).unwrap(), "file-1");
    let fault = region(None, &[], &[]).err().unwrap();
    assert_eq!((fault.kind(), fault.to_string().as_str()), (Kind::Wrong, "cannot call AWS: no region is set"));
    let session = open(Settings::new(), surroundings(&[], &files)).unwrap();
    assert_eq!(session.endpoints().url(STS, "r").unwrap().as_str(), "http://127.0.0.1:9/");
}

#[tokio::test]
async fn metadata_services_are_asked_where_nothing_else_is_there() {
    let end = (Timestamp::now() + jiff::SignedDuration::from_hours(1)).to_string();
    let server = StandIn::start(move |asked, _| match asked.target.as_str() {
        "/latest/api/token" => Reply::new(200, "canary-imds"),
        "/latest/meta-data/iam/security-credentials/" => Reply::new(200, "node"),
        "/latest/meta-data/iam/security-credentials/node" => Reply::new(
            200,
            serde_json::json!({"Code": "Success", "AccessKeyId": "AK-node", "SecretAccessKey": "s", "Token": "t", "Expiration": end}).to_string(),
        ),
        "/pod" if asked.header("authorization") == "canary-pod" => Reply::new(
            200,
            serde_json::json!({"AccessKeyId": "AK-pod", "SecretAccessKey": "s", "Token": "t", "Expiration": end}).to_string(),
        ),
        _ => Reply::new(403, "canary"),
    })
    .await;
    let (node, pod) = (server.url(""), server.url("/pod"));
    let metadata = ("AWS_EC2_METADATA_DISABLED", "false");
    let endpoint = ("AWS_EC2_METADATA_SERVICE_ENDPOINT", node.as_str());
    let container = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", pod.as_str());
    let token = ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/pod-token");
    let got = async |variables: &[(&str, &str)]| {
        let files = [("/pod-token", "canary-pod\n")];
        let session =
            open(settings(&server, Identity::Default { profile: None }), surroundings(variables, &files)).unwrap();
        session.credentials().await
    };
    let node = got(&[metadata, endpoint]).await.unwrap();
    assert_eq!((node.access_key_id.as_str(), node.expires_at.is_some()), ("AK-node", true));
    assert_eq!(got(&[metadata, endpoint, container, token]).await.unwrap().access_key_id, "AK-pod");
    let fault = got(&[container]).await.err().unwrap();
    assert!(fault.to_string().contains("metadata service of this container"), "{fault}");
    assert!(!everything(&fault).contains("canary"), "{}", everything(&fault));
}

#[tokio::test]
async fn an_identity_proof_is_a_signed_question() {
    let identity = Identity::Keys {
        access_key_id: "AK0".into(),
        secret_access_key: "canary-0".into(),
        session_token: Some("canary-t".into()),
    };
    let settings = Settings { region: Some("eu-west-1".to_owned()), identity, ..Settings::new() };
    let session = open(settings, Surroundings::none()).unwrap();
    let proof = session.identity_proof("vault.example.com").await.unwrap();
    assert_eq!(proof.url, "https://sts.eu-west-1.amazonaws.com/");
    assert_eq!(proof.body, "Action=GetCallerIdentity&Version=2011-06-15");
    let header = |name: &str| proof.headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.expose());
    assert_eq!(header("x-vault-aws-iam-server-id"), "vault.example.com");
    assert!(header("authorization").contains("x-vault-aws-iam-server-id"), "the server id is signed");
    assert_eq!(header("x-amz-security-token"), "canary-t");
    assert!(
        !session.identity_proof("").await.unwrap().headers.iter().any(|(name, _)| name == "x-vault-aws-iam-server-id")
    );
}
