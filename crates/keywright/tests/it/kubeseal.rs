//! kubeseal's command line, in this process; where the lab has the real kubeseal, the same lines are put to it as well.
//! Specification: SS §9, §15, §19.

mod cluster;
mod files;
mod interop;
mod lines;

use std::sync::LazyLock;

use base::Timestamp;
use base::duration::GoDuration;
use seal::NewKey;
use seal::certificate::Wanted;

use crate::stage::{Ended, path, read, run, write};

fn kubeseal(words: &[&str], input: &[u8], variables: &[(&str, &str)]) -> Ended {
    run("kubeseal", words, input, variables)
}

/// The key of all these tests, and of those of `render`: made once, 2048 bits.
pub fn key() -> &'static NewKey {
    static KEY: LazyLock<NewKey> = LazyLock::new(|| {
        let wanted = Wanted { bits: 2048, common_name: "", valid_for: GoDuration::from_seconds(10 * 365 * 86_400) };
        wanted.generate(Timestamp::now(), &mut testkit::entropy::fixed(1)).expect("a key")
    });
    &KEY
}

/// A folder with `cert.pem`, `expired.pem`, `key.pem` and `backup.json`.
fn folder() -> tempfile::TempDir {
    static EXPIRED: LazyLock<String> = LazyLock::new(|| {
        let wanted = Wanted { bits: 2048, common_name: "", valid_for: GoDuration::from_seconds(2 * 86_400) };
        let start = "2021-02-01T10:00:00Z".parse().expect("a moment");
        let made = wanted.certify(&key().private, start, &mut testkit::entropy::fixed(2)).expect("a certificate");
        made.pem().to_owned()
    });
    let folder = tempfile::tempdir().expect("a folder");
    let pem = key().private.to_pem();
    let encoded = base::encoding::Base64::Standard.encode(pem.expose().as_bytes());
    let backup = serde_json::json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "k"}, "data": {"tls.key": encoded}}]});
    write(folder.path(), "cert.pem", key().certificate.pem());
    write(folder.path(), "expired.pem", &EXPIRED);
    write(folder.path(), "key.pem", pem.expose());
    write(folder.path(), "backup.json", &backup.to_string());
    folder
}

/// What differs from run to run is masked: sealed values begin with the length of the key.
fn masked(text: &str) -> String {
    let is_sealed = |word: &str| word.len() > 300 && word.starts_with("AQ");
    let mut masked = String::new();
    let mut word = String::new();
    for letter in text.chars().chain(['\0']) {
        if letter.is_ascii_alphanumeric() || "+/=".contains(letter) {
            word.push(letter);
            continue;
        }
        masked.push_str(if is_sealed(&word) { "SEALED" } else { &word });
        word.clear();
        if letter != '\0' {
            masked.push(letter);
        }
    }
    masked
}
