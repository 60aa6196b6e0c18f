//! Texts of flags and rules, identity strings, and entries both ways.

use super::*;

fn parse(key_type: KeyType, text: &str) -> Result<Lock, String> {
    let options = KmsOptions { context: parse_context("b:2,a:1").expect("a context"), aws_profile: "prod".to_owned() };
    Lock::parse(key_type, text, &options).map_err(|fault| fault.to_string())
}

#[test]
fn texts_name_keys() {
    use KeyType::{Age, AzureKv, GcpKms, HcVault, Hckms, Kms, Pgp};
    let cases = [
        (Age, " age1abc ", "age1abc"),
        (Age, "ssh-ed25519 AAAA me@host", "ssh-ed25519 AAAA me@host"),
        (Pgp, "FBC7 B9E2 A4F9", "FBC7B9E2A4F9"),
        (Kms, "arn:aws:kms:us-east-1:1:key/k", "arn:aws:kms:us-east-1:1:key/k|a:1,b:2|prod"),
        (
            Kms,
            "arn:aws:kms:us-east-1:1:key/k +arn:aws:iam::1:role/r",
            "arn:aws:kms:us-east-1:1:key/k+arn:aws:iam::1:role/r|a:1,b:2|prod",
        ),
        (GcpKms, "projects/p/locations/l/keyRings/r/cryptoKeys/k", "projects/p/locations/l/keyRings/r/cryptoKeys/k"),
        (AzureKv, "https://v.vault.azure.net/keys/k/1a", "https://v.vault.azure.net/keys/k/1a"),
        (AzureKv, "https://v.vault.azure.net/keys/k", "https://v.vault.azure.net/keys/k/"),
        (HcVault, "https://vault:8200/v1/a/b/keys/k", "https://vault:8200/v1/a/b/keys/k"),
        (HcVault, "https://vault/prefix/v1/transit/keys/k/", "https://vault/prefix/v1/transit/keys/k"),
        (Hckms, "eu-west-0:uuid", "eu-west-0:uuid"),
    ];
    for (key_type, text, identity) in cases {
        assert_eq!(parse(key_type, text).map(|lock| lock.identity()), Ok(identity.to_owned()));
    }
}

#[test]
fn texts_that_name_no_key_are_refused() {
    use KeyType::{Age, AzureKv, HcVault, Hckms};
    let cases = [
        (Age, "x", "failed to parse input, unknown recipient type: \"x\""),
        (Age, "", "failed to parse input, unknown recipient type: \"\""),
        (AzureKv, "http://v/keys/k", "could not parse \"http://v/keys/k\" into a valid Azure Key Vault MasterKey []"),
        (
            AzureKv,
            "https://v/keys/k/1/2",
            "could not parse \"https://v/keys/k/1/2\" into a valid Azure Key Vault MasterKey []",
        ),
        (
            HcVault,
            "vault/v1/transit/keys/k",
            "missing scheme in Vault URL (should be like this: +https://vault.example.com:8200/v1/transit/keys/keyName), got: vault/v1/transit/keys/k",
        ),
        (
            HcVault,
            "https://vault/v1/transit/k",
            "vault path does not seem to be formatted correctly: (eg. https://vault.example.com:8200/v1/transit/keys/keyName), got: https://vault/v1/transit/k",
        ),
        (Hckms, "x", "invalid key ID format: expected 'region:key-uuid', got \"x\""),
        (Hckms, ":x", "region cannot be empty in key ID: \":x\""),
        (Hckms, "x:", "key UUID cannot be empty in key ID: \"x:\""),
    ];
    for (key_type, text, expected) in cases {
        assert_eq!(parse(key_type, text).err().as_deref(), Some(expected));
    }
}

#[test]
fn aws_identities_show_what_they_have() {
    let cases = [
        ("", "", "", "A"),
        ("R", "", "", "A+R"),
        ("", "k:v", "", "A|k:v"),
        ("R", "k:v", "p", "A+R|k:v|p"),
        ("", "", "p", "A||p"),
    ];
    for (role, context, profile, expected) in cases {
        let lock = Lock::Kms {
            arn: "A".to_owned(),
            role: role.to_owned(),
            context: parse_context(context).expect("a context"),
            aws_profile: profile.to_owned(),
        };
        assert_eq!(lock.identity(), expected);
    }
}

#[test]
fn contexts_are_pairs() {
    for text in ["a", "a:b:c", "a:b,c", ","] {
        assert_eq!(
            parse_context(text).err().map(|fault| fault.to_string()).as_deref(),
            Some("Invalid KMS encryption context format")
        );
    }
    assert_eq!(parse_context("a:b, c:d").map(|context| context.len()).ok(), Some(2));
}

#[test]
fn flags_list_keys_with_commas() {
    let parse = |key_type: KeyType, text: &str| {
        MasterKey::parse_list(key_type, text, &KmsOptions::default(), Timestamp::UNIX_EPOCH)
            .map(|keys| keys.iter().map(|key| (key.identity(), key.created_at.clone())).collect::<Vec<_>>())
            .map_err(|fault| fault.to_string())
    };
    let age = |text: &str| (text.to_owned(), String::new());
    assert_eq!(parse(KeyType::Age, "age1a, age1b"), Ok(vec![age("age1a"), age("age1b")]));
    assert_eq!(parse(KeyType::Pgp, "A B"), Ok(vec![("AB".to_owned(), "1970-01-01T00:00:00Z".to_owned())]));
    assert_eq!(
        parse(KeyType::Age, "age1a,").err().as_deref(),
        Some("failed to parse input, unknown recipient type: \"\"")
    );
}
