//! gpg is played by scripts here; the real one is met in `conformance`.

use std::io::Write;
use std::process::{Command, Stdio};

use wire::environment::Environment;

use super::*;

struct Script {
    folder: tempfile::TempDir,
}

impl Script {
    /// A child process writes the file: were it open for writing here while another test forks, that fork would hold
    /// it open too, and the kernel starts no program that somebody writes ("Text file busy").
    fn new(text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut writer = Command::new("sh")
            .args(["-c", "cat > gpg && chmod 700 gpg"])
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .spawn()
            .expect("sh starts");
        let mut stdin = writer.stdin.take().expect("piped");
        write!(stdin, "#!/bin/sh\n{text}\n").expect("a script");
        drop(stdin);
        assert!(writer.wait().expect("sh ends").success());
        Self { folder }
    }

    fn gpg(&self) -> Gpg {
        let path = self.folder.path().join("gpg").to_string_lossy().into_owned();
        let environment: Environment =
            [("SOPS_GPG_EXEC", path.as_str()), ("GNUPGHOME", "/gnupg")].into_iter().collect();
        Gpg::new(&Surroundings { environment, ..Surroundings::none() })
    }
}

#[test]
fn gpg_is_called_as_the_peer_calls_it() {
    let script = Script::new(r#"echo "  $GNUPGHOME $* $(cat)  ""#);
    let message = script.gpg().encrypt("FBC7B9E2A4F9289AC0C1D4843D16CEE4A27381B4", &"data".into());
    assert_eq!(
        message.ok().as_deref(),
        Some(
            "/gnupg --no-default-recipient --yes --encrypt -a -r FBC7B9E2A4F9289AC0C1D4843D16CEE4A27381B4 \
             --trusted-key 3D16CEE4A27381B4 --no-encrypt-to data"
        )
    );
    let data = script.gpg().decrypt("armor").expect("decrypts");
    assert_eq!(data.expose(), b"  /gnupg -d armor  \n");
}

#[test]
fn a_subkey_is_forced_with_its_mark() {
    assert_eq!(trusted_key("FBC7B9E2A4F9289AC0C1D4843D16CEE4A27381B4"), "3D16CEE4A27381B4");
    assert_eq!(trusted_key("FBC7B9E2A4F9289AC0C1D4843D16CEE4A27381B4!"), "3D16CEE4A27381B4!");
    assert_eq!(trusted_key("A27381B4"), "A27381B4");
}

#[test]
fn failures_tell_what_gpg_said() {
    let script = Script::new("echo 'gpg: decryption failed: No secret key' >&2\nexit 2");
    let fault = script.gpg().decrypt("armor").err().expect("fails");
    assert_eq!(
        fault.chain(),
        "could not decrypt data key with PGP key: GnuPG binary error: gpg: decryption failed: No secret key"
    );
    assert_eq!(fault.advice(), Some("`gpg --list-secret-keys` shows which keys this user has"));
    let script = Script::new("echo 'gpg: decryption failed: Inappropriate ioctl for device' >&2\nexit 2");
    let fault = script.gpg().decrypt("armor").err().expect("fails");
    assert!(fault.advice().is_some_and(|advice| advice.contains("GPG_TTY")));
    let script = Script::new("exit 0");
    assert!(script.gpg().decrypt("armor").err().expect("fails").chain().contains("is empty"));
    assert!(script.gpg().encrypt("FP", &"x".into()).expect_err("fails").chain().contains("is empty"));
}

#[test]
fn a_missing_gpg_is_named() {
    let environment: Environment = [("SOPS_GPG_EXEC", "/nowhere/gpg")].into_iter().collect();
    let gpg = Gpg::new(&Surroundings { environment, ..Surroundings::none() });
    let fault = gpg.encrypt("FP", &"x".into()).expect_err("fails");
    assert_eq!(fault.kind(), base::Kind::NotFound);
    assert!(fault.chain().contains("/nowhere/gpg"));
}
