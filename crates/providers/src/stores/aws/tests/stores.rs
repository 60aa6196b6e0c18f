//! The stores of AWS against an AWS that counts what it is asked. Specification: ESO §10.1–10.3, §15.

use base::{ObjectRef, SecretMap, Tenant};
use serde_json::json;
use source::{Find, Locator, MetadataPolicy, PushEntry};
use testkit::Aws;
use testkit::aws::{ACCESS_KEY, SECRET_KEY};
use testkit::http::{Answer, Misbehaviour};

use super::super::*;
use crate::reach::Retrying;
use crate::resolver::tests::reach;
use crate::stand_in::{Objects, extract, place, read, told, value, whole, words};

fn keys() -> Value {
    json!({"secretRef": {"accessKeyIDSecretRef": {"name": "aws", "key": "id"},
        "secretAccessKeySecretRef": {"name": "aws", "key": "secret"}}})
}

fn objects() -> Objects {
    Objects::default().with("n/aws", "id", ACCESS_KEY).with("n/aws", "secret", SECRET_KEY)
}

fn settings_of(service: &str, extra: Value) -> Value {
    let mut all = json!({"service": service, "region": "eu-central-1", "auth": keys()});
    for (name, value) in extra.as_object().into_iter().flatten() {
        all[name] = value.clone();
    }
    json!({"aws": all})
}

fn reach_of(aws: &Aws) -> Reach {
    let url = aws.url();
    reach(&[], &[("AWS_ENDPOINT_URL", url.as_str()), ("AWS_EC2_METADATA_DISABLED", "true")]).0
}

async fn opened(aws: &Aws, service: &str, extra: Value) -> Client {
    let client = objects().open(settings_of(service, extra), &reach_of(aws)).await;
    client.unwrap_or_else(|fault| panic!("{}", fault.chain()))
}

async fn push(client: &Client, entry: &PushEntry) -> String {
    told(client.push(entry).await, |pushed| format!("{pushed:?}"))
}

fn names(found: Result<SecretMap, Fault>) -> String {
    told(found, |found| found.names().cloned().collect::<Vec<_>>().join(" "))
}

fn with_metadata(mut entry: PushEntry, spec: Value) -> PushEntry {
    let (version, kind) = ("kubernetes.external-secrets.io/v1alpha1", "PushSecretMetadata");
    entry.metadata = Some(json!({"apiVersion": version, "kind": kind, "spec": spec}));
    entry
}

#[tokio::test]
async fn secrets_are_read_by_name_version_and_property() {
    let aws = Aws::start().await;
    aws.put_secret("team/db", r#"{"user":"u","n":1.50,"a.b":"dotted"}"#);
    aws.put_secret("team/plain", "first");
    aws.put_secret("team/plain", "second");
    let client = opened(&aws, "SecretsManager", json!({"prefix": "team/"})).await;
    assert_eq!(read(&client, "db", Some("user")).await, "u");
    assert_eq!(read(&client, "db", Some("a.b")).await, "dotted");
    assert_eq!(read(&client, "db", Some("nope")).await, "Wrong: key nope does not exist in secret db");
    assert_eq!(extract(&client, "db").await, "a.b=dotted n=1.50 user=u");
    assert!(extract(&client, "plain").await.starts_with("Wrong: unable to unmarshal secret plain"));
    assert!(read(&client, "gone", None).await.starts_with("NotFound"));
    for (version, expected) in [("AWSPREVIOUS", "first"), ("uuid/00000000-0000-4000-8000-000000000003", "second")] {
        let at = Locator { version: Some(version.to_owned()), ..Locator::of("plain") };
        let payload = client.fetch(&at).await.unwrap_or_else(|fault| panic!("{}", fault.chain()));
        let bytes = client.select(&at, &payload, None).map(|value| source::select::bytes(&value));
        assert!(bytes.is_ok_and(|bytes| bytes.expose() == expected.as_bytes()), "{version}");
    }
    assert!(matches!(client.validate().await, Ok(source::Validity::Ready)));
    aws.deny("GetSecretValue");
    assert!(read(&client, "db", None).await.starts_with("Denied"), "a refusal is no missing secret");
}

#[tokio::test]
async fn a_pushed_secret_is_ours_tagged_and_written_only_if_it_differs() {
    let aws = Aws::start().await;
    aws.put_secret("foreign", "theirs");
    let client = opened(&aws, "SecretsManager", json!({})).await;
    assert!(!client.exists(&place("new", None)).await.unwrap());
    let text = |entry| with_metadata(entry, json!({"secretPushFormat": "string", "tags": {"team": "a"}}));
    assert_eq!(push(&client, &text(value("new", None, "v1"))).await, "Stored");
    assert_eq!(aws.secret("new").as_deref(), Some("v1"));
    let tags = aws.secret_tags("new");
    assert_eq!((tags["managed-by"].as_str(), tags["team"].as_str()), ("external-secrets", "a"));
    assert_eq!(push(&client, &text(value("new", None, "v1"))).await, "Unchanged");
    assert_eq!(aws.count("PutSecretValue"), 0);
    assert_eq!(push(&client, &text(value("new", None, "v2"))).await, "Stored");
    assert_eq!(aws.secret("new").as_deref(), Some("v2"));
    let tagged = with_metadata(value("new", None, "v2"), json!({"secretPushFormat": "string", "tags": {"owner": "b"}}));
    assert_eq!(push(&client, &tagged).await, "Stored");
    assert_eq!(aws.secret_tags("new").keys().cloned().collect::<Vec<_>>(), ["managed-by", "owner"]);
    // Bytes go as bytes, and come back as they went.
    assert_eq!(push(&client, &value("bytes", None, "b")).await, "Stored");
    assert_eq!(read(&client, "bytes", None).await, "b");
    assert_eq!(aws.count("GetResourcePolicy") + aws.count("DeleteResourcePolicy"), 0, "nobody spoke of a policy");
    assert_eq!(push(&client, &value("p", Some("a"), "1")).await, "Stored");
    assert_eq!(push(&client, &value("p", Some("b.c"), "2")).await, "Stored");
    assert_eq!(read(&client, "p", None).await, r#"{"a":"1","b":{"c":"2"}}"#);
    assert!(client.exists(&place("p", Some("b.c"))).await.unwrap());
    assert!(!client.exists(&place("p", Some("z"))).await.unwrap());
    assert_eq!(push(&client, &whole("w", &[("k", "v"), ("a", "<b>")])).await, "Stored");
    assert_eq!(read(&client, "w", None).await, r#"{"a":"<b>","k":"v"}"#);
    let refused = push(&client, &value("foreign", None, "evil")).await;
    assert_eq!(refused, "Conflict: cannot push to `foreign`: secret not managed by external-secrets");
    client.delete(&place("foreign", None)).await.expect("it is left alone");
    assert_eq!(aws.secret("foreign").as_deref(), Some("theirs"));
    client.delete(&place("p", Some("a"))).await.unwrap();
    assert_eq!(read(&client, "p", None).await, r#"{"b":{"c":"2"}}"#, "what others pushed stays");
    client.delete(&place("new", None)).await.unwrap();
    assert!(read(&client, "new", None).await.starts_with("NotFound"), "what waits for its deletion is gone");
    client.delete(&place("new", None)).await.expect("twice is once");
    let wrong = push(&client, &with_metadata(value("x", None, "v"), json!({"tagz": {}}))).await;
    assert!(wrong.starts_with("Wrong: failed to parse PushSecret metadata: unknown field `tagz`"), "{wrong}");
}

#[tokio::test]
async fn a_policy_is_set_where_the_metadata_name_one() {
    let aws = Aws::start().await;
    let objects = objects().with("n/policy", "json", r#"{"Version": "2012-10-17"}"#);
    let client = objects.open(settings_of("SecretsManager", json!({})), &reach_of(&aws)).await;
    let client = client.unwrap_or_else(|fault| panic!("{}", fault.chain()));
    let spec = json!({"resourcePolicy": {"policySourceRef": {"kind": "ConfigMap", "name": "policy", "key": "json"}}});
    let entry = with_metadata(value("s", None, "v"), spec);
    assert_eq!(push(&client, &entry).await, "Stored");
    assert_eq!(aws.count("PutResourcePolicy"), 1);
    assert_eq!(push(&client, &entry).await, "Unchanged");
    assert_eq!(aws.count("PutResourcePolicy"), 1, "the same policy is not set again");
    assert_eq!(push(&client, &value("s", None, "v")).await, "Unchanged");
    assert_eq!(aws.count("DeleteResourcePolicy"), 0);
}

#[tokio::test]
async fn searches_take_the_calls_that_fit() {
    let aws = Aws::start().await;
    for number in 0..45 {
        aws.put_secret(&format!("app/{number:02}"), "v");
    }
    let client = opened(&aws, "SecretsManager", json!({"prefix": "app/"})).await;
    let find = |path: Option<&str>, name: &str| Find {
        path: path.map(str::to_owned),
        name: Some(name.to_owned()),
        ..Find::default()
    };
    assert_eq!(names(client.find(&find(None, "^app/0[12]$")).await), "app/01 app/02", "the prefix is not put in twice");
    assert_eq!((aws.count("ListSecrets"), aws.count("GetSecretValue")), (1, 2));
    assert_eq!(names(client.find(&find(Some("app/"), "4[0-9]$")).await), "app/40 app/41 app/42 app/43 app/44");
    assert_eq!((aws.count("BatchGetSecretValue"), aws.count("GetSecretValue")), (3, 2), "45 values in three pages");
    push(&client, &value("tagged", None, "t")).await;
    let tags = Find { tags: [("managed-by".to_owned(), "external-secrets".to_owned())].into(), ..Find::default() };
    assert_eq!(told(client.find(&tags).await, words), "app/tagged=t");
    assert_eq!(names(client.find(&Find::default()).await), "Wrong: unexpected find operator");
}

#[tokio::test]
async fn roles_are_assumed_one_after_the_other() {
    let aws = Aws::start().await;
    aws.put_secret("s", "v");
    let arn = |name: &str| format!("arn:aws:iam::123456789012:role/{name}");
    let extra = json!({"role": arn("last"), "additionalRoles": [arn("first")], "externalID": "ext",
        "sessionTags": [{"key": "k", "value": "v"}], "transitiveTagKeys": ["k"], "sessionTagsPolicy": "Custom",
        "customSessionTags": {"mine": "1"}});
    let client = opened(&aws, "SecretsManager", extra.clone()).await;
    assert_eq!(read(&client, "s", None).await, "v");
    assert_eq!(read(&client, "s", None).await, "v");
    let assumed = aws.assumed();
    let told: Vec<(&str, &str)> = assumed.iter().map(|one| (one.role.as_str(), one.external_id.as_str())).collect();
    assert_eq!(told, [(arn("first").as_str(), ""), (arn("last").as_str(), "ext")], "once for all reads");
    let tags: Vec<String> = assumed[1].tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_eq!(tags, ["esoNamespace=n", "esoStoreKind=SecretStore", "esoStoreName=store", "k=v", "mine=1"]);
    assert!(assumed[0].tags.is_empty());
}

#[tokio::test]
async fn a_service_account_is_its_role() {
    let aws = Aws::start().await;
    aws.put_secret("s", "v");
    let auth = json!({"auth": {"jwt": {"serviceAccountRef": {"name": "reader", "audiences": ["more"]}}}});
    let role = "arn:aws:iam::123456789012:role/reader";
    let objects = Objects::default().with_account("n/reader", &[("eks.amazonaws.com/role-arn", role)]);
    let client = objects.open(settings_of("SecretsManager", auth.clone()), &reach_of(&aws)).await;
    let client = client.unwrap_or_else(|fault| panic!("{}", fault.chain()));
    assert_eq!(read(&client, "s", None).await, "v");
    let assumed = aws.assumed();
    assert_eq!((assumed[0].role.as_str(), assumed[0].session.as_str()), (role, "external-secrets-provider-aws"));
    let token = assumed[0].web_identity.clone().expect("a token was shown");
    let claims = base::encoding::Base64::RawUrl.decode(token.split('.').nth(1).unwrap_or_default().as_bytes());
    let claims: Value = serde_json::from_slice(claims.expect("base64").expose()).expect("claims");
    assert_eq!(claims["aud"], json!(["sts.amazonaws.com", "more"]));
    let bare = Objects::default().with_account("n/reader", &[]);
    let refused = bare.open(settings_of("SecretsManager", auth.clone()), &reach_of(&aws)).await;
    let refused = told(refused, |_| String::new());
    assert_eq!(refused, "Wrong: an IAM role must be associated with service account reader");
    aws.deny("AssumeRoleWithWebIdentity");
    let denied = objects.open(settings_of("SecretsManager", auth), &reach_of(&aws)).await;
    let denied = denied.unwrap_or_else(|_| panic!("opening asks nobody"));
    assert!(told(denied.validate().await, |_| String::new()).starts_with("Denied: cannot assume role"));
}

#[tokio::test]
async fn parameters_are_read_searched_and_pushed() {
    let aws = Aws::start().await;
    for number in 0..25 {
        aws.put_parameter(&format!("/app/{number:02}"), &number.to_string());
    }
    aws.put_parameter("/app/doc", r#"{"user":"u"}"#);
    aws.put_parameter("/other", "o");
    let client = opened(&aws, "ParameterStore", json!({})).await;
    assert_eq!(read(&client, "/app/doc", Some("user")).await, "u");
    assert!(read(&client, "/gone", None).await.starts_with("NotFound"));
    let find = |path: Option<&str>, name: &str| Find {
        path: path.map(str::to_owned),
        name: Some(name.to_owned()),
        ..Find::default()
    };
    assert_eq!(names(client.find(&find(Some("/app"), "2[34]$")).await), "/app/23 /app/24");
    assert_eq!((aws.count("GetParametersByPath"), aws.count("GetParameter")), (3, 2), "values come with the pages");
    aws.deny("GetParametersByPath");
    assert_eq!(names(client.find(&find(None, "other")).await), "/other", "each is read where trees may not be");
    aws.allow_all();
    let secure = with_metadata(value("/new", None, "v"), json!({"secretType": "SecureString", "tags": {"team": "a"}}));
    assert_eq!(push(&client, &secure).await, "Stored");
    assert_eq!(push(&client, &secure).await, "Unchanged");
    assert_eq!(
        push(&client, &value("/new", Some("p"), "x")).await,
        "Wrong: cannot set a property: what stands there is no JSON object"
    );
    let tags = Find { tags: [("team".to_owned(), "a".to_owned())].into(), ..Find::default() };
    assert_eq!(told(client.find(&tags).await, words), "/new=v");
    let at = Locator { metadata: MetadataPolicy::Fetch, ..Locator::of("/new") };
    let payload = client.fetch(&at).await.expect("its tags are read");
    let managed = client.select(&at, &payload, Some("managed-by")).map(|value| source::select::bytes(&value));
    assert!(managed.is_ok_and(|bytes| bytes.expose() == b"external-secrets"));
    let retagged =
        with_metadata(value("/new", None, "v"), json!({"secretType": "SecureString", "tags": {"team": "b"}}));
    assert_eq!(push(&client, &retagged).await, "Stored", "tags follow although the value stands");
    let refused = push(&client, &value("/other", None, "evil")).await;
    assert_eq!(refused, "Conflict: cannot push to `/other`: secret not managed by external-secrets");
    client.delete(&place("/other", None)).await.expect("it is left alone");
    assert_eq!(aws.parameter("/other").as_deref(), Some("o"));
    client.delete(&place("/new", None)).await.unwrap();
    assert!(!client.exists(&place("/new", None)).await.unwrap());
}

#[test]
fn settings_that_cannot_be_meant_are_refused() {
    let tenant = Tenant::new(ObjectRef::new("SecretStore", "n", "s"), "");
    let own = "namespace should either be empty or match the namespace of the SecretStore for a namespaced SecretStore";
    for (extra, expected) in [
        (json!({}), ""),
        (json!({"region": "us-gov-west-1"}), ""),
        (json!({"region": "nowhere"}), "region not found: nowhere"),
        (
            json!({"secretsManager": {"forceDeleteWithoutRecovery": true, "recoveryWindowInDays": 7}}),
            "forceDeleteWithoutRecovery conflicts with recoveryWindowInDays",
        ),
        (json!({"secretsManager": {"recoveryWindowInDays": 3}}), "recoveryWindowInDays must be between 7 and 30 days"),
        (json!({"auth": {"jwt": {"serviceAccountRef": {"name": "a", "namespace": "m"}}}}), own),
        (
            json!({"customSessionTags": {"esoStoreName": "x"}}),
            "customSessionTags cannot contain automatically injected reserved keys: esoNamespace, esoStoreName, esoStoreKind",
        ),
        (json!({"service": "S3"}), "cannot understand the settings of provider `aws`"),
    ] {
        let faults = (ROW.check)(&settings_of("SecretsManager", extra.clone())["aws"], &tenant);
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(told.join("; "), expected, "{extra}");
    }
}

/// Whatever is no answer about the value says nothing about it.
#[tokio::test]
async fn nonsense_is_never_a_missing_value() {
    let aws = Aws::start().await;
    aws.put_secret("app", "v");
    aws.put_parameter("/app", "v");
    let json_of = |code: u16, text: &str| Answer::new(code, "application/x-amz-json-1.1", text.to_owned());
    for service in ["SecretsManager", "ParameterStore"] {
        // Not asked again: this is about what one answer means.
        let reach = Reach { retrying: Some(Retrying { retries: Some(0), wait: None }), ..reach_of(&aws) };
        let client = objects().open(settings_of(service, json!({})), &reach).await;
        let client = client.unwrap_or_else(|fault| panic!("{}", fault.chain()));
        for answer in [
            Answer::new(200, "text/html", "<html></html>"),
            Answer::new(404, "text/html", "<html></html>"),
            json_of(200, ""),
            json_of(200, "{}"),
            json_of(200, "[]"),
            json_of(200, r#"{"SecretString":5,"Parameter":{"Value":5},"Parameters":5,"SecretList":{}}"#),
            json_of(200, r#"{"SecretString":"#),
            json_of(200, r#"{"Parameter":{"Name":"/app"}}"#),
            json_of(404, r#"{"__type":"UnknownOperationException"}"#),
            json_of(400, "{}"),
            json_of(500, r#"{"__type":"InternalServiceError"}"#),
        ] {
            let (code, body) = (answer.code, String::from_utf8_lossy(&answer.body).into_owned());
            aws.server().misbehave("*", "/", 1000, Misbehaviour::Say(answer));
            let found = client.find(&Find { name: Some(".".to_owned()), ..Find::default() }).await;
            for told in [read(&client, "/app", None).await, names(found)] {
                let kind = told.split(": ").next().unwrap_or_default();
                assert!(matches!(kind, "Unreachable" | "Wrong" | "Busy"), "{service} {code} {body}: {told}");
            }
            aws.server().behave();
        }
    }
}
