//! Reloader's command line: what is wrong is told at the start, with the peer's exit code and streams, and help needs no cluster.
//! Specification: RL §4.1, §4.3.

use keywright::{Call, Environment, Ui};

/// Runs a line under the peer's name; answers exit code, stdout and stderr.
fn reloader(words: &[&str], variables: &[(&str, &str)]) -> (u8, String, String) {
    let (ui, out, err) = Ui::captured(b"");
    let environment: Environment = variables.iter().copied().collect();
    let args = words.iter().map(|word| (*word).to_owned()).collect();
    let exit = keywright::run(Call { program: "reloader".to_owned(), args, environment, ui });
    (exit.0, out.text(), err.text())
}

#[test]
fn help_needs_no_cluster_and_names_every_flag() {
    let (code, out, _) = reloader(&["--help"], &[]);
    assert_eq!(code, 0);
    for flag in
        ["--is-Argo-Rollouts", "--resources-to-ignore", "--webhook-url", "--namespace-selector", "--sync-after-restart"]
    {
        assert!(out.contains(flag), "{flag} in {out}");
    }
}

#[test]
fn every_wrong_line_ends_with_one() {
    for (words, told, has_usage) in [
        (&["--is-argo-rollouts=true"] as &[&str], "Error: unknown flag: --is-argo-rollouts", true),
        (&["--reload-strategy"], "Error: flag needs an argument: --reload-strategy", true),
        (&["--reload-strategy=x"], "reload-strategy must be one of: env-vars, annotations", false),
        (&["--resources-to-ignore=secrets,secrets"], "not both", false),
        (&["--resources-to-ignore=pods"], "only accepts configmaps or secrets, not `pods`", false),
        (&["--ignored-workload-types=cronjobs,Jobs"], "takes jobs and cronjobs, not `Jobs`", false),
        (&["--namespace-selector=a!=*"], "no label selector", false),
        (&["--enable-ha"], "POD_NAME not set, cannot run in HA mode without POD_NAME set", false),
        (&["--resource-label-selector=a b"], "`a b`, which is no label selector", false),
        (&["--enable-ha=maybe"], "Error: invalid argument \"maybe\" for \"--enable-ha\" flag", true),
        (&["--webhook-url=nowhere"], "cannot use `--webhook-url`", false),
    ] {
        let (code, out, err) = reloader(words, &[]);
        assert_eq!((code, out.as_str()), (1, ""), "{words:?}: {err}");
        assert!(err.contains(told), "{words:?}: {err}");
        assert_eq!(err.contains("Usage:"), has_usage, "{words:?}: {err}");
    }
}
