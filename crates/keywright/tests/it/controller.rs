//! The Sealed Secrets controller's command line: what is wrong is told at the start, where the peer panics, with its exit code.
//! Specification: SS §10.1, §10.2, §15.

use crate::stage::run;

#[test]
fn help_and_version_need_no_cluster() {
    for (program, words) in [("controller", &["--help"] as &[&str]), ("keywright", &["controller", "--help"])] {
        let ended = run(program, words, b"", &[]);
        assert_eq!((ended.code, ended.out.as_str()), (0, ""), "{words:?}");
        assert!(ended.err.contains("--key-renew-period"), "{}", ended.err);
    }
    let ended = run("controller", &["--version"], b"", &[]);
    assert_eq!((ended.code, ended.out.starts_with("controller version: v")), (0, true), "{}", ended.out);
}

#[test]
fn every_wrong_line_ends_with_two_and_one_sentence() {
    let label = "`--privatekey-labels` holds `foo`, which is no key=value";
    for (words, variables, told) in [
        (&["--privatekey-labels", "foo"] as &[&str], &[] as &[(&str, &str)], label),
        (&["--privatekey-labels=a=b,foo"], &[], label),
        (&[], &[("SEALED_SECRETS_PRIVATEKEY_LABELS", "foo")], label),
        (&["--privatekey-annotations=foo"], &[], "`--privatekey-annotations` holds `foo`, which is no key=value"),
        (&["--key-cutoff-time", "yesterday"], &[], "cannot read `--key-cutoff-time` \"yesterday\""),
        (&[], &[("SEALED_SECRETS_KEY_CUTOFF_TIME", "2026-01-01")], "cannot read `--key-cutoff-time` \"2026-01-01\""),
        (&["--key-renew-period=30d"], &[], "invalid argument \"30d\" for \"--key-renew-period\" flag"),
        (&["--key-prefix=A"], &[], "name contains illegal character A"),
        (&["--key-size=1024"], &[], "cannot make sealing keys of 1024 bits"),
        (&["--update-status=maybe"], &[], "invalid argument \"maybe\" for \"--update-status\" flag"),
        (&["--bogus"], &[], "unknown flag: --bogus"),
        (&["--key-prefix"], &[], "flag needs an argument: --key-prefix"),
    ] {
        let ended = run("controller", words, b"", variables);
        assert_eq!((ended.code, ended.out.as_str()), (2, ""), "{words:?}: {}", ended.err);
        assert!(ended.err.starts_with(told), "{words:?}: {}", ended.err);
    }
}
