//! Whose keys open a file: `updatekeys` by the configuration file, `groups add` and `groups delete` by hand; `filestatus`, which
//! asks no key at all. Where the lab has the real sops, it reads what we wrote.

use super::{Ended, KEY, OTHER_RECIPIENT, RECIPIENT, folder, good, path, read, sops, write};

/// A folder with an encrypted file, a rule for it, and the line that is run with both.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new(rule: &str) -> Self {
        let desk = Self(folder());
        desk.rule(rule);
        desk
    }

    fn rule(&self, rule: &str) {
        write(self.0.path(), ".sops.yaml", &format!("creation_rules: [{rule}]\n"));
    }

    fn run(&self, words: &[&str], input: &str) -> Ended {
        let config = path(&self.0, ".sops.yaml");
        let words: Vec<String> = words.iter().map(|word| word.replace("FILE", &path(&self.0, "e-f.yaml"))).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        sops(&words, input.as_bytes(), &[("SOPS_AGE_KEY", KEY), ("SOPS_CONFIG", &config)])
    }

    fn file(&self) -> String {
        read(self.0.path(), "e-f.yaml")
    }

    /// What only the keys of a file may change: its lines without those that belong to keys.
    fn without_keys(&self) -> Vec<String> {
        let is_of_keys =
            |line: &&str| line.starts_with("        ") || line.starts_with("    age") || line.contains("shamir");
        self.file()
            .lines()
            .filter(|line| !is_of_keys(line) && !line.contains("key_groups"))
            .map(str::to_owned)
            .collect()
    }

    /// Ours opens the file, and so does the real sops, if the lab has it.
    fn opens(&self) {
        let file = path(&self.0, "e-f.yaml");
        let plain = good(&["decrypt", &file]);
        if let Some(peer) = testkit::peers::find("sops") {
            let theirs = peer.run(&["decrypt", &file]).variable("SOPS_AGE_KEY", KEY).outcome();
            assert_eq!(theirs.text(), plain);
        }
    }
}

fn both() -> String {
    format!("{{age: '{RECIPIENT},{OTHER_RECIPIENT}'}}")
}

#[test]
fn keys_follow_the_rule_once_it_is_approved() {
    let desk = Desk::new(&both());
    let (before, values) = (desk.file(), desk.without_keys());
    let shown = format!(
        "The following changes will be made to the file's groups:\nGroup 1\n    {RECIPIENT}\n+++ {OTHER_RECIPIENT}\n"
    );
    let question = "Is this okay? (y/n):";
    let refused = desk.run(&["updatekeys", "FILE"], "n\n");
    assert_eq!((refused.code, refused.out), (0, format!("{shown}{question}")));
    assert!(refused.err.contains(" Syncing keys for file ") && refused.err.ends_with("e-f.yaml left unchanged\n"));
    let silent = desk.run(&["updatekeys", "FILE"], "");
    assert_eq!(silent.code, 1, "{}", silent.err);
    let checked = desk.run(&["updatekeys", "--check", "FILE"], "");
    assert_eq!((checked.code, checked.out), (1, shown.clone()));
    assert_eq!(desk.file(), before);
    let odd = desk.run(&["updatekeys", "FILE"], "what\ny\n");
    assert_eq!((odd.code, odd.out), (0, format!("{shown}{question}{question}")));
    assert!(odd.err.ends_with("e-f.yaml synced with new keys\n"), "{}", odd.err);
    // Values, MAC and time stay, and so does the entry of the key that was there.
    assert_eq!(desk.without_keys(), values);
    let entry = before.split("- enc: |").nth(1).and_then(|rest| rest.split("-----END").next()).expect("an entry");
    assert!(desk.file().contains(entry));
    desk.opens();
    let after = desk.file();
    let again = desk.run(&["updatekeys", "-y", "FILE"], "");
    assert_eq!((again.code, again.out.as_str(), desk.file()), (0, "", after));
    assert!(again.err.ends_with("e-f.yaml already up to date\n"), "{}", again.err);
}

#[test]
fn a_rule_with_groups_splits_the_data_key_by_its_threshold() {
    let group = |key: &str| format!("{{age: [{key}]}}");
    let groups = [group(RECIPIENT), group(OTHER_RECIPIENT), group(RECIPIENT)].join(", ");
    let desk = Desk::new(&format!("{{shamir_threshold: 2, key_groups: [{groups}]}}"));
    let values = desk.without_keys();
    let ended = desk.run(&["updatekeys", "--yes", "FILE"], "");
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(ended.out.contains("+++ shamir_threshold: 2\nGroup 1\n"), "{}", ended.out);
    assert_eq!(desk.without_keys(), values);
    desk.opens();
}

#[test]
fn what_keeps_keys_from_following_is_told_and_changes_nothing() {
    let desk = Desk::new(&format!("{{age: '{RECIPIENT}', pgp: ABCDEF}}"));
    let before = desk.file();
    let home = path(&desk.0, "no-such-home");
    let config = path(&desk.0, ".sops.yaml");
    let file = path(&desk.0, "e-f.yaml");
    let variables = [("SOPS_AGE_KEY", KEY), ("SOPS_CONFIG", config.as_str()), ("SOPS_GPG_EXEC", home.as_str())];
    let failed = sops(&["updatekeys", "-y", &file], b"", &variables);
    assert_eq!(failed.code, 1);
    let begin = "error updating one or more master keys: [failed to encrypt new data key with master key \"ABCDEF\": ";
    assert!(failed.err.contains(begin), "{}", failed.err);
    for (rule, words, code, err) in [
        ("", &["updatekeys"][..], 100, "Error: no file specified\n"),
        ("{path_regex: zzz}", &["updatekeys", "FILE"], 1, "error loading config: no matching creation rules found\n"),
        ("{pgp: x}", &["updatekeys", "/"], 1, "can't operate on a directory\n"),
        ("{pgp: x}", &["updatekeys", "/no/such"], 1, "stat /no/such: no such file or directory\n"),
        ("{pgp: x}", &["updatekeys", "/no/such", "/nor/this"], 1, "failed updating 2 key(s)\n"),
    ] {
        desk.rule(rule);
        let ended = desk.run(words, "");
        assert_eq!((ended.code, ended.out.as_str()), (code, ""), "{words:?}: {}", ended.err);
        assert!(ended.err.contains(err), "{words:?}: {}", ended.err);
    }
    write(desk.0.path(), ".sops.yaml", "stores: {}\n");
    let ended = desk.run(&["updatekeys", "FILE"], "");
    assert_eq!(ended.code, 1);
    assert!(ended.err.ends_with(".sops.yaml does not contain any creation rule\n"), "{}", ended.err);
    // Nobody here has the one key that could open it.
    desk.rule(&both());
    let ended = sops(&["updatekeys", "-y", &file], b"", &[("SOPS_CONFIG", &config), ("HOME", &home)]);
    assert_eq!(ended.code, 128, "{}", ended.err);
    assert_eq!(desk.file(), before);
}

#[test]
fn groups_come_and_go_and_the_data_key_stays() {
    let desk = Desk::new("");
    let values = desk.without_keys();
    let shown = desk.run(&["groups", "add", "--file", "FILE", "--age", RECIPIENT], "");
    assert_eq!(shown.code, 0, "{}", shown.err);
    assert!(shown.out.contains("    key_groups:\n") && shown.out.contains("    shamir_threshold: 2\n"));
    assert!(!desk.file().contains("key_groups"));
    let done = |words: &[&str]| {
        let ended = desk.run(words, "");
        assert_eq!((ended.code, ended.out.as_str()), (0, ""), "{words:?}: {}", ended.err);
        assert_eq!(desk.without_keys(), values);
        desk.opens();
    };
    done(&["groups", "add", "-i", "-f", "FILE", "--age", RECIPIENT]);
    let two = ["--age", OTHER_RECIPIENT, "--age", RECIPIENT];
    done(&[&["groups", "add", "-i", "-f", "FILE", "--shamir-secret-sharing-threshold", "2"][..], &two].concat());
    assert_eq!(desk.file().matches("recipient: ").count(), 4);
    done(&["groups", "delete", "-i", "-f", "FILE", "0"]);
    done(&["groups", "delete", "-i", "-f", "FILE", "--shamir-secret-sharing-threshold", "1", "0"]);
    assert!(desk.file().contains("    shamir_threshold: 1\n"));
}

#[test]
fn groups_that_could_not_be_opened_are_refused_and_nothing_is_written() {
    let desk = Desk::new("");
    desk.run(&["groups", "add", "-i", "-f", "FILE", "--age", RECIPIENT], "");
    let before = desk.file();
    for (words, code, err) in [
        (&["groups", "add", "x"][..], 1, "error: no positional arguments allowed\n"),
        (&["groups", "add"], 2, "Error reading file: open : no such file or directory\n"),
        (&["groups", "add", "-f", "/no/such"], 2, "Error reading file: open /no/such: no such file or directory\n"),
        (
            &["groups", "add", "-i", "-f", "FILE"],
            1,
            "error updating one or more master keys: [empty key group provided]\n",
        ),
        (
            &["groups", "add", "-i", "-f", "FILE", "--age", "x"],
            1,
            "failed to parse input, unknown recipient type: \"x\"\n",
        ),
        (
            &["groups", "add", "-i", "-f", "FILE", "--age", RECIPIENT, "--shamir-secret-sharing-threshold", "9"],
            1,
            "error updating one or more master keys: [could not split data key into parts for Shamir: ",
        ),
        (&["groups", "delete", "-f", "FILE"], 1, "error: exactly one positional argument (index) required\n"),
        (&["groups", "delete", "-f", "FILE", "x"], 1, "failed to parse [index] argument: "),
        (&["groups", "delete", "-i", "-f", "FILE", "7"], 1, "there is no key group 7: the file has 2 key groups"),
        (
            &["groups", "delete", "-i", "-f", "FILE", "0"],
            1,
            "removing this key group will make the Shamir threshold impossible to satisfy: Shamir threshold is 2, but we \
             only have 1 key groups",
        ),
        (&["groups", "bogus"], 3, "No help topic for 'bogus'\n"),
        (&["groups", "--bogus"], 1, "flag provided but not defined: -bogus"),
    ] {
        let ended = desk.run(words, "");
        assert_eq!(ended.code, code, "{words:?}: {}", ended.err);
        assert!(ended.err.contains(err), "{words:?}: {}", ended.err);
        assert!(ended.out.is_empty() || ended.out.starts_with("Incorrect Usage"), "{words:?}: {}", ended.out);
        assert_eq!(desk.file(), before, "{words:?}");
    }
    desk.run(&["groups", "delete", "-i", "-f", "FILE", "--shamir-secret-sharing-threshold", "1", "0"], "");
    let last = desk.run(&["groups", "delete", "-i", "-f", "FILE", "0"], "");
    assert_eq!(last.code, 1);
    assert!(last.err.contains("the only key group of a file cannot be deleted"), "{}", last.err);
}

#[test]
fn the_status_of_a_file_needs_no_key() {
    let folder = folder();
    write(folder.path(), "bad.yaml", "a: [\n");
    write(folder.path(), "empty.yaml", "");
    for (name, code, out, err) in [
        ("e-f.yaml", 0, "{\"encrypted\":true}\n", ""),
        ("e-f.json", 0, "{\"encrypted\":true}\n", ""),
        ("e-f.env", 0, "{\"encrypted\":true}\n", ""),
        ("e-f.ini", 0, "{\"encrypted\":true}\n", ""),
        ("e-f.bin", 0, "{\"encrypted\":true}\n", ""),
        ("f.yaml", 0, "{\"encrypted\":false}\n", ""),
        ("f.env", 0, "{\"encrypted\":false}\n", ""),
        ("empty.yaml", 0, "{\"encrypted\":false}\n", ""),
        ("bad.yaml", 1, "", "cannot check file status: cannot load encrypted file: "),
        ("f.bin", 1, "", "cannot check file status: cannot load encrypted file: "),
        ("none.yaml", 1, "", "cannot check file status: cannot load encrypted file: Error reading file: open "),
    ] {
        let ended = sops(&["filestatus", &path(&folder, name)], b"", &[]);
        assert_eq!((ended.code, ended.out.as_str()), (code, out), "{name}: {}", ended.err);
        assert!(ended.err.contains(err) && ended.err.is_empty() == err.is_empty(), "{name}: {}", ended.err);
    }
    let none = sops(&["filestatus"], b"", &[]);
    assert_eq!((none.code, none.err.as_str()), (100, "Error: no file specified\n"));
}
