//! Files on their way: encrypted, decrypted, changed and rotated, in all formats, in place or not.

use std::os::unix::fs::PermissionsExt as _;

use super::{KEY, OTHER_RECIPIENT, PLAIN, RECIPIENT, folder, good, path, read, sops, write};

#[test]
fn every_format_comes_back_by_verb_by_flag_and_in_place() {
    let folder = folder();
    for (name, text) in PLAIN {
        let encrypted = path(&folder, &format!("e-{name}"));
        // Three letters alone may stand in any key's Base64.
        let written = read(folder.path(), &format!("e-{name}"));
        assert!([" one", "\"one", "=one"].iter().all(|value| !written.contains(value)), "{name}");
        assert_eq!(good(&["decrypt", &encrypted]), text, "{name}");
        assert_eq!(good(&["-d", &encrypted]), text, "{name}");
        let plain = path(&folder, name);
        good(&["-e", "-i", "-a", RECIPIENT, &plain]);
        assert_ne!(read(folder.path(), name), text, "{name}");
        good(&["decrypt", "-i", &plain]);
        assert_eq!(read(folder.path(), name), text, "{name}");
    }
}

#[test]
fn stdin_output_and_types_are_as_flags_say() {
    let folder = folder();
    let from_stdin = sops(
        &["encrypt", "--filename-override", "x.json", "--age", RECIPIENT],
        b"{\"a\": \"one\"}",
        &[("SOPS_AGE_KEY", KEY)],
    );
    assert_eq!(from_stdin.code, 0, "{}", from_stdin.err);
    let variables = [("SOPS_AGE_KEY", KEY)];
    let words = ["decrypt", "--input-type", "json", "--output-type", "yaml"];
    let plain = sops(&words, from_stdin.out.as_bytes(), &variables);
    assert_eq!((plain.code, plain.out.as_str()), (0, "a: one\n"), "{}", plain.err);
    let (encrypted, output) = (path(&folder, "e-f.yaml"), path(&folder, "out.json"));
    assert_eq!(good(&["decrypt", "--output-type", "json", "--output", &output, &encrypted]), "");
    assert!(read(folder.path(), "out.json").starts_with("{\n\t\"a\": \"one\",\n"));
    assert_eq!(
        good(&["--indent", "2", "decrypt", "--output-type", "json", &encrypted]).lines().nth(1),
        Some("  \"a\": \"one\",")
    );
}

#[test]
fn one_value_is_extracted() {
    let folder = folder();
    let yaml = path(&folder, "e-f.yaml");
    for (index, expected) in [
        ("[\"a\"]", "one"),
        ("['b'][1]", "true\n"),
        ("[\"b\"]", "- 1\n- true\n- 2.5\n"),
        ("[\"c\"]", "d_unencrypted: clear\ne: \"\"\n"),
    ] {
        assert_eq!(good(&["decrypt", "--extract", index, &yaml]), expected, "{index}");
        assert_eq!(good(&["-d", "--extract", index, &yaml]), expected, "{index}");
    }
    for (name, index, expected) in
        [("e-f.bin", "[\"data\"]", PLAIN[4].1), ("e-f.env", "[\"A\"]", "one"), ("e-f.ini", "[\"t\"][\"k\"]", "  x")]
    {
        assert_eq!(good(&["decrypt", "--extract", index, &path(&folder, name)]), expected, "{name}");
    }
}

#[test]
fn setting_one_value_changes_three_lines_and_keeps_mode_and_link() {
    let folder = folder();
    let many: String = (0..200).map(|number| format!("k{number}: value {number}\n")).collect();
    write(folder.path(), "many.yaml", &many);
    let file = path(&folder, "many.yaml");
    good(&["encrypt", "-i", "--age", RECIPIENT, &file]);
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).expect("a mode");
    let link = path(&folder, "link.yaml");
    std::os::unix::fs::symlink(&file, &link).expect("a link");
    let before = read(folder.path(), "many.yaml");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    good(&["set", &link, "[\"k7\"]", "\"other\""]);
    let after = read(folder.path(), "many.yaml");
    let changed: Vec<&str> =
        before.lines().zip(after.lines()).filter(|(one, two)| one != two).map(|(_, line)| line.trim()).collect();
    assert_eq!(changed.len(), 3, "{changed:?}");
    assert!(changed[0].starts_with("k7: ENC[") && changed[1].starts_with("lastmodified: "), "{changed:?}");
    assert_eq!(std::fs::metadata(&file).expect("the file").permissions().mode() & 0o777, 0o640);
    assert!(std::fs::symlink_metadata(&link).expect("the link").is_symlink());
    assert_eq!(good(&["decrypt", "--extract", "[\"k7\"]", &file]), "other");
}

#[test]
fn values_are_set_and_unset_in_every_way() {
    let folder = folder();
    let yaml = path(&folder, "e-f.yaml");
    write(folder.path(), "value.json", "{\"z\": [1, \"x\"], \"y\": null}");
    good(&["set", "--value-file", &yaml, "[\"q\"][\"m\"]", &path(&folder, "value.json")]);
    let set = sops(&["set", "--value-stdin", &yaml, "[\"b\"][9]"], b"9007199254740993", &[("SOPS_AGE_KEY", KEY)]);
    assert_eq!(set.code, 0, "{}", set.err);
    good(&["--set", "[\"a\"] \"two\"", &yaml]);
    good(&["unset", &yaml, "[\"c\"][\"e\"]"]);
    let expected = "# head\na: two\nb:\n    - 1\n    - true\n    - 2.5\n    - 9007199254740993\nc:\n    d_unencrypted: \
                    clear\nq:\n    m:\n        z:\n            - 1\n            - x\n        \"y\": null\n";
    assert_eq!(good(&["decrypt", &yaml]), expected);
    let before = read(folder.path(), "e-f.yaml");
    good(&["set", "--idempotent", &yaml, "[\"a\"]", "\"two\""]);
    good(&["unset", "--idempotent", &yaml, "[\"nope\"]"]);
    assert_eq!(read(folder.path(), "e-f.yaml"), before);
}

#[test]
fn rotating_makes_a_new_data_key_and_changes_keys() {
    let folder = folder();
    let (yaml, before) = (path(&folder, "e-f.yaml"), read(folder.path(), "e-f.yaml"));
    good(&["rotate", "-i", "--add-age", OTHER_RECIPIENT, &yaml]);
    let after = read(folder.path(), "e-f.yaml");
    let value = |text: &str| text.lines().find(|line| line.starts_with("a: ")).map(str::to_owned);
    assert_ne!(value(&before), value(&after));
    assert!(after.contains(OTHER_RECIPIENT));
    assert_eq!(good(&["decrypt", &yaml]), PLAIN[0].1);
    let rotated = good(&["-r", "--rm-age", OTHER_RECIPIENT, &yaml]);
    assert!(!rotated.contains(OTHER_RECIPIENT) && rotated.contains(RECIPIENT));
    let ended =
        sops(&["rotate", "--rm-age", &format!("{RECIPIENT},{OTHER_RECIPIENT}"), &yaml], b"", &[("SOPS_AGE_KEY", KEY)]);
    assert_eq!((ended.code, ended.out.as_str()), (1, ""));
    assert_eq!(ended.err, "Could not generate data key: [empty key group provided]\n");
}

#[test]
fn rules_choose_keys_and_values() {
    let folder = folder();
    let config = format!(
        "creation_rules:\n  - path_regex: ^f\\.yaml$\n    age: {RECIPIENT}\n    encrypted_regex: ^a$\n  - path_regex: \
         none$\n    age: {RECIPIENT}\n    encrypted_regex: ^nothing$\nstores:\n  yaml:\n    indent: 2\n"
    );
    write(folder.path(), ".sops.yaml", &config);
    let config = path(&folder, ".sops.yaml");
    let encrypted = good(&["--config", &config, "encrypt", &path(&folder, "f.yaml")]);
    assert!(encrypted.contains("a: ENC[") && encrypted.contains("\n  - 1\n"), "{encrypted}");
    write(folder.path(), "f.yaml", &encrypted);
    let variables = [("SOPS_AGE_KEY", KEY), ("SOPS_CONFIG", config.as_str())];
    let run = |words: &[&str]| sops(words, b"a: 1\n", &variables);
    let no_rule = run(&["encrypt", "--filename-override", &path(&folder, "other.yaml")]);
    assert_eq!((no_rule.code, no_rule.out.as_str()), (1, ""));
    assert!(no_rule.err.starts_with("error loading config: no matching creation rules found\n"), "{}", no_rule.err);
    let words = ["encrypt", "--input-type", "yaml", "--filename-override", &path(&folder, "x.none")];
    let nothing = run(&words);
    assert_eq!(nothing.code, 0);
    assert!(nothing.err.contains("0 of 1 values were encrypted, by `encrypted_regex: ^nothing$`"), "{}", nothing.err);
    let strict = run(&[&words[..], &["--strict"]].concat());
    assert_eq!((strict.code, strict.out.as_str()), (1, ""));
    let both = run(&["encrypt", "--unencrypted-suffix", "_x", &path(&folder, "f.yaml")]);
    assert_eq!(both.code, 8, "{}", both.err);
    assert!(both.err.starts_with("Error: cannot use more than one of "), "{}", both.err);
}

#[test]
fn a_configuration_merges_anchors_and_may_say_nothing() {
    let folder = folder();
    let (file, config) = (path(&folder, "f.yaml"), path(&folder, ".sops.yaml"));
    let variables = [("SOPS_AGE_KEY", KEY), ("SOPS_CONFIG", config.as_str())];
    let rule = format!("age: {RECIPIENT}, mac_only_encrypted: yes");
    write(folder.path(), ".sops.yaml", &format!("x: &all {{{rule}}}\ncreation_rules:\n- <<: *all\n  path_regex: f\n"));
    let ended = sops(&["encrypt", &file], b"", &variables);
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(ended.out.contains(RECIPIENT) && ended.out.contains("mac_only_encrypted: true"), "{}", ended.out);
    for nothing in ["", "# to come\n", "null\n", "---\n"] {
        write(folder.path(), ".sops.yaml", nothing);
        let ended = sops(&["encrypt", "--age", RECIPIENT, &file], b"", &variables);
        assert_eq!(ended.code, 0, "{nothing:?}: {}", ended.err);
        let ended = sops(&["encrypt", &file], b"", &variables);
        assert!(ended.err.starts_with("config file not found, or has no creation rules"), "{nothing:?}: {}", ended.err);
    }
    for (wrong, told) in [("[]\n", "the top of the file must be a mapping"), ("a: [\n", "yaml: line ")] {
        write(folder.path(), ".sops.yaml", wrong);
        let ended = sops(&["decrypt", &path(&folder, "e-f.yaml")], b"", &variables);
        assert_eq!((ended.code, ended.out.as_str()), (1, ""));
        let begin = "error loading config: Could not unmarshal config file: ";
        assert!(ended.err.starts_with(begin) && ended.err.contains(told), "{}", ended.err);
    }
}

#[test]
fn numbers_below_zero_can_be_set() {
    let folder = folder();
    let yaml = path(&folder, "e-f.yaml");
    good(&["set", &yaml, "[\"a\"]", "-7"]);
    assert_eq!(good(&["decrypt", "--extract", "[\"a\"]", &yaml]), "-7\n");
    // As with the peer, a word that looks like a flag and is none is told and ignored.
    let told = sops(&["decrypt", &yaml, "--bogus"], b"", &[("SOPS_AGE_KEY", KEY)]);
    assert!(told.code == 0 && told.err.contains("looks like a flag"), "{}", told.err);
}

#[test]
fn what_stays_clear_against_the_rule_of_today_is_told() {
    let folder = folder();
    write(folder.path(), "p.yaml", "a: 1\nb: 2\n");
    let file = path(&folder, "p.yaml");
    good(&["encrypt", "-i", "--age", RECIPIENT, "--encrypted-regex", "^a$", &file]);
    write(folder.path(), ".sops.yaml", &format!("creation_rules: [{{age: {RECIPIENT}}}]\n"));
    let config = path(&folder, ".sops.yaml");
    let variables = [("SOPS_AGE_KEY", KEY), ("SOPS_CONFIG", config.as_str())];
    let before = read(folder.path(), "p.yaml");
    let strict = sops(&["set", "--strict", &file, "[\"a\"]", "5"], b"", &variables);
    assert_eq!((strict.code, read(folder.path(), "p.yaml")), (1, before));
    let warned = sops(&["set", &file, "[\"a\"]", "5"], b"", &variables);
    assert_eq!(warned.code, 0);
    assert!(warned.err.contains("`b` stays clear, although `unencrypted_suffix: _unencrypted`"), "{}", warned.err);
}
