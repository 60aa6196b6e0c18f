//! The Security Token Service against a stand-in: what is asked, what comes of answers and of nonsense.

use std::sync::Arc;

use base::Kind;

use crate::aws::endpoint::Endpoints;
use crate::aws::session::{Identity, Session, Settings};
use crate::aws::sts::SessionTokenParameters;
use crate::client::Client;
use crate::environment::Surroundings;
use crate::stand_in::{Reply, StandIn, everything};

fn session(server: &StandIn) -> Arc<Session> {
    let identity =
        Identity::Keys { access_key_id: "AK".into(), secret_access_key: "canary-key".into(), session_token: None };
    let endpoints = Endpoints::default().with_all(&server.url("")).unwrap();
    let settings = Settings { region: Some("r".to_owned()), identity, endpoints, ..Settings::new() };
    Session::open(&Client::new(crate::client::Settings::default()), settings, Surroundings::none()).unwrap()
}

#[tokio::test]
async fn who_we_are() {
    let server = StandIn::start(|_, _| {
        Reply::new(
            200,
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
             <Arn>arn:aws:iam::1:user/u</Arn><UserId>U</UserId><Account>1</Account></GetCallerIdentityResult>\
             <ResponseMetadata><RequestId>x</RequestId></ResponseMetadata></GetCallerIdentityResponse>",
        )
    })
    .await;
    let identity = session(&server).caller_identity().await.unwrap();
    assert_eq!(
        (identity.arn.as_str(), identity.account.as_str(), identity.user_id.as_str()),
        ("arn:aws:iam::1:user/u", "1", "U")
    );
    assert_eq!(server.asked()[0].body, "Action=GetCallerIdentity&Version=2011-06-15");
    assert!(server.asked()[0].header("authorization").contains("/r/sts/aws4_request"));
}

#[tokio::test]
async fn a_session_token_and_nonsense_in_its_place() {
    let keys = |expiration: &str| {
        format!(
            "<GetSessionTokenResponse><GetSessionTokenResult><Credentials><AccessKeyId>AS</AccessKeyId><SecretAccessKey>\
             canary-s</SecretAccessKey><SessionToken>canary-t</SessionToken><Expiration>{expiration}</Expiration>\
             </Credentials></GetSessionTokenResult></GetSessionTokenResponse>"
        )
    };
    let parameters = SessionTokenParameters {
        duration_seconds: Some(900),
        serial_number: Some("arn:mfa".to_owned()),
        token_code: Some("123456".to_owned()),
    };
    let good = keys("2030-01-01T00:00:00Z");
    let server = StandIn::start(move |_, _| Reply::new(200, good.clone())).await;
    let given = session(&server).session_token(&parameters).await.unwrap();
    assert_eq!((given.access_key_id.as_str(), given.secret_access_key.expose()), ("AS", "canary-s"));
    assert_eq!(given.expires_at.unwrap().to_string(), "2030-01-01T00:00:00Z");
    let form = server.asked()[0].form();
    assert_eq!(
        (form["DurationSeconds"].as_str(), form["SerialNumber"].as_str(), form["TokenCode"].as_str()),
        ("900", "arn:mfa", "123456")
    );
    for body in [keys("canary"), "<a>canary".to_owned(), "canary".to_owned(), String::new(), "{}".to_owned()] {
        let server = StandIn::start(move |_, _| Reply::new(200, body.clone())).await;
        let fault = session(&server).session_token(&SessionTokenParameters::default()).await.err().unwrap();
        assert_eq!(fault.kind(), Kind::Unreachable);
        assert!(!everything(&fault).contains("canary"), "{}", everything(&fault));
    }
}
