//! Signatures, by the published steps of SigV4, and what refusals mean.

use std::sync::Arc;
use std::time::Duration;

use base::{Fault, Kind};
use reqsign_core::hash::{hex_hmac_sha256, hex_sha256, hmac_sha256};

use crate::aws::call::{Call, Refusal};
use crate::aws::endpoint::{Endpoints, KMS, SECRETS_MANAGER, STS};
use crate::aws::session::{Identity, Session, Settings};
use crate::client::Client;
use crate::environment::Surroundings;
use crate::retry::{Retry, Wait};
use crate::stand_in::{Asked, Reply, StandIn, everything};

fn session(server: &StandIn) -> Arc<Session> {
    let base = Settings::new();
    let settings = Settings {
        region: Some("us-east-1".to_owned()),
        identity: Identity::Keys {
            access_key_id: "AKIDEXAMPLE".into(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            session_token: Some("canary-session".into()),
        },
        endpoints: Endpoints::default().with_all(&server.url("")).unwrap(),
        retry: Retry { wait: Wait::Fixed(Duration::ZERO), ..base.retry },
        ..base
    };
    Session::open(&Client::new(crate::client::Settings::default()), settings, Surroundings::none()).unwrap()
}

fn signing_key(secret: &str, date: &str, region: &str, service: &str) -> Vec<u8> {
    let parts = [date, region, service, "aws4_request"];
    parts.iter().fold(format!("AWS4{secret}").into_bytes(), |key, part| hmac_sha256(&key, part.as_bytes()))
}

/// The signature that the published steps give for what was asked.
fn expected_signature(asked: &Asked, secret: &str, scope: [&str; 3]) -> (String, String) {
    let authorization = asked.header("authorization");
    let field = |name: &str| authorization.split(name).nth(1).unwrap().split(',').next().unwrap().to_owned();
    let (signed, signature) = (field("SignedHeaders="), field("Signature="));
    let headers: String = signed.split(';').map(|name| format!("{name}:{}\n", asked.header(name))).collect();
    let (path, hash) = (&asked.target, hex_sha256(asked.body.as_bytes()));
    let canonical = format!("{}\n{path}\n\n{headers}\n{signed}\n{hash}", asked.method);
    let [date, region, service] = scope;
    let stamp = asked.header("x-amz-date");
    let to_sign = format!(
        "AWS4-HMAC-SHA256\n{stamp}\n{date}/{region}/{service}/aws4_request\n{}",
        hex_sha256(canonical.as_bytes())
    );
    (signature, hex_hmac_sha256(&signing_key(secret, date, region, service), to_sign.as_bytes()))
}

#[test]
fn the_published_signing_key() {
    // AWS, "Deriving the signing key": the example of the documentation.
    let key = signing_key("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20150830", "us-east-1", "iam");
    assert_eq!(hex::encode(key), "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
}

#[tokio::test]
async fn a_call_is_signed_with_the_hash_of_its_body() {
    let server = StandIn::start(|_, _| Reply::new(200, "{}")).await;
    let call = Call::json(SECRETS_MANAGER, "secretsmanager.GetSecretValue", &serde_json::json!({"SecretId": "app/db"}));
    session(&server).call(&call).await.unwrap();
    let asked = server.asked()[0].clone();
    assert_eq!((asked.line().as_str(), asked.body.as_str()), ("POST /", r#"{"SecretId":"app/db"}"#));
    assert_eq!(asked.header("x-amz-target"), "secretsmanager.GetSecretValue");
    assert_eq!(asked.header("content-type"), "application/x-amz-json-1.1");
    assert_eq!(asked.header("x-amz-content-sha256"), hex_sha256(asked.body.as_bytes()));
    assert_eq!(asked.header("x-amz-security-token"), "canary-session");
    let date = asked.header("x-amz-date")[..8].to_owned();
    let scope = [date.as_str(), "us-east-1", "secretsmanager"];
    let credential = format!("Credential=AKIDEXAMPLE/{date}/us-east-1/secretsmanager/aws4_request");
    assert!(asked.header("authorization").contains(&credential), "{}", asked.header("authorization"));
    let (signature, expected) = expected_signature(&asked, "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", scope);
    assert_eq!(signature, expected);
}

async fn answered(status: u16, header: &'static str, body: &'static str, call: Call) -> (Fault, usize) {
    let server = StandIn::start(move |_, _| Reply::new(status, body).header("x-amzn-errortype", header)).await;
    (session(&server).call(&call).await.err().unwrap(), server.count())
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn refusals_have_their_code_their_kind_and_their_number_of_tries() {
    let cases = [
        (
            400,
            "",
            r#"{"__type":"ResourceNotFoundException","Message":"can't find it"}"#,
            "ResourceNotFoundException",
            Kind::NotFound,
            1,
        ),
        (
            400,
            "",
            r#"{"__type":"ParameterNotFound","message":"x","Message":"x"}"#,
            "ParameterNotFound",
            Kind::NotFound,
            1,
        ),
        (400, "", r#"{"__type":"com.amazonaws.ssm#ParameterNotFound"}"#, "ParameterNotFound", Kind::NotFound, 1),
        (400, "AccessDeniedException:http://x/", r#"{"message":"no"}"#, "AccessDeniedException", Kind::Denied, 1),
        (400, "", r#"{"__type":"ExpiredTokenException","message":"x"}"#, "ExpiredTokenException", Kind::Denied, 1),
        (
            400,
            "",
            r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#,
            "ThrottlingException",
            Kind::Busy,
            3,
        ),
        (400, "", r#"{"__type":"ResourceExistsException"}"#, "ResourceExistsException", Kind::Conflict, 1),
        (400, "", r#"{"__type":"ValidationException","message":"bad"}"#, "ValidationException", Kind::Wrong, 1),
        (500, "", r#"{"__type":"InternalServiceError"}"#, "InternalServiceError", Kind::Unreachable, 3),
        (503, "", "", "", Kind::Busy, 3),
        (404, "", "<html>no such host</html>", "", Kind::Unreachable, 1),
        (403, "", "<html>canary</html>", "", Kind::Denied, 1),
        (
            403,
            "",
            "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User is not authorized</Message></Error><RequestId>1</RequestId></ErrorResponse>",
            "AccessDenied",
            Kind::Denied,
            1,
        ),
        (
            404,
            "",
            "<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code><Message>gone</Message></Error>",
            "NoSuchKey",
            Kind::NotFound,
            1,
        ),
    ];
    for (status, header, body, code, kind, tries) in cases {
        let call = Call::json(KMS, "TrentService.Decrypt", &serde_json::json!({})).idempotent();
        let (fault, count) = answered(status, header, body, call).await;
        let said = fault.cause::<Refusal>().unwrap();
        assert_eq!((said.code.as_str(), said.status, fault.kind(), count), (code, status, kind, tries), "{body}");
        assert_eq!(fault.to_string(), "cannot call kms Decrypt");
        assert!(!everything(&fault).contains("canary"));
    }
    let (fault, count) = answered(500, "", "{}", Call::form(STS, &[("Action", "GetSessionToken")])).await;
    assert_eq!((fault.kind(), count), (Kind::Unreachable, 1), "what is not idempotent is called once");
}

#[tokio::test]
async fn a_refusal_is_told_without_request_ids_and_secrets() {
    let cases = [
        (
            "User: arn is not authorized (Service: X; Request ID: 1b2-3c)",
            "AccessDenied: User: arn is not authorized (Service: X",
        ),
        ("denied, request id: 4f-5", "AccessDenied: denied"),
        ("token canary-session is bad", "AccessDenied: token **** is bad"),
        ("key wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "AccessDenied: key ****"),
        ("", "AccessDenied"),
    ];
    for (message, expected) in cases {
        let body = serde_json::json!({"__type": "AccessDenied", "message": message}).to_string();
        let server = StandIn::start(move |_, _| Reply::new(400, body.clone())).await;
        let fault = session(&server).call(&Call::json(KMS, "TrentService.Encrypt", &())).await.err().unwrap();
        assert_eq!(fault.cause::<Refusal>().unwrap().to_string(), expected);
        assert!(!everything(&fault).contains("canary"), "{}", everything(&fault));
    }
}
