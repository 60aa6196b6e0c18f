//! Candidates as scripts ask for them.

use super::super::command;
use super::candidates;

fn of(line: &str) -> Vec<String> {
    let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    candidates(&words, &command::offers()).lines().map(str::to_owned).collect()
}

#[test]
fn verbs_flags_and_subverbs_are_offered_and_files_are_the_shells() {
    let verbs = of("");
    for verb in ["decrypt", "encrypt", "edit", "set", "updatekeys", "groups", "exec-env", "completion", "help"] {
        assert_eq!(verbs.iter().filter(|known| *known == verb).count(), 1, "{verb} in {verbs:?}");
    }
    let rows: [(&str, &[&str]); 9] = [
        ("groups", &["add", "delete"]),
        ("completion", &["bash", "zsh"]),
        ("decrypt", &[]),
        ("decrypt file.yaml", &[]),
        ("decrypt --out", &["--output", "--output-type"]),
        ("decrypt -ex", &["--extract"]),
        ("encrypt --extract", &[]),
        ("groups delete --sh", &["--shamir-secret-sharing-threshold"]),
        ("--dis", &["--disable-version-check"]),
    ];
    for (line, expected) in rows {
        assert_eq!(of(line), expected, "sops {line}");
    }
    assert!(of("groups add --").contains(&"--age".to_owned()));
    assert!(of("completion -").iter().eq(["--help"]));
    assert!(of("decrypt x --fi").iter().eq(["--filename-override"]));
}
