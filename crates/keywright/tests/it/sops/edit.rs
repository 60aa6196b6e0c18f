//! `sops edit` with editors that are scripts: in a process of its own, since it takes over signals.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{Ended, KEY, PLAIN, RECIPIENT, folder, good, path, read, write};

/// The binary as `sops`, with an editor; what it leaves in `TMPDIR` is seen.
fn edit(place: &Path, editor: &str, words: &[&str], input: &str) -> Ended {
    let output = start(place, editor, words).stdin(Stdio::piped()).spawn().and_then(|mut child| {
        // An editor that needs no input may have ended already.
        let _ = child.stdin.take().map(|mut stdin| stdin.write_all(input.as_bytes()));
        child.wait_with_output()
    });
    let output = output.expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let code = output.status.code().and_then(|code| u8::try_from(code).ok()).expect("it ended by itself");
    Ended { code, out: text(output.stdout), err: text(output.stderr) }
}

fn start(place: &Path, editor: &str, words: &[&str]) -> Command {
    let temporary = place.join("tmp");
    fs::create_dir_all(&temporary).expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_keywright"));
    command.arg("sops").args(words).env_clear().current_dir(place);
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("TMPDIR", &temporary).env("SOPS_AGE_KEY", KEY).env("EDITOR", editor);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What lies in the folder for temporary files.
fn left(place: &Path) -> usize {
    fs::read_dir(place.join("tmp")).expect("the folder").count()
}

#[test]
fn what_the_editor_changes_is_encrypted_and_nothing_else() {
    let folder = folder();
    let (place, file) = (folder.path(), path(&folder, "e-f.yaml"));
    let before = read(place, "e-f.yaml");
    let same = edit(place, "true", &["edit", &file], "");
    assert_eq!((same.code, same.err.as_str()), (200, "File has not changed, exiting.\n"));
    assert_eq!(read(place, "e-f.yaml"), before);
    let looked = edit(place, "sh -c 'stat -c %a $0 $(dirname $0) >&2; cp $0 seen; false'", &[&file], "");
    assert_eq!(looked.code, 201, "{}", looked.err);
    assert_eq!(looked.err, "600\n700\nCould not run editor: exit status 1\n");
    assert_eq!(read(place, "seen"), PLAIN[0].1);
    let changed = edit(place, "sed -i s/one/two/", &[&file], "");
    assert_eq!((changed.code, changed.out.as_str()), (0, ""), "{}", changed.err);
    let after = read(place, "e-f.yaml");
    let untouched = before.lines().filter(|line| after.contains(*line)).count();
    assert!(untouched + 3 >= before.lines().count(), "{after}");
    assert_eq!(good(&["decrypt", "--extract", "[\"a\"]", &file]), "two");
    assert_eq!(left(place), 0);
}

#[test]
fn text_that_cannot_be_used_goes_back_to_the_editor() {
    let folder = folder();
    let (place, file) = (folder.path(), path(&folder, "e-f.yaml"));
    let editor = "sh -c 'if [ -e once ]; then echo \"a: good\" > $0; else touch once; echo \"a: [\" > $0; fi'";
    let ended = edit(place, editor, &[&file], "\n");
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(ended.err.contains("Could not load tree, probably due to invalid syntax. Press enter"), "{}", ended.err);
    assert_eq!(good(&["decrypt", &file]), "a: good\n");
    let before = read(place, "e-f.yaml");
    let ended = edit(place, "sh -c 'echo \"sops: 1\" > $0'", &[&file], "");
    assert_eq!((ended.code, read(place, "e-f.yaml")), (1, before));
    assert!(ended.err.contains("Tree not valid for encryption. Press enter"), "{}", ended.err);
    assert_eq!(left(place), 0);
}

#[test]
fn a_new_file_starts_from_an_example() {
    let folder = folder();
    let place = folder.path();
    for (name, line) in [
        ("new.yaml", "hello: Welcome to SOPS! Edit this file as you please!"),
        ("new.json", "\t\"hello\": \"Welcome to SOPS! Edit this file as you please!\","),
        ("new.env", "hello=Welcome to SOPS! Edit this file as you please!"),
        ("new.ini", "hello       = Welcome to SOPS! Edit this file as you please!"),
        ("new.txt", "Welcome to SOPS! Replace this text with what shall be encrypted."),
    ] {
        let file = path(&folder, name);
        let ended = edit(place, "sed -i s/Edit/Please.edit/", &["edit", "--age", RECIPIENT, &file], "");
        if name == "new.txt" {
            assert_eq!(ended.code, 200, "{}", ended.err);
            assert!(!Path::new(&file).exists());
            continue;
        }
        assert_eq!(ended.code, 0, "{name}: {}", ended.err);
        let plain = good(&["decrypt", &file]);
        assert!(plain.lines().any(|text| text == line.replace("Edit", "Please.edit")), "{plain}");
    }
    let ended = edit(place, "true", &[&path(&folder, "keyless.yaml")], "");
    assert_eq!(ended.code, 1);
    assert!(ended.err.starts_with("config file not found, or has no creation rules, and no keys provided"));
}

#[test]
fn metadata_can_be_edited() {
    let folder = folder();
    let (place, file) = (folder.path(), path(&folder, "e-f.yaml"));
    let other = super::OTHER_RECIPIENT;
    let editor = format!("sed -i -e s/one/two/ -e 's/^    age:$/    age:\\n        - recipient: {other}/'");
    let ended = edit(place, &editor, &["-s", &file], "");
    assert_eq!(ended.code, 0, "{}", ended.err);
    let after = read(place, "e-f.yaml");
    assert!(after.contains(other) && after.contains(RECIPIENT), "{after}");
    assert_eq!(after.matches("BEGIN AGE ENCRYPTED FILE").count(), 2);
    assert_eq!(good(&["decrypt", "--extract", "[\"a\"]", &file]), "two");
}

#[test]
fn a_change_by_somebody_else_is_not_overwritten_and_no_text_is_lost() {
    let folder = folder();
    let (place, file) = (folder.path(), path(&folder, "e-f.yaml"));
    let ended = edit(place, &format!("sh -c 'echo \"a: mine\" > $0; echo theirs > {file}'"), &[&file], "");
    assert_eq!((ended.code, read(place, "e-f.yaml").as_str()), (1, "theirs\n"));
    assert!(ended.err.contains("was changed by somebody else while the editor was open\nhint: what you typed is in `"));
    let kept = ended.err.split('`').nth(3).expect("a path");
    assert_eq!(fs::read_to_string(kept).expect("the text"), "a: mine\n");
}

#[test]
fn a_signal_leaves_nothing_behind() {
    let folder = folder();
    let (place, file) = (folder.path(), path(&folder, "e-f.yaml"));
    write(place, "before", &read(place, "e-f.yaml"));
    // The editor tells that it has the text, and waits to be ended.
    let mut command = start(place, "sh -c 'echo \"a: x\" > $0; touch ready; exec sleep 60'", &[&file]);
    let child = command.stdin(Stdio::null()).spawn().expect("the binary runs");
    while !place.join("ready").exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let killed = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(killed.expect("kill runs").success());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "User canceled operation\n");
    assert_eq!((left(place), read(place, "e-f.yaml")), (0, read(place, "before")));
}
