//! No verb leaves a core dump: its process says so before it does anything else. Seen from outside, as another process of the same user
//! sees it: what lies below `/proc/PID` of a process that may not be dumped belongs to root. Specification: design §8 "How they die".

use std::net::TcpListener;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use testkit::process::Running;

use crate::kubeseal;
use crate::stage::write;

/// Verbs that stay for as long as their stdin is open, or until a cluster answers that never does.
const WAITING: &[&[&str]] = &[
    &["sops", "decrypt", "--input-type", "yaml"],
    &["vals", "eval", "-f", "-"],
    &["kubeseal", "--cert", "cert.pem"],
    &["helm-secrets", "template", "x", "y", "-f", "-"],
    &["render", "-"],
    &["operator", "--listen-addr", "127.0.0.1:0"],
    &["external-secrets", "--metrics-addr", "127.0.0.1:0", "--live-addr", "127.0.0.1:0"],
    &["vault-secrets-operator", "--metrics-bind-address", "127.0.0.1:0", "--health-probe-bind-address", "127.0.0.1:0"],
    &["reloader"],
    &["controller"],
    &["explain", "secret/db"],
];

/// Nobody: root could not be told from whoever may not look.
const NOBODY: u32 = 65_534;

/// Starts a program as somebody who is not root.
fn start(command: &mut Command) -> Running {
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    Running::start(command)
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// Whether what the process knows belongs to somebody else than whom it runs as.
fn is_closed(running: &Running) -> bool {
    let own = std::fs::metadata("/proc/self").expect("a process").uid();
    let user = if is_root() { NOBODY } else { own };
    std::fs::metadata(format!("/proc/{}/environ", running.id())).is_ok_and(|file| file.uid() != user)
}

/// The program where nobody can start it, whoever owns the checkout.
fn program(folder: &Path) -> PathBuf {
    let path = folder.join("keywright");
    let open = Command::new("chmod").args(["755"]).arg(folder).status().expect("chmod runs");
    // Copied by another process, so that no fork of this one holds it open for writing.
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_keywright")).arg(&path).status().expect("cp runs");
    assert!(open.success() && copied.success());
    path
}

#[test]
fn no_verb_can_be_dumped() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = program(folder.path());
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let server = format!("http://{}", silent.local_addr().expect("a bound socket"));
    write(
        folder.path(),
        "kubeconfig",
        &format!(
            r#"{{"clusters": [{{"name": "c", "cluster": {{"server": "{server}"}}}}], "users": [{{"name": "u", "user": {{}}}}],
            "contexts": [{{"name": "x", "context": {{"cluster": "c", "user": "u"}}}}], "current-context": "x"}}"#
        ),
    );
    write(folder.path(), "cert.pem", kubeseal::key().certificate.pem());
    let other = start(Command::new("sleep").arg("600"));
    for words in WAITING {
        let mut command = Command::new(&program);
        command.args(*words).env_clear().env("KUBECONFIG", folder.path().join("kubeconfig")).current_dir(folder.path());
        let mut running = start(&mut command);
        let until = Instant::now() + Duration::from_secs(60);
        // While it is being started as somebody else it is closed for a moment, whatever the program does.
        let mut closed = 0;
        while closed < 50 {
            closed = if is_closed(&running) { closed + 1 } else { 0 };
            assert!(!running.has_ended(), "{words:?} ended before we could look");
            assert!(Instant::now() < until, "{words:?} can be dumped");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
    assert!(!is_closed(&other), "an ordinary process is open");
}
