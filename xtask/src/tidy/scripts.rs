//! Rule 3, second half: a controller's script stays a script (at most 40 lines, no `.spec`), and k8s-openapi's `Secret`, which derives
//! `Debug`, is named only where it must be.

use super::{Finding, House, house::Crate, source_file::SourceFile};

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
    let mut found = Vec::new();
    let starts =
        file.tokens.windows(2).enumerate().filter(|(_, pair)| {
            pair[0].is("fn") && (pair[1].is("reconcile") || pair[1].is("cleanup")) && !pair[0].in_test
        });
    for (start, pair) in starts {
        let Some(open) = (start..file.tokens.len()).find(|at| file.tokens[*at].is("{")) else {
            continue;
        };
        let close = file.close(open);
        let lines = file.tokens[close].line - file.tokens[open].line;
        let finding = |line, what, instead| Finding { path: path.to_owned(), line, rule: 3, what, instead };
        if lines > SCRIPT_LINES {
            let what = format!("the script `{}` has {lines} lines", pair[1].text);
            found.push(finding(pair[0].line, what, "move the decision into `plan`, where a test costs four lines"));
        }
        for at in open..close {
            if file.tokens[at].is(".") && file.tokens[at + 1].is("spec") {
                let what = "a script names `.spec`".to_owned();
                found.push(finding(
                    file.tokens[at].line,
                    what,
                    "ask a method of the type in `api`, or decide in `plan`",
                ));
            }
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
