//! References against an AWS that counts what it is asked. Texts of errors are the peer's.

mod stores;

use source::expand::Options;
use testkit::Aws;

use crate::resolver::tests::reach;
use crate::resolver::{MissingKey, Resolver, Schemes};

async fn text_with(aws: &Aws, files: &[(&str, &str)], variables: &[(&str, &str)], text: &str) -> String {
    let url = aws.url();
    let mut all = vec![("AWS_ENDPOINT_URL", url.as_str()), ("AWS_EC2_METADATA_DISABLED", "true"), ("HOME", "/h/x")];
    all.extend(variables);
    let resolver = Resolver::new(reach(files, &all).0, Schemes::All, MissingKey::Refuse);
    let filled = resolver.fill_text(text, &Options::default()).await;
    filled.map_or_else(|fault| fault.chain(), |bytes| String::from_utf8(bytes).expect("the values are text"))
}

const KEYS: [(&str, &str); 3] = [
    ("AWS_ACCESS_KEY_ID", testkit::aws::ACCESS_KEY),
    ("AWS_SECRET_ACCESS_KEY", testkit::aws::SECRET_KEY),
    ("AWS_REGION", "us-east-1"),
];

async fn text(aws: &Aws, text: &str) -> String {
    text_with(aws, &[], &KEYS, text).await
}

async fn aws() -> Aws {
    let aws = Aws::start().await;
    aws.put_secret("app/db", "{\"user\": \"u\", \"password\": \"p\", \"port\": 5432}");
    aws.put_secret("plain", "first");
    aws.put_secret("plain", "second");
    aws.put_secret("parts/meta", "github.com/helmfile/vals: [a, b]\n");
    aws.put_secret("parts/a", "one");
    aws.put_secret("parts/b", "two");
    aws.put_parameter("/app/user", "u");
    aws.put_parameter("/app/deep/er", "d");
    aws.put_parameter("/app/deep", "shallow");
    aws.put_parameter("/doc", "a: 1\nb: {c: x}\n");
    for number in 0..25 {
        aws.put_parameter(&format!("/many/{number}"), &number.to_string());
    }
    aws
}

#[tokio::test]
async fn secrets_are_read_as_text_or_walked_through() {
    let aws = aws().await;
    for (reference, expected) in [
        ("ref+awssecrets://plain", "second"),
        ("ref+awssecrets://plain?version_stage=AWSPREVIOUS", "first"),
        ("ref+awssecrets://app/db#/user", "u"),
        ("ref+awssecrets://app/db#/port", "5432"),
        ("ref+awssecrets://parts#/b", "two"),
        ("ref+awssecrets://nope?fallback_value=x", "x"),
        ("ref+awssecrets://nope?optional=true", ""),
    ] {
        assert_eq!(text(&aws, reference).await, expected, "{reference}");
    }
    let missing = text(&aws, "ref+awssecrets://nope").await;
    assert!(
        missing.starts_with("expand awssecrets://nope: get parameter: ")
            && missing.contains("ResourceNotFoundException"),
        "{missing}"
    );
    let whole = text(&aws, "ref+awssecrets://parts").await;
    assert!(whole.starts_with("expand awssecrets://parts: get parameter: "), "{whole}");
    aws.deny("GetSecretValue");
    let denied = text(&aws, "ref+awssecrets://plain?optional=true&fallback_value=x").await;
    assert!(denied.contains("AccessDeniedException"), "{denied}");
}

#[tokio::test]
async fn parameters_are_read_alone_or_below_a_path() {
    let aws = aws().await;
    for (reference, expected) in [
        ("ref+awsssm://app/user", "u"),
        ("ref+awsssm:///app/user/", "u"),
        ("ref+awsssm://app#/user", "u"),
        ("ref+awsssm://app#/deep", "shallow"),
        ("ref+awsssm://app?recursive=true#/deep/er", "d"),
        ("ref+awsssm://app?recursive=true#/deep", "map[er:d]"),
        ("ref+awsssm://many#/24", "24"),
        ("ref+awsssm://doc?mode=singleparam#/b/c", "x"),
        ("ref+awsssm://nope?fallback_value=x#/k", "x"),
        ("ref+awsssm://app/user?version=x", "expand awsssm://app/user?version=x: version can't be converted to Int"),
        ("ref+awsssm://nope#/k", "expand awsssm://nope#/k: ssm: out.Parameters is empty"),
    ] {
        assert_eq!(text(&aws, reference).await, expected, "{reference}");
    }
    let missing = text(&aws, "ref+awsssm://nope").await;
    assert!(missing.contains("ParameterNotFound"), "{missing}");
    aws.put_parameter("/app/user", "changed");
    assert_eq!(text(&aws, "ref+awsssm://app/user").await, "changed");
    assert_eq!(text(&aws, "ref+awsssm://app/user?version=1").await, "u");
}

#[tokio::test]
async fn many_references_assume_one_role_and_read_each_secret_once() {
    let aws = aws().await;
    let role = "role_arn=arn:aws:iam::123456789012:role/reader";
    let mut all = String::new();
    for number in 0..100 {
        let secret = ["app/db?R#/user", "app/db?R#/password", "plain?R", "app/db?R"][number % 4].replace('R', role);
        all.push_str(&format!("ref+awssecrets://{secret} "));
    }
    let told = text(&aws, &all).await;
    assert!(told.starts_with("u p second {"), "{told}");
    assert_eq!(aws.count("AssumeRole"), 1);
    assert_eq!(aws.count("GetSecretValue"), 2);
    assert_eq!(aws.assumed().len(), 1);
    let three = text(&aws, "ref+awsssm://many#/1 ref+awsssm://many#/7 ref+awsssm://many#/24").await;
    assert_eq!(three, "1 7 24");
    assert_eq!(aws.count("GetParametersByPath"), 3, "25 parameters are three pages, for all references together");
}

#[tokio::test]
async fn profiles_count_as_the_peer_counts_them() {
    let aws = aws().await;
    let file = format!(
        "[good]\naws_access_key_id = {}\naws_secret_access_key = {}\nregion = us-east-1\n[bad]\naws_access_key_id = AKIANOBODY\naws_secret_access_key = x\nregion = us-east-1\n",
        testkit::aws::ACCESS_KEY,
        testkit::aws::SECRET_KEY
    );
    let files = [("/h/x/.aws/credentials", file.as_str())];
    for (variables, reference, works) in [
        (vec![], "ref+awssecrets://plain?profile=good", true),
        (vec![], "ref+awssecrets://plain?profile=bad", false),
        (vec![("AWS_PROFILE", "good")], "ref+awssecrets://plain", true),
        (vec![("VALS_PROFILE", "good")], "ref+awssecrets://plain", true),
        // A profile that is not there is no error where others have keys.
        (KEYS.to_vec(), "ref+awssecrets://plain?profile=gone", true),
        ([&KEYS[..], &[("AWS_PROFILE", "gone")]].concat(), "ref+awssecrets://plain?profile=gone", true),
        // Keys of the variables count before a profile of the variables, unless it is forced.
        ([&KEYS[..], &[("AWS_PROFILE", "bad")]].concat(), "ref+awssecrets://plain", true),
        (
            [&KEYS[..], &[("AWS_PROFILE", "bad"), ("FORCE_AWS_PROFILE", "true")]].concat(),
            "ref+awssecrets://plain",
            false,
        ),
        (KEYS[..2].to_vec(), "ref+awssecrets://plain?region=eu-central-1", true),
        (KEYS[..2].to_vec(), "ref+awssecrets://plain", false),
    ] {
        let told = text_with(&aws, &files, &variables, reference).await;
        assert_eq!(told == "second", works, "{variables:?} {reference}: {told}");
    }
}
