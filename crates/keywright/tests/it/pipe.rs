//! A reader of stdout that leaves, as `head` does, ends a verb without a word and with the code of SIGPIPE, like the peers' programs;
//! a full disk is told.

use std::process::{Command, Stdio};

use crate::stage::{KEY, RECIPIENT, path, run, write};

#[test]
fn a_reader_that_leaves_hears_no_complaint() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "plain.yaml", "password: s3cr3t\n");
    let file = path(&folder, "plain.yaml");
    assert_eq!(run("sops", &["encrypt", "-i", "--age", RECIPIENT, &file], b"", &[]).code, 0);
    let verbs: [&[&str]; 5] = [
        &["crds"],
        &["--help"],
        &["sops", "decrypt", &file],
        &["vals", "get", "ref+echo://a"],
        &["helm-secrets", "decrypt", &file],
    ];
    for verb in verbs {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let full = std::fs::File::create("/dev/full").expect("Linux has it");
        for (stdout, code) in [(Stdio::from(writer), 141), (Stdio::from(full), 0)] {
            let ended = Command::new(env!("CARGO_BIN_EXE_keywright"))
                .args(verb)
                .env("SOPS_AGE_KEY", KEY)
                .stdout(stdout)
                .output()
                .expect("it starts");
            let said = String::from_utf8_lossy(&ended.stderr);
            if code == 141 {
                assert_eq!((ended.status.code(), &*said), (Some(141), ""), "{verb:?}");
            } else {
                assert_ne!(ended.status.code(), Some(0), "{verb:?}");
                assert!(said.contains("No space left on device"), "{verb:?}: {said}");
            }
        }
    }
}
