//! Files that were damaged on the way, one line each: what is done to one, and what `decrypt` and `rotate` make of it. The
//! same files are put to the real sops. Specification: SOPS §10.

use super::{KEY, OTHER_RECIPIENT, RECIPIENT, good, path, read, sops, write};

/// No word of it may be seen in what is told.
const PLAIN: &str = "# quince\na: pear\nb: plum\nnum: 7\nl:\n    - medlar\n    - sloe\nc_unencrypted: clear\n";

/// A data key of five bytes, for the test's key.
const SHORT_KEY: &str = "-----BEGIN AGE ENCRYPTED FILE-----
YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSBobnpkQUVRNm9SUEY3SEVu
MGZwZDlUSklyZXM3ZkZqVHc5bUlGK1FUd0ZBCmJ5bXhNcjQwMjJiZ25XbHRpUFcx
YUJ4dEtTVW9jYXJaQ25QSThHZi9hdVEKLS0tIDhIVGFqeG9lTjMxOU8vMkpVOU9Z
aXBuWmFBQW5sYVZwV0kzS2RwVE82UGsKIeeB9Yaxvtftm4hvd1MO4rqfL6fEV+9m
L1Fkt9tGp7sgHyoBCA==
-----END AGE ENCRYPTED FILE-----";

/// A share as Shamir's scheme has it, but of another data key, for the test's key.
const OTHER_SHARE: &str = "-----BEGIN AGE ENCRYPTED FILE-----
YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSB4N0dqTGNVbzVRdERrWGlx
S0d0aGpoNyt5aVF4WkRrZUJpVW1Kd3RHZkU0CnZyRHZhSkk1cm56SkVDRnNzOUN2
eVNiSkc0cmxiV3JwdnQwSGdNb1I0a0UKLS0tIFVKS1N4amJlMmFVQkh4OU5nZmQ3
V01EK05iOGhpaThURXI4b2w3eVY5QkkK24QfR/FosdiQiQzUGxQd8Sz7KiQbVhRp
26ScTRNjfOesBhTCgR/OVg42CB9ZwEF7oL4YzXjD7aotCPiaveKog1g=
-----END AGE ENCRYPTED FILE-----";

/// What is done to the file, the exit code, and how stderr begins.
type Damage = (&'static str, fn(&str) -> String, u8, &'static str);

const FAILED: &str = "Error decrypting tree: cannot decrypt `a`: cipher: message authentication failed\n";
const FORMAT: &str = "Error decrypting tree: cannot decrypt `a`: input string does not match sops' data format\n";
const MISMATCH: &str = "MAC mismatch. File has ";
const NO_MAC: &str = "MAC mismatch. File has no MAC, computed ";
const TWO_SELECTIONS: &str = "cannot use more than one of encrypted_suffix, ";

/// The real sops has the same exit codes.
const DAMAGES: &[Damage] = &[
    ("a byte of the data", |file| flipped(file, "a: ", "data:"), 25, FAILED),
    ("a byte of the iv", |file| flipped(file, "a: ", "iv:"), 25, FAILED),
    ("a byte of the tag", |file| flipped(file, "a: ", "tag:"), 25, FAILED),
    ("two values swapped", |file| with(&with(file, "a: ", &rest(file, "b: ")), "b: ", &rest(file, "a: ")), 25, FAILED),
    ("two elements swapped", |file| swapped(file, "    - ENC"), 51, MISMATCH),
    ("int named float", |file| named(file, "num: ", "int", "float"), 0, ""),
    ("int named str", |file| named(file, "num: ", "int", "str"), 0, ""),
    (
        "str named int",
        |file| named(file, "a: ", "str", "int"),
        25,
        "Error decrypting tree: cannot decrypt `a`: the decrypted text is no int\n",
    ),
    (
        "str named bool",
        |file| named(file, "a: ", "str", "bool"),
        25,
        "Error decrypting tree: cannot decrypt `a`: the decrypted text is no bool\n",
    ),
    (
        "str named what",
        |file| named(file, "a: ", "str", "what"),
        25,
        "Error decrypting tree: cannot decrypt `a`: Unknown datatype: what\n",
    ),
    ("str named comment", |file| named(file, "a: ", "str", "comment"), 51, MISMATCH),
    ("clear text in its place", |file| with(file, "a: ", "medlar"), 25, FORMAT),
    (
        "a number in its place",
        |file| with(file, "a: ", "8"),
        25,
        "Error decrypting tree: cannot decrypt `a`: Expected encrypted value as string, but got int\n",
    ),
    (
        "true in its place",
        |file| with(file, "a: ", "true"),
        25,
        "Error decrypting tree: cannot decrypt `a`: Expected encrypted value as string, but got bool\n",
    ),
    ("an empty mapping in its place", |file| with(file, "a: ", "{}"), 51, MISMATCH),
    ("an empty list in its place", |file| with(file, "a: ", "[]"), 51, MISMATCH),
    ("a value deleted", |file| without(file, "b: "), 51, MISMATCH),
    ("a clear value added", |file| file.replacen("c_unen", "d_unencrypted: x\nc_unen", 1), 51, MISMATCH),
    ("a clear value changed", |file| with(file, "c_unencrypted: ", "dark"), 51, MISMATCH),
    ("no mac", |file| without(file, "    mac: "), 51, NO_MAC),
    ("an empty mac", |file| with(file, "    mac: ", "\"\""), 51, NO_MAC),
    (
        "another time",
        |file| with(file, "    lastmodified: ", "\"2020-01-01T00:00:00Z\""),
        51,
        "Cannot decrypt MAC: cipher: message authentication failed\n",
    ),
    (
        "no time",
        |file| with(file, "    lastmodified: ", "today"),
        1,
        "cannot read `lastmodified: today`, it is no RFC 3339 time\n",
    ),
    ("two selections", |file| format!("{file}    encrypted_regex: x\n"), 1, TWO_SELECTIONS),
    (
        "no keys",
        |file| {
            let (start, end) = (at(file, "    age:"), at(file, "    lastmodified:"));
            format!("{}{}", &file[..start], &file[end..])
        },
        1,
        "No keys found in file\n",
    ),
    (
        "a short data key",
        |file| wrapped(file, 1, SHORT_KEY),
        25,
        "Error decrypting tree: the data key has an invalid AES key size of 5 bytes instead of 32\n",
    ),
    (
        "a key that is a number",
        |file| file.replacen("\na: ", "\n1: ", 1),
        25,
        "Error decrypting tree: Tree contains a non-string key (type int)\n",
    ),
    ("metadata of another type", |_| "a: 1\nsops: x\n".to_owned(), 1, "Found sops entry that is not a mapping\n"),
];

/// We read these and warn; the real sops ends with 1.
const READ: &[Damage] = &[
    ("no version", |file| without(file, "    version: "), 0, "the file does not say which version of SOPS made it"),
    ("no semver", |file| with(file, "    version: ", "zzz"), 0, "the file's version `zzz` is no version of SOPS"),
];

/// Files of two groups of which two are needed: whether only the first is ours, and what is done to one.
const SHARES: &[(bool, Damage)] = &[
    (true, ("too few groups", str::to_owned, 128, "Failed to get the data key required to decrypt the SOPS file.\n")),
    (
        false,
        (
            "the same share twice",
            |file| wrapped(file, 2, &enc(file, 1)),
            128,
            "Failed to get the data key required to decrypt the SOPS file.\n",
        ),
    ),
    (false, ("another share", |file| wrapped(file, 2, OTHER_SHARE), 25, FAILED)),
];

/// Where the first line with this start begins.
fn at(file: &str, start: &str) -> usize {
    if file.starts_with(start) { 0 } else { file.find(&format!("\n{start}")).expect("such a line") + 1 }
}

fn line<'a>(file: &'a str, start: &str) -> &'a str {
    file[at(file, start)..].lines().next().expect("such a line")
}

fn rest(file: &str, start: &str) -> String {
    line(file, start)[start.len()..].to_owned()
}

fn with(file: &str, start: &str, rest: &str) -> String {
    file.replacen(line(file, start), &format!("{start}{rest}"), 1)
}

fn without(file: &str, start: &str) -> String {
    file.replacen(&format!("{}\n", line(file, start)), "", 1)
}

fn named(file: &str, start: &str, from: &str, to: &str) -> String {
    with(file, start, &rest(file, start).replace(&format!("type:{from}"), &format!("type:{to}")))
}

/// The first letter after `field` is another one.
fn flipped(file: &str, start: &str, field: &str) -> String {
    let text = rest(file, start);
    let place = text.find(field).expect("the field") + field.len();
    let other = if text[place..].starts_with('B') { 'C' } else { 'B' };
    with(file, start, &format!("{}{other}{}", &text[..place], &text[place + 1..]))
}

/// The first line with this start and the one after it change places.
fn swapped(file: &str, start: &str) -> String {
    let first = line(file, start);
    let second = file[at(file, start) + first.len() + 1..].lines().next().expect("a second one");
    file.replacen(&format!("{first}\n{second}\n"), &format!("{second}\n{first}\n"), 1)
}

const BEGIN: &str = "-----BEGIN AGE";
const END: &str = "-----END AGE ENCRYPTED FILE-----";

/// What is wrapped for the key of this number, without its indent.
fn enc(file: &str, number: usize) -> String {
    let text = file.split(BEGIN).nth(number).expect("so many keys");
    let text = &text[..text.find(END).expect("an end")];
    format!("{BEGIN}{text}{END}").lines().map(str::trim_start).collect::<Vec<_>>().join("\n")
}

/// The file with `text` wrapped for the key of this number.
fn wrapped(file: &str, number: usize, text: &str) -> String {
    let start = file.match_indices(BEGIN).nth(number - 1).expect("so many keys").0;
    let end = start + file[start..].find(END).expect("an end") + END.len();
    let indent = &file[file[..start].rfind('\n').expect("a line before")..start];
    format!("{}{}{}", &file[..start], text.replace('\n', indent), &file[end..])
}

/// A folder with each damaged file, by the number of its line.
fn prepared() -> (tempfile::TempDir, Vec<(String, &'static Damage)>) {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "plain.yaml", PLAIN);
    let encrypted = good(&["encrypt", "--age", RECIPIENT, &path(&folder, "plain.yaml")]);
    let groups = |second: &str| {
        let groups = format!("[{{age: [{RECIPIENT}]}}, {{age: [{second}]}}]");
        let config = format!("creation_rules: [{{shamir_threshold: 2, key_groups: {groups}}}]\n");
        write(folder.path(), "groups.yaml", &config);
        good(&["--config", &path(&folder, "groups.yaml"), "encrypt", &path(&folder, "plain.yaml")])
    };
    let (few, both) = (groups(OTHER_RECIPIENT), groups(RECIPIENT));
    let of_one = DAMAGES.iter().map(|damage| (&encrypted, damage));
    let of_two = SHARES.iter().map(|(is_few, damage)| (if *is_few { &few } else { &both }, damage));
    let files = of_one.chain(of_two).enumerate().map(|(number, (file, damage))| {
        let damaged = damage.1(file);
        assert!(damaged != *file || damage.0 == "too few groups", "{} alters something", damage.0);
        let name = format!("{number}.yaml");
        write(folder.path(), &name, &damaged);
        (path(&folder, &name), damage)
    });
    let files = files.collect();
    (folder, files)
}

#[test]
fn each_damage_has_its_code_and_its_words_and_shows_no_value() {
    let (folder, files) = prepared();
    let variables = [("SOPS_AGE_KEY", KEY)];
    for (file, (what, _, code, err)) in &files {
        let ended = sops(&["decrypt", file], b"", &variables);
        assert_eq!((ended.code, ended.out.is_empty()), (*code, *code != 0), "{what}: {}", ended.err);
        assert!(ended.err.starts_with(err) && ended.err.is_empty() == err.is_empty(), "{what}: {}", ended.err);
        for value in ["quince", "pear", "plum", "medlar", "sloe"] {
            assert!(!ended.err.contains(value), "{what}: {}", ended.err);
        }
        if *code != 0 {
            let before = std::fs::read_to_string(file).expect("the file");
            assert_eq!(sops(&["rotate", "-i", file], b"", &variables).code, *code, "{what}");
            assert_eq!(std::fs::read_to_string(file).expect("the file"), before, "{what}");
        }
    }
    let encrypted = good(&["encrypt", "--age", RECIPIENT, &path(&folder, "plain.yaml")]);
    for (what, damage, code, err) in READ {
        write(folder.path(), "read.yaml", &damage(&encrypted));
        let ended = sops(&["decrypt", &path(&folder, "read.yaml")], b"", &variables);
        assert_eq!((ended.code, ended.out.as_str()), (*code, PLAIN), "{what}: {}", ended.err);
        assert!(ended.err.contains(err), "{what}: {}", ended.err);
    }
}

#[test]
fn the_real_sops_has_the_same_codes() {
    let Some(peer) = testkit::peers::find("sops") else { return };
    let (_folder, files) = prepared();
    for (file, (what, _, code, _)) in &files {
        let theirs = peer.run(&["decrypt", file]).variable("SOPS_AGE_KEY", KEY).outcome();
        assert_eq!(theirs.code, Some(i32::from(*code)), "{what}: {}", String::from_utf8_lossy(&theirs.stderr));
    }
}

#[test]
fn shares_that_give_no_key_are_told() {
    let (_folder, files) = prepared();
    let told = |what: &str| {
        let (file, _) = files.iter().find(|(_, damage)| damage.0 == what).expect("such a line");
        sops(&["decrypt", file], b"", &[("SOPS_AGE_KEY", KEY)]).err
    };
    let few = told("too few groups");
    assert!(few.contains("Group 0: SUCCESS\n") && few.contains("Group 1: FAILED\n"), "{few}");
    let twice = told("the same share twice");
    assert!(twice.ends_with("could not get data key from shamir parts: duplicate part detected\n"), "{twice}");
}

#[test]
fn a_binary_file_is_encrypted_a_second_time() {
    let folder = super::folder();
    let twice = good(&["encrypt", "--age", RECIPIENT, &path(&folder, "e-f.bin")]);
    write(folder.path(), "twice.bin", &twice);
    assert_eq!(good(&["decrypt", &path(&folder, "twice.bin")]), read(folder.path(), "e-f.bin"));
}

#[test]
fn the_threshold_of_one_group_is_only_kept() {
    let folder = super::folder();
    let rule = format!("creation_rules: [{{shamir_threshold: 3, key_groups: [{{age: [{RECIPIENT}]}}]}}]\n");
    write(folder.path(), "one.cfg", &rule);
    let file = good(&["--config", &path(&folder, "one.cfg"), "encrypt", &path(&folder, "f.yaml")]);
    assert!(file.contains("    shamir_threshold: 3\n"), "{file}");
    write(folder.path(), "one.yaml", &file);
    assert_eq!(good(&["decrypt", &path(&folder, "one.yaml")]), read(folder.path(), "f.yaml"));
}
