//! The same lines put to the real vals, and places that answer both.

use testkit::peers::{self, Outcome};
use testkit::vault::ROOT;
use testkit::{Aws, Vault};

use super::lines::{AS_THE_PEER, assert_none};
use super::remote::{aws_variables, place_values, runtime};
use super::{Ended, folder, vals};

fn ended(outcome: Outcome) -> Ended {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let code = outcome.code.and_then(|code| u8::try_from(code).ok()).unwrap_or(255);
    Ended { code, out: text(outcome.stdout), err: text(outcome.stderr) }
}

#[test]
fn the_real_vals_answers_the_same() {
    let Some(peer) = peers::find("vals") else { return };
    let folder = folder();
    let dir = folder.path().display().to_string();
    assert_none(AS_THE_PEER.iter().filter_map(|line| {
        let words = line.words(&dir);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        line.difference("the peer", &dir, &ended(peer.run(&words).input(line.input(&dir)).outcome()))
    }));
}

#[test]
fn places_give_both_the_same_values() {
    let Some(peer) = peers::find("vals") else { return };
    let runtime = runtime();
    let (vault, aws) = runtime.block_on(async { (Vault::start().await, Aws::start().await) });
    place_values(&vault, &aws);
    let (vault_url, aws_url) = (vault.url(), aws.url());
    let mut variables = aws_variables(&aws_url);
    variables.extend([
        ("VAULT_ADDR", &*vault_url),
        ("BAO_ADDR", &*vault_url),
        ("VAULT_TOKEN", ROOT),
        ("BAO_TOKEN", ROOT),
    ]);
    for reference in [
        "ref+vault://secret/app/pw",
        "ref+vault://secret/app#/pw",
        "ref+vault://secret/app#/port",
        "ref+vault://secret/ref+echo://app+/pw",
        "ref+awssecrets://prod/db",
        "ref+awssecrets://prod/db#/password",
        "ref+awsssm://prod/one",
        "ref+awsssm:///prod/one",
        "ref+awsssm://prod#/one",
    ] {
        let ours = vals(&["get", reference], "", &variables);
        let run =
            variables.iter().fold(peer.run(&["get", "-s", reference]), |run, (name, value)| run.variable(name, value));
        let theirs = ended(run.outcome());
        assert_eq!((ours.code, &ours.out), (theirs.code, &theirs.out), "{reference}: {} | {}", ours.err, theirs.err);
        assert_eq!(ours.code, 0, "{reference}: {}", ours.err);
    }
}
