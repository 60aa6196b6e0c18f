//! The shared files: grammar, precedence, and where profiles lead.

use base::Kind;

use crate::aws::endpoint::{KMS, SECRETS_MANAGER};
use crate::aws::profile::{First, Profiles};

const CONFIG: &str = "
# a comment
[default]
region = eu-west-1
output=json
s3 =
    max_concurrent_requests = 20
    region = nested

[profile chain]
role_arn = arn:aws:iam::1:role/third
source_profile = middle
external_id = x
role_session_name = me
duration_seconds = 900
[profile middle]
role_arn = arn:aws:iam::1:role/second
source_profile = keys
[ profile both ]
role_arn = arn:aws:iam::1:role/b
source_profile = both
[profile circle]
role_arn = r
source_profile = circle2
[profile circle2]
role_arn = r
source_profile = circle
[profile instance]
role_arn = r
credential_source = Ec2InstanceMetadata
[profile container]
role_arn = r
credential_source = EcsContainer
[profile environment]
role_arn = r
credential_source = Environment
[profile two]
role_arn = r
credential_source = Environment
source_profile = keys
[profile lost]
role_arn = r
source_profile = nowhere
[profile web]
role_arn = r
web_identity_token_file = /token
[profile process]
credential_process = /bin/keys --for me
[profile sso]
sso_session = corp
sso_account_id = 1
[profile mfa]
role_arn = r
source_profile = keys
mfa_serial = arn:mfa
[profile half]
aws_access_key_id = AK
[profile empty]
region =
[profile local]
endpoint_url = http://127.0.0.1:1
services = lab
[services lab]
secrets_manager =
  endpoint_url = http://127.0.0.1:2
";

const CREDENTIALS: &str = "
[keys]
aws_access_key_id = AKID # of the team
aws_secret_access_key = a#b;c=d
aws_session_token = t
[both]
aws_access_key_id = AKB
aws_secret_access_key = s
";

fn profiles() -> Profiles {
    Profiles::parse(Some(CONFIG), Some(CREDENTIALS)).unwrap()
}

#[test]
fn settings_are_read_as_aws_writes_them() {
    let profiles = profiles();
    assert_eq!(profiles.region("default"), Some("eu-west-1"), "a nested setting is another one");
    assert_eq!(profiles.region("empty"), None);
    assert!(profiles.contains("empty") && !profiles.contains("lab") && !profiles.contains("profile keys"));
    let Ok(First::Keys(keys)) = profiles.resolve("keys").map(|resolved| resolved.first) else { panic!("no keys") };
    assert_eq!((keys.access_key_id.as_str(), keys.secret_access_key.expose()), ("AKID", "a#b;c=d"));
    assert_eq!(keys.session_token.unwrap().expose(), "t");
    let both = "[default]\nregion = a\naws_access_key_id = 1\naws_secret_access_key = 2";
    let later = Profiles::parse(Some(both), Some("[default]\nregion = b")).unwrap();
    assert_eq!(later.region("default"), Some("b"));
    let endpoints = profiles.endpoints("local").unwrap();
    assert_eq!(endpoints.url(SECRETS_MANAGER, "r").unwrap().as_str(), "http://127.0.0.1:2/");
    assert_eq!(endpoints.url(KMS, "r").unwrap().as_str(), "http://127.0.0.1:1/");
    assert!(!profiles.endpoints("default").unwrap().is_set(KMS));
    assert!(Profiles::parse(None, None).is_ok_and(|none| !none.contains("default")));
}

#[test]
fn a_line_that_is_nothing_is_told_by_its_number() {
    for (text, line) in [("[default]\ncanary", 2), ("canary = x", 1), ("[default", 1), ("[a]\nx = 1\n\ncanary\n", 4)] {
        let fault = Profiles::parse(None, Some(text)).err().unwrap();
        assert_eq!(fault.chain(), format!("cannot read line {line} of the AWS credentials file"));
    }
}

#[test]
fn a_chain_begins_at_its_keys_and_ends_at_the_profile() {
    let resolved = profiles().resolve("chain").unwrap();
    assert!(matches!(resolved.first, First::Keys(keys) if keys.access_key_id == "AKID"));
    let arns: Vec<_> = resolved.roles.iter().map(|role| role.arn.as_str()).collect();
    assert_eq!(arns, ["arn:aws:iam::1:role/second", "arn:aws:iam::1:role/third"]);
    let last = &resolved.roles[1];
    assert_eq!((last.external_id.as_str(), last.session_name(), last.duration_seconds), ("x", "me", Some(900)));
    assert_eq!(resolved.roles[0].session_name(), "keywright");
    let own = profiles().resolve("both").unwrap();
    assert!(matches!(own.first, First::Keys(keys) if keys.access_key_id == "AKB"), "a profile may be its own source");
    assert_eq!(own.roles.len(), 1);
}

#[test]
fn other_sources_are_named() {
    let first = |name: &str| profiles().resolve(name).unwrap().first;
    assert!(matches!(first("instance"), First::Instance));
    assert!(matches!(first("container"), First::Container));
    assert!(matches!(first("environment"), First::Environment));
    assert!(matches!(first("process"), First::Process(command) if command == "/bin/keys --for me"));
    assert!(matches!(first("default"), First::Unspecified));
    assert!(
        matches!(first("web"), First::WebIdentity { role, token_file } if role.arn == "r" && token_file == "/token")
    );
    assert!(profiles().resolve("web").unwrap().roles.is_empty(), "the role is not assumed a second time");
}

#[test]
fn profiles_that_lead_nowhere_say_so() {
    let cases = [
        ("nowhere", Kind::NotFound, "cannot find AWS profile `nowhere`"),
        ("lost", Kind::NotFound, "cannot find AWS profile `nowhere`"),
        ("circle", Kind::Wrong, "AWS profile `circle` names itself as its source, in a circle"),
        ("two", Kind::Wrong, "AWS profile `two` has a role, but not one source of keys for it"),
        ("sso", Kind::Wrong, "AWS profile `sso` uses single sign-on, which is not supported yet"),
        ("mfa", Kind::Wrong, "AWS profile `mfa` wants a second factor, which nobody can be asked for"),
        ("half", Kind::Wrong, "AWS profile `half` has only a half of its access key"),
    ];
    for (name, kind, text) in cases {
        let fault = profiles().resolve(name).err().unwrap();
        assert_eq!((fault.kind(), fault.to_string().as_str()), (kind, text));
    }
}
