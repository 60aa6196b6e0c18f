//! References that lead away from this machine, and how often the places there are asked.

use std::fmt::Write as _;

use serde_json::json;
use testkit::aws::{ACCESS_KEY, SECRET_KEY};
use testkit::vault::ROOT;
use testkit::{Aws, Vault};
use tokio::runtime::Runtime;

use super::vals;

/// The runtime that the places live on; the verbs start their own.
pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
}

pub fn place_values(vault: &Vault, aws: &Aws) {
    vault.put("secret/app", json!({"pw": "s3", "port": 5432}));
    aws.put_secret("prod/db", "{\"user\": \"u\", \"password\": \"p\"}");
    aws.put_parameter("/prod/one", "1st");
    aws.put_parameter("/prod/two", "2nd");
}

pub fn aws_variables(url: &str) -> Vec<(&str, &str)> {
    vec![
        ("AWS_ENDPOINT_URL", url),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ]
}

#[test]
fn a_thousand_references_to_one_place_are_one_read() {
    let runtime = runtime();
    let (vault, aws) = runtime.block_on(async { (Vault::start().await, Aws::start().await) });
    place_values(&vault, &aws);
    let (mut document, mut expected) = (String::new(), String::new());
    for number in 0..1000 {
        // Two documents: one resolver serves both.
        let end = if number == 499 { "---\n" } else { "" };
        let (name, value) = if number % 2 == 0 { ("pw", "s3") } else { ("port", "\"5432\"") };
        write!(document, "k{number}: ref+vault://secret/app#/{name}\n{end}").expect("a string grows");
        write!(expected, "k{number}: {value}\n{end}").expect("a string grows");
    }
    let url = vault.url();
    let ended = vals(&["eval"], &document, &[("VAULT_ADDR", &url), ("VAULT_TOKEN", ROOT)]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    // Two thousand lines in a panic would help nobody.
    let differing = ended.out.lines().zip(expected.lines()).find(|(ours, expected)| ours != expected);
    assert_eq!(differing, None);
    assert_eq!(ended.out.len(), expected.len());
    assert_eq!(vault.count("GET", "secret/data/app"), 1, "{:?}", vault.server().counts());

    let document: String = (0..1000).fold(String::new(), |mut text, number| {
        let name = if number % 2 == 0 { "user" } else { "password" };
        writeln!(text, "k{number}: ref+awssecrets://prod/db#/{name}").expect("a string grows");
        text
    });
    let ended = vals(&["eval"], &document, &aws_variables(&aws.url()));
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert_eq!(aws.count("GetSecretValue"), 1, "{:?}", aws.counts());
}

#[test]
fn a_place_that_refuses_is_told() {
    let runtime = runtime();
    let vault = runtime.block_on(Vault::start());
    vault.put("secret/app", json!({"pw": "s3"}));
    let url = vault.url();
    let variables = [("VAULT_ADDR", &*url), ("VAULT_TOKEN", ROOT)];
    let ended = vals(&["eval"], "a: ref+vault://secret/none/pw\n", &variables);
    assert_eq!((ended.code, &*ended.out), (1, ""), "{}", ended.err);
    assert!(ended.err.contains("expand vault://secret/none/pw"), "{}", ended.err);
    vault.deny("secret/data/");
    let ended = vals(&["eval"], "a: ref+vault://secret/app/pw\n", &variables);
    assert_eq!((ended.code, &*ended.out), (1, ""), "{}", ended.err);
}
