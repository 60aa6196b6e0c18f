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

/// OpenBao and the stand-in for AWS, filled by their own programs.
#[test]
fn the_labs_places_give_both_the_same_values() {
    let (Some(peer), Some(bao), Some(aws)) = (peers::find("vals"), peers::find("bao"), peers::find("aws")) else {
        return;
    };
    let variable =
        |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set, though there is a lab"));
    let (vault, token, cloud) =
        (variable("KEYWRIGHT_LAB_VAULT"), variable("KEYWRIGHT_LAB_VAULT_TOKEN"), variable("KEYWRIGHT_LAB_AWS"));
    let mut variables = aws_variables(&cloud);
    variables.extend([("VAULT_ADDR", &*vault), ("BAO_ADDR", &vault), ("VAULT_TOKEN", &token), ("BAO_TOKEN", &token)]);
    // The first generation of the `aws` program reads this one alone.
    variables.push(("AWS_DEFAULT_REGION", "eu-central-1"));
    let run = |program: &peers::Peer, words: &[&str]| {
        variables.iter().fold(program.run(words), |run, (name, value)| run.variable(name, value)).outcome()
    };
    let own = format!("vals-{}", std::process::id());
    drop(run(&bao, &["kv", "put", &format!("secret/{own}"), "pw=s3", "port=5432"]).text());
    let secret = r#"{"user":"u","password":"p"}"#;
    drop(run(&aws, &["secretsmanager", "create-secret", "--name", &own, "--secret-string", secret]).text());
    let parameter = format!("/{own}/one");
    drop(run(&aws, &["ssm", "put-parameter", "--name", &parameter, "--type", "SecureString", "--value", "1st"]).text());
    for reference in [
        format!("ref+vault://secret/{own}/pw"),
        format!("ref+vault://secret/{own}#/port"),
        format!("ref+awssecrets://{own}"),
        format!("ref+awssecrets://{own}#/password"),
        format!("ref+awsssm://{own}/one"),
        format!("ref+awsssm://{own}#/one"),
    ] {
        let (ours, theirs) =
            (vals(&["get", &reference], "", &variables), ended(run(&peer, &["get", "-s", &reference])));
        assert_eq!((ours.code, &ours.out), (theirs.code, &theirs.out), "{reference}: {} | {}", ours.err, theirs.err);
        assert_eq!(ours.code, 0, "{reference}: {}", ours.err);
    }
}
