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
    line("encrypt --age RECIPIENT DIR", 2, "Error reading file: read DIR: is a directory\n"),
    line("rotate DIR", 2, "Error reading file: read DIR: is a directory\n"),
    line("set DIR [\"a\"] 1", 2, "Error reading file: read DIR: is a directory\n"),
    line("edit DIR", 2, "Error reading file: read DIR: is a directory\n"),
    line("encrypt --age RECIPIENT DIR/comment.yaml", 2, "Error unmarshalling file: EOF\n"),
    line("unset DIR/e-f.yaml [\"a\"][\"x\"]", 1, "Unsupported type: string for item 'x'\n"),
    line(
        "decrypt --output-type dotenv DIR/e-f.yaml",
        4,
        "Error dumping file: cannot use complex value in dotenv file; offending key b\n",
    ),
    line("--config DIR/group.cfg encrypt DIR/f.yaml", 1, "Could not generate data key: [empty key group provided]\n"),
    line(
        "--config DIR/three.cfg encrypt DIR/f.yaml",
        1,
        "Could not generate data key: [could not split data key into parts for Shamir: parts cannot be less than \
         threshold]\n",
    ),
    line(
        "--config DIR/one.cfg encrypt DIR/f.yaml",
        1,
        "Could not generate data key: [could not split data key into parts for Shamir: threshold must be at least 2]\n",
    ),
];

/// The same exit code; we say more, or it in our words. How stderr begins.
const LIKE_THE_PEER: &[Line] = &[
    line("encrypt --encryption-context a --kms x DIR/f.yaml", 6, "Invalid KMS encryption context format\n"),
    line("decrypt DIR/f.yaml", 1, "sops metadata not found\n"),
    line("set DIR/f.yaml [\"a\"] 1", 1, "sops metadata not found\n"),
    line("rotate DIR/f.yaml", 1, "sops metadata not found\n"),
    line("edit DIR/f.yaml", 1, "sops metadata not found\n"),
    line("unset DIR/f.yaml [\"a\"]", 1, "sops metadata not found\n"),
    line(
        "encrypt --age RECIPIENT DIR/e-f.yaml",
        203,
        "The file you have provided contains a top-level entry called 'sops'",
    ),
    line(
        "encrypt --age RECIPIENT DIR/twice.yaml",
        2,
        "Error unmarshalling file: yaml: unmarshal errors: line 2: mapping key \"a\" already defined at line 1\n",
    ),
    line("encrypt --age RECIPIENT DIR/bad.yaml", 2, "Error unmarshalling file: yaml: line 1: "),
    line(
        "encrypt --age RECIPIENT DIR/list.yaml",
        2,
        "Error unmarshalling file: yaml: line 1: cannot unmarshal !!seq into a mapping\n",
    ),
    line("encrypt --age RECIPIENT DIR/scalar.yaml", 2, "Error unmarshalling file: yaml: line 1: cannot unmarshal "),
    line("encrypt --age RECIPIENT DIR/list.json", 2, "Error unmarshalling file: only JSON objects are supported "),
    line("encrypt --age RECIPIENT DIR/scalar.json", 2, "Error unmarshalling file: only JSON objects are supported "),
    line("encrypt --age RECIPIENT DIR/empty.json", 2, "Error unmarshalling file: EOF\n"),
    line(
        "encrypt --age RECIPIENT DIR/number.yaml",
        23,
        "Error encrypting tree: Tree contains a non-string key (type int)\n",
    ),
    line(
        "encrypt --age RECIPIENT DIR/uint.yaml",
        23,
        "Error encrypting tree: cannot encrypt `a`: Cannot walk value, unknown type: uint64\n",
    ),
    line("encrypt --age RECIPIENT DIR/e-f.json", 203, "The file you have provided"),
    line("encrypt --age RECIPIENT DIR/e-f.env", 203, "The file you have provided"),
    line("encrypt --age RECIPIENT DIR/e-f.ini", 203, "The file you have provided"),
    line("decrypt --output-type binary DIR/e-f.yaml", 4, "Error dumping file: error emitting binary store: "),
    line(
        "decrypt --output-type ini DIR/e-f.json",
        4,
        "Error dumping file: Section values should always be TreeBranches\n",
    ),
    line("encrypt --kms x DIR/f.yaml", 1, "Could not generate data key: [failed to encrypt new data key with master "),
    line("--config DIR/bad.cfg encrypt DIR/f.yaml", 1, "error loading config: Could not unmarshal config file: yaml: "),
    line("--config DIR/none.cfg encrypt DIR/f.yaml", 1, "error loading config: no matching creation rules found\n"),
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

/// The real sops panics at these, with 2, or takes a mapping for a list.
const OURS: &[Line] = &[
    line(
        "decrypt --extract [\"a\"][\"x\"] DIR/e-f.yaml",
        1,
        "error truncating tree: component ['x'] leads into a single value\n",
    ),
    line(
        "decrypt --extract [\"b\"][-1] DIR/e-f.yaml",
        1,
        "error truncating tree: component [-1] accesses out of bounds\n",
    ),
    line(
        "decrypt --extract [\"b\"][\"k\"] DIR/e-f.yaml",
        1,
        "error truncating tree: component ['k'] is a key, but tree part is a list\n",
    ),
    line(
        "decrypt --extract [\"c\"][0] DIR/e-f.yaml",
        1,
        "error truncating tree: component [0] is integer, but tree part is not a slice\n",
    ),
    line("decrypt --extract [] DIR/e-f.yaml", 91, "error parsing --extract path: component "),
    line("decrypt --extract [\"b\"][] DIR/e-f.yaml", 91, "error parsing --extract path: component "),
    line("set DIR/e-f.yaml '' 1", 7, "Invalid set index format: the index is empty\n"),
    line("set DIR/e-f.yaml [] 1", 7, "Invalid set index format: component "),
    line(
        "set DIR/e-f.yaml [\"b\"][\"k\"] 1",
        7,
        "Invalid set index format: component ['k'] is a key, but tree part is a list\n",
    ),
    line(
        "set DIR/e-f.yaml [\"c\"][0] 1",
        7,
        "Invalid set index format: component [0] is integer, but tree part is not a slice\n",
    ),
    line("set DIR/e-f.yaml [\"b\"][-1] 1", 7, "Invalid set index format: component [-1] is negative\n"),
    line("unset DIR/e-f.yaml ''", 7, "Invalid unset index format: the index is empty\n"),
    line("unset DIR/e-f.yaml [\"b\"][-1]", 1, "Index -1 out of bounds\n"),
];

pub fn prepared() -> tempfile::TempDir {
    let folder = folder();
    let encrypted = super::read(folder.path(), "e-f.yaml");
    let altered = encrypted.replacen("a: ENC[AES256_GCM,data:", "a: ENC[AES256_GCM,data:AAAA", 1);
    let mut lines: Vec<&str> = encrypted.lines().collect();
    let first = lines.iter().position(|line| line.starts_with("    - ENC[")).expect("a list");
    lines.swap(first, first + 1);
    let groups = |threshold: u8| {
        let group = format!("{{age: [{RECIPIENT}]}}");
        format!("creation_rules: [{{shamir_threshold: {threshold}, key_groups: [{group}, {group}]}}]\n")
    };
    for (name, text) in [
        ("altered.yaml", altered.as_str()),
        ("reordered.yaml", &(lines.join("\n") + "\n")),
        ("empty.yaml", ""),
        ("empty.json", ""),
        ("twice.yaml", "a: 1\na: 2\n"),
        ("list.yaml", "- 1\n"),
        ("number.yaml", "1: x\n"),
        ("bad.yaml", "a: [\n"),
        ("scalar.yaml", "x\n"),
        ("comment.yaml", "# only\n"),
        ("uint.yaml", "a: 18446744073709551615\n"),
        ("list.json", "[1]"),
        ("scalar.json", "1"),
        ("bad.cfg", "a: [\n"),
        ("none.cfg", &format!("creation_rules: [{{path_regex: zzz, age: {RECIPIENT}}}]\n")),
        ("group.cfg", "creation_rules: [{key_groups: [{}]}]\n"),
        ("three.cfg", &groups(3)),
        ("one.cfg", &groups(1)),
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

/// The words of a line; `''` is an empty one.
pub fn words(line: &Line, place: &str) -> Vec<String> {
    let typed = line.words.replace("DIR", place).replace("RECIPIENT", RECIPIENT);
    typed.split(' ').filter(|word| !word.is_empty()).map(|word| word.replace("''", "")).collect()
}

#[test]
fn each_line_ends_with_its_code_and_its_words_and_prints_nothing() {
    let folder = prepared();
    let place = folder.path().display().to_string();
    let before = super::read(folder.path(), "e-f.yaml");
    for (line, is_whole) in all().chain(OURS.iter().map(|line| (line, false))) {
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
    assert_eq!(super::read(folder.path(), "e-f.yaml"), before);
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
