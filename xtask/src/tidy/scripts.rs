//! Rule 3, second half: a controller's script stays a script (at most 40 lines, no `.spec`), and k8s-openapi's `Secret`, which derives
//! `Debug`, is named only where it must be.

use super::source_file::{SourceFile, Token};
use super::{Finding, House, house::Crate};

/// Where k8s-openapi's `Secret` may be named (design §8); in tests anywhere.
const NAMES_SECRET: [&str; 2] = ["crates/operator/src/kube_secret.rs", "crates/keywright/src/verbs/kubeseal"];

/// A script that is longer decides something.
const SCRIPT_LINES: usize = 40;

pub fn check(house: &House) -> Vec<Finding> {
    let mut found = Vec::new();
    for each in &house.crates {
        for (path, file) in each.production() {
            found.extend(secret(path, file));
            if is_script(each, path) {
                found.extend(script(path, file));
            }
        }
    }
    found
}

/// The files of a feature's folder: `operator/src/external_secrets/push_secret.rs`.
fn is_script(each: &Crate, path: &str) -> bool {
    let features = ["external_secrets", "vault_secrets", "sealed_secrets", "reloader"];
    let inside = path.strip_prefix("crates/operator/src/").unwrap_or_default();
    each.name == "operator" && features.iter().any(|feature| inside.starts_with(&format!("{feature}/")))
}

fn script(path: &str, file: &SourceFile) -> Vec<Finding> {
    let finding = |line, what, instead| Finding { path: path.to_owned(), line, rule: 3, what, instead };
    let mut found = Vec::new();
    // What waits for the outside is the script, also where it calls a part of itself.
    let is_start = |words: &[Token]| words[0].is("async") && words[1].is("fn") && !words[0].in_test;
    for (start, words) in file.tokens.windows(3).enumerate().filter(|(_, words)| is_start(words)) {
        let Some(open) = (start..file.tokens.len()).find(|at| file.tokens[*at].is("{")) else {
            continue;
        };
        let close = file.close(open);
        let lines = file.tokens[close].line - file.tokens[open].line;
        if lines > SCRIPT_LINES {
            let what = format!("the script `{}` has {lines} lines", words[2].text);
            found.push(finding(words[0].line, what, "move the decision into `plan`, where a test costs four lines"));
        }
    }
    for at in 0..file.tokens.len().saturating_sub(1) {
        if file.tokens[at].is(".") && file.tokens[at + 1].is("spec") && !file.tokens[at].in_test {
            let (line, what) = (file.tokens[at].line, "a script names `.spec`".to_owned());
            found.push(finding(line, what, "ask a method of the type in `api`, or decide in `plan`"));
        }
    }
    found
}

fn secret(path: &str, file: &SourceFile) -> Vec<Finding> {
    if NAMES_SECRET.iter().any(|place| path.starts_with(place)) {
        return Vec::new();
    }
    let is_secret = |segments: &[String]| {
        segments.first().is_some_and(|first| first == "k8s_openapi")
            && segments.last().is_some_and(|last| last == "Secret")
    };
    let named = file.paths().into_iter().filter(|named| !named.in_test && is_secret(&named.segments));
    named
        .map(|named| Finding {
            path: path.to_owned(),
            line: named.line,
            rule: 3,
            what: "k8s-openapi's `Secret` is named, which derives `Debug`".to_owned(),
            instead: "carry a `Target` or `Present`; `operator/kube_secret` turns it into the API's type",
        })
        .collect()
}
