//! External Secrets' command line: every flag of the peer is known, what is wrong is told with usage on stderr and exit code 1,
//! and help needs no cluster. Specification: ESO §12.1.

use crate::stage::{Ended, run};

/// The peer's flags as its chart and its users write them.
const FLAGS: &str = "--metrics-addr=:8080 --metrics-secure=false --metrics-auth=false --metrics-cert-dir /x \
    --metrics-cert-name=tls.crt --metrics-key-name=tls.key --live-addr=:8082 --controller-class=default \
    --enable-leader-election=true --leader-election-id x --leader-election-lease-duration=15s \
    --leader-election-renew-deadline=10s --leader-election-retry-period=2s --concurrent=1 --client-qps=50 \
    --client-burst=100 --loglevel=info --zap-time-encoding=epoch --namespace=shop \
    --enable-secret-store-reconciler=true --enable-cluster-store-reconciler=false \
    --enable-cluster-external-secret-reconciler=false --enable-push-secret-reconciler=true \
    --enable-cluster-push-secret-reconciler=false --enable-secrets-caching --enable-configmaps-caching \
    --enable-managed-secrets-caching=true --enable-secret-api-read-on-cache-mismatch=true \
    --store-requeue-interval=5m0s --enable-flood-gate=true --enable-generator-state=true \
    --enable-extended-metric-labels=true --enable-http2=false --unsafe-allow-generic-targets=false \
    --template-left-delimiter={{ --template-right-delimiter=}} --generator-gc-grace-period=2m \
    --enable-vault-token-cache=false --vault-token-cache-size=262144 --experimental-enable-vault-token-cache=false \
    --experimental-vault-token-cache-size=262144 --experimental-enable-doppler-oidc-cache=false \
    --experimental-doppler-oidc-cache-size=262144 --doppler-etag-cache-size=16384 --pulumi-oidc-cache-size=262144";

fn line(words: &[&str]) -> Ended {
    run("external-secrets", words, b"", &[])
}

#[test]
fn help_needs_no_cluster_and_names_every_flag() {
    let help = line(&["--help"]);
    assert_eq!((help.code, help.err.as_str()), (0, ""));
    let flags = FLAGS.split_whitespace().filter_map(|word| word.strip_prefix("--"));
    for flag in flags.map(|word| word.split('=').next().unwrap_or_default()) {
        assert!(help.out.contains(&format!("--{flag} ")), "{flag}");
    }
}

#[test]
fn every_wrong_line_ends_with_one_and_usage() {
    let mut known: Vec<&str> = FLAGS.split_whitespace().collect();
    known.push("--nope");
    for (words, told) in [
        (known.as_slice(), "unknown flag: --nope"),
        (&["--concurrent=many"], "invalid argument \"many\" for \"--concurrent\" flag: strconv.ParseInt"),
        (&["--client-qps="], "invalid argument \"\" for \"--client-qps\" flag"),
        (&["--loglevel", "loud"], "invalid argument \"loud\" for \"--loglevel\" flag: unrecognized level: \"loud\""),
        (&["--zap-time-encoding=stardate"], "invalid argument \"stardate\" for \"--zap-time-encoding\" flag"),
        (&["--store-requeue-interval=1d"], "invalid argument \"1d\" for \"--store-requeue-interval\" flag"),
        (&["--enable-flood-gate=maybe"], "invalid argument \"maybe\" for \"--enable-flood-gate\" flag"),
        (&["--concurrent"], "flag needs an argument: --concurrent"),
    ] {
        let ended = line(words);
        assert_eq!((ended.code, ended.out.as_str()), (1, ""), "{told}");
        let start = format!("Error: {told}");
        assert!(ended.err.starts_with(&start) && ended.err.contains("Usage:\n  external-secrets"), "{}", ended.err);
    }
    for (words, told) in [
        (&["--unsafe-allow-generic-targets"][..], "`--unsafe-allow-generic-targets` is not built yet"),
        (&["webhook", "--tls-min-version=0.9"], "there is no TLS version `0.9`"),
    ] {
        let ended = line(words);
        assert_eq!(ended.out, "", "{told}");
        assert!(ended.code != 0 && ended.err.contains(told), "{}: {}", ended.code, ended.err);
    }
}
