//! One line each: what is typed, what comes out. Those of which the real sops says the same are put to it as well.

use super::{KEY, RECIPIENT, folder, sops, write};

/// What is typed, the exit code and what stderr says.
pub struct Line {
    pub words: &'static str,
    pub code: u8,
    pub err: &'static str,
}

const fn line(words: &'static str, code: u8, err: &'static str) -> Line {
    Line { words, code, err }
}

/// The same exit code and the same words as the real sops.
const AS_THE_PEER: &[Line] = &[
    line("", 100, "Error: no file specified\n"),
    line("-d DIR/none.yaml", 100, "Error: cannot operate on non-existent file \"DIR/none.yaml\"\n"),
    line("decrypt DIR/none.yaml", 100, "Error: cannot operate on non-existent file \"DIR/none.yaml\"\n"),
    line("encrypt DIR/none.yaml", 100, "Error: cannot operate on non-existent file \"DIR/none.yaml\"\n"),
    line("-r DIR/none.yaml", 100, "Error: cannot operate on non-existent file \"DIR/none.yaml\"\n"),
    line("rotate DIR/none.yaml", 2, "Error reading file: open DIR/none.yaml: no such file or directory\n"),
    line(
        "rotate --add-age RECIPIENT DIR/none.yaml",
        49,
        "Error: cannot add or remove keys on non-existent file \"DIR/none.yaml\", use the `edit` subcommand instead.\n",
    ),
    line(
        "-r --add-age RECIPIENT DIR/none.yaml",
        49,
        "Error: cannot add or remove keys on non-existent file \"DIR/none.yaml\", use `--kms` and `--pgp` instead.\n",
    ),
    line("set DIR/none.yaml [\"a\"] 1", 2, "Error reading file: open DIR/none.yaml: no such file or directory\n"),
    line("unset DIR/none.yaml [\"a\"]", 2, "Error reading file: open DIR/none.yaml: no such file or directory\n"),
    line("completion fish", 3, "No help topic for 'fish'\n"),
    line("decrypt DIR", 2, "Error reading file: read DIR: is a directory\n"),
    line("encrypt -i", 8, "Error: cannot use --in-place when reading from stdin\n"),
    line("encrypt --age RECIPIENT", 8, "Error: must specify --filename-override when reading from stdin\n"),
    line(
        "encrypt -i --output DIR/x --age RECIPIENT DIR/f.yaml",
        8,
        "Error: cannot operate on both --output and --in-place\n",
    ),
    line(
        "encrypt --age RECIPIENT DIR/empty.yaml",
        92,
        "File cannot be completely empty, it must contain at least one document\n",
    ),
    line("decrypt --decryption-order age,age DIR/e-f.yaml", 112, "Duplicate decryption key type: age\n"),
    line("unset DIR/e-f.yaml [\"nope\"]", 1, "Key not found: nope\n"),
    line("decrypt --extract [\"zz\"] DIR/e-f.yaml", 1, "error truncating tree: component ['zz'] not found\n"),
    line(
        "decrypt --extract [\"b\"][7] DIR/e-f.yaml",
        1,
        "error truncating tree: component [7] accesses out of bounds\n",
    ),
    line("help nothing", 3, "No help topic for 'nothing'\n"),
];

/// The same exit code; we say more, or it in our words. How stderr begins.
const LIKE_THE_PEER: &[Line] = &[
    line("encrypt --encryption-context a --kms x DIR/f.yaml", 6, "Invalid KMS encryption context format\n"),
    line("decrypt DIR/f.yaml", 1, "sops metadata not found\n"),
    line("set DIR/f.yaml [\"a\"] 1", 1, "sops metadata not found\n"),
    line("rotate DIR/f.yaml", 1, "sops metadata not found\n"),
    line(
        "encrypt --age RECIPIENT DIR/e-f.yaml",
        203,
        "The file you have provided contains a top-level entry called 'sops'",
    ),
    line("encrypt --age RECIPIENT DIR/twice.yaml", 2, "Error unmarshalling file: "),
    line("encrypt --age RECIPIENT DIR/list.yaml", 2, "Error unmarshalling file: "),
    line("encrypt --age RECIPIENT DIR/empty.json", 2, "Error unmarshalling file: "),
    line("encrypt --age RECIPIENT DIR/number.yaml", 23, "Error encrypting tree: "),
    line("encrypt --age RECIPIENT --output-type dotenv DIR/f.yaml", 4, "Could not marshal tree: "),
    line("decrypt --extract [\"a\" DIR/e-f.yaml", 91, "error parsing --extract path: component "),
    line("set DIR/e-f.yaml [\"a\" 1", 7, "Invalid set index format"),
    line("set DIR/e-f.yaml [\"a\"] one", 7, "Value for --set is not valid JSON"),
    line("set DIR/e-f.yaml [\"sops\"] 1", 203, "The file you have provided"),
    line("set DIR/e-f.yaml [\"a\"]", 100, "Error: no file specified"),
    line("unset DIR/e-f.yaml", 100, "Error: no file specified"),
    line("decrypt DIR/altered.yaml", 25, "Error decrypting tree: "),
    line("decrypt DIR/reordered.yaml", 51, "MAC mismatch. File has "),
    line("encrypt --age x DIR/f.yaml", 1, "failed to parse input, unknown recipient type: \"x\""),
    line("--config DIR/nope.yaml decrypt DIR/e-f.yaml", 1, ""),
    line("encrypt --config x DIR/f.yaml", 1, "[CMD]\t time=\""),
    line("encrypt DIR/f.yaml", 1, "config file not found, or has no creation rules, and no keys provided"),
    line("decrypt --bogus DIR/f.yaml", 1, "[CMD]\t time=\""),
];

pub fn prepared() -> tempfile::TempDir {
    let folder = folder();
    let encrypted = super::read(folder.path(), "e-f.yaml");
    let altered = encrypted.replacen("a: ENC[AES256_GCM,data:", "a: ENC[AES256_GCM,data:AAAA", 1);
    let mut lines: Vec<&str> = encrypted.lines().collect();
    let first = lines.iter().position(|line| line.starts_with("    - ENC[")).expect("a list");
    lines.swap(first, first + 1);
    for (name, text) in [
        ("altered.yaml", altered.as_str()),
        ("reordered.yaml", &(lines.join("\n") + "\n")),
        ("empty.yaml", ""),
        ("empty.json", ""),
        ("twice.yaml", "a: 1\na: 2\n"),
        ("list.yaml", "- 1\n"),
        ("number.yaml", "1: x\n"),
    ] {
        write(folder.path(), name, text);
    }
    folder
}

/// Each line, and whether the peer says just the same words.
pub fn all() -> impl Iterator<Item = (&'static Line, bool)> {
    [(AS_THE_PEER, true), (LIKE_THE_PEER, false)]
        .into_iter()
        .flat_map(|(lines, is_whole)| lines.iter().map(move |line| (line, is_whole)))
}

/// The words of a line.
pub fn words(line: &Line, place: &str) -> Vec<String> {
    let typed = line.words.replace("DIR", place).replace("RECIPIENT", RECIPIENT);
    typed.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[test]
fn each_line_ends_with_its_code_and_its_words_and_prints_nothing() {
    let folder = prepared();
    let place = folder.path().display().to_string();
    for (line, is_whole) in all() {
        let words = words(line, &place);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let ended = sops(&words, b"", &[("SOPS_AGE_KEY", KEY)]);
        let err = line.err.replace("DIR", &place);
        assert_eq!(ended.code, line.code, "{}: {}", line.words, ended.err);
        // What follows on a line of its own is advice.
        let is_told = ended.err.starts_with(&err);
        assert!(
            is_told && (!is_whole || ended.err[err.len()..].is_empty() || ended.err[err.len()..].starts_with("hint: ")),
            "{}: {}",
            line.words,
            ended.err
        );
        assert!(ended.out.is_empty() || ended.out.starts_with("Incorrect Usage"), "{}: {}", line.words, ended.out);
    }
}

#[test]
fn without_a_key_the_report_names_every_place() {
    let folder = folder();
    let file = super::path(&folder, "e-f.yaml");
    let home = folder.path().display().to_string();
    let ended = sops(&["decrypt", &file], b"", &[("HOME", &home)]);
    assert_eq!((ended.code, ended.out.as_str()), (128, ""));
    let begin = format!(
        "Failed to get the data key required to decrypt the SOPS file.\n\nGroup 0: FAILED\n  {RECIPIENT}: FAILED\n    - | \
         failed to load age identities. Did not find keys in\n"
    );
    assert!(ended.err.starts_with(&begin), "{}", ended.err);
}

#[test]
fn help_and_version_answer_on_stdout() {
    for words in [&["--help"][..], &["help"], &["decrypt", "-h"], &["help", "set"]] {
        let ended = sops(words, b"", &[]);
        assert_eq!((ended.code, ended.err.as_str()), (0, ""));
        assert!(ended.out.starts_with("NAME:\n   sops"), "{}", ended.out);
    }
    let ended = sops(&["--version"], b"", &[]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    assert!(ended.out.lines().next().is_some_and(|line| line.starts_with("sops 3.")), "{}", ended.out);
    let ended = sops(&["publish", "x"], b"", &[]);
    assert_eq!(ended.code, 1);
    assert!(ended.err.starts_with("`sops publish` is not part of this version of keywright\n"), "{}", ended.err);
}
