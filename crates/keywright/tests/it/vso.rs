//! The command line of Vault Secrets' operator: what it refuses as the peer does, and its version.
//! Specification: VSO §13, §18.

mod interop;

use crate::stage::{Ended, run};

fn vso(words: &[&str], variables: &[(&str, &str)]) -> Ended {
    run("vault-secrets-operator", words, b"", variables)
}

#[test]
fn what_cannot_be_is_refused_with_the_peers_codes() {
    let unknown = vso(&["--no-such-flag"], &[]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.err.contains("no-such-flag") && unknown.err.contains("client-cache-size"), "{}", unknown.err);
    type Line = (&'static [&'static str], &'static [(&'static str, &'static str)], &'static str);
    let table: &[Line] = &[
        (&["--client-cache-persistence-model=foo"], &[], "invalid client cache persistence model `foo`"),
        (&[], &[("VSO_CLIENT_CACHE_PERSISTENCE_MODEL", "foo")], "invalid client cache persistence model `foo`"),
        (&["-global-transformation-options", "exclude-all"], &[], "exclude-all"),
        (&["--global-vault-auth-options=nothing"], &[], "nothing"),
        (&["--version", "--output=xml"], &[], "--output should be either 'yaml' or 'json'"),
        (
            &[],
            &[("VSO_BACKOFF_MULTIPLIER", "many")],
            "Failed to process environment variable options: \"VSO_BACKOFF_MULTIPLIER",
        ),
        (
            &[],
            &[("VSO_CLIENT_CACHE_SIZE", "many")],
            "Failed to process environment variable options: \"VSO_CLIENT_CACHE_SIZE",
        ),
        (&["--backoff-multiplier=0"], &[], "invalid value `0` for --backoff-multiplier"),
        (&["--kubeconfig=/nonexistent", "-metrics-bind-address=0"], &[], "cannot use the kubeconfig `/nonexistent`"),
    ];
    for (words, variables, text) in table {
        let ended = vso(words, variables);
        assert_eq!(ended.code, 1, "{words:?} {variables:?}: {}", ended.err);
        assert!(ended.err.contains(text), "{words:?} {variables:?}: {}", ended.err);
    }
}

#[test]
fn values_that_go_cannot_read_end_with_its_code() {
    for (words, text) in [
        (&["-client-cache-size=abc"][..], "invalid value \"abc\" for flag -client-cache-size: parse error"),
        (&["--max-concurrent-reconciles", "many"], "for flag -max-concurrent-reconciles: parse error"),
        (&["--backoff-initial-interval=x"], "for flag -backoff-initial-interval: parse error"),
        (&["--backoff-multiplier=x"], "for flag -backoff-multiplier: parse error"),
        (&["--zap-log-level=loud"], "for flag -zap-log-level: invalid log level"),
        (&["--zap-log-level=0"], "for flag -zap-log-level: invalid log level"),
        (&["-zap-time-encoding=sundial"], "for flag -zap-time-encoding: invalid time-encoding value"),
        (&["--leader-elect=maybe"], "leader-elect"),
        (&["--client-cache-size"], "client-cache-size"),
    ] {
        let ended = vso(words, &[]);
        assert_eq!(ended.code, 2, "{words:?}: {}", ended.err);
        assert!(ended.err.contains(text) && ended.err.contains("Usage of"), "{words:?}: {}", ended.err);
    }
    let helped = vso(&["-h"], &[]);
    assert_eq!((helped.code, helped.err.contains("-client-cache-persistence-model")), (0, true));
}

#[test]
fn the_version_is_told_in_json() {
    let ended = vso(&["--version", "--output", "json"], &[]);
    let told: serde_json::Value = serde_json::from_str(&ended.out).expect("JSON");
    assert_eq!((ended.code, told["gitVersion"].as_str()), (0, Some(env!("CARGO_PKG_VERSION"))));
}
