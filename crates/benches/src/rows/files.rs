//! Rows on files: a small age file is decrypted, and fetched through Helm's getter. Both cost little more than starting a process.
//! Both have the least that can be had as their floor: an empty process. Not here: what needs a cluster.

use std::path::{Path, PathBuf};

use crate::figure::{Figure, Report};
use crate::lab::PROGRAM;
use crate::one_process::{Run, medians};

/// Enough for a median on a busy machine.
const ROUNDS: usize = 41;

/// A small file that age encrypts, and the identity that opens it.
struct AgeFile {
    folder: tempfile::TempDir,
    program: PathBuf,
    peer: Option<PathBuf>,
}

pub fn decrypt(report: &mut Report) -> Result<(), String> {
    report.begin("decrypt of a small age file, whole process");
    let file = AgeFile::make()?;
    let ours = file.run(&file.program, &["sops", "decrypt", "secret.yaml"]);
    ours.text()?;
    let theirs = file.peer.as_ref().map(|peer| file.run(peer, &["decrypt", "secret.yaml"]));
    let empty = Run::new("/bin/true", [] as [&str; 0]);
    let [bare, cost, peer] = medians([&empty, &ours, theirs.as_ref().unwrap_or(&empty)], ROUNDS)?;
    let over = |milliseconds: f64| milliseconds - bare.milliseconds;
    let (peer_time, peer_memory) =
        if theirs.is_some() { (peer.milliseconds, peer.peak_megabytes) } else { (44.0, 37.0) };
    let time = Figure::new("over an empty process", over(cost.milliseconds), "ms").goal(5.0).peer(over(peer_time));
    report.tell(&time.floor(bare.milliseconds, "ms an empty process takes, beyond which this counts"));
    let memory = Figure::new("peak memory", cost.peak_megabytes, "MB").goal(12.0).peer(peer_memory);
    report.tell(&memory.floor(bare.peak_megabytes, "an empty process"));
    Ok(())
}

pub fn getter(report: &mut Report) -> Result<(), String> {
    report.begin("`secrets://` getter for one age file");
    let file = AgeFile::make()?;
    let url = format!("secrets://{}", file.folder.path().join("secret.yaml").display());
    let ours = file.run(&file.program, &["helm-secrets", "downloader", "", "", "", &url]);
    ours.text()?;
    let empty = Run::new("/bin/true", [] as [&str; 0]);
    let [bare, cost] = medians([&empty, &ours], ROUNDS)?;
    let time = Figure::new("over an empty process", cost.milliseconds - bare.milliseconds, "ms").goal(5.0).peer(72.0);
    report.tell(&time.floor(bare.milliseconds, "ms an empty process takes, beyond which this counts"));
    report
        .tell(&Figure::new("child processes", ours.children()?, "").goal(0.0).peer(13.0).floor(0.0, "none is needed"));
    Ok(())
}

impl AgeFile {
    /// Encrypts with the peer's own programs: what is read must be theirs.
    fn make() -> Result<Self, String> {
        let program: PathBuf =
            std::env::var_os(PROGRAM).map(PathBuf::from).ok_or("`cargo xtask bench` names no binary")?;
        let programs = std::env::var_os("KEYWRIGHT_LAB_BIN").map(PathBuf::from).unwrap_or_default();
        let failed = |error: std::io::Error| format!("cannot prepare a file: {error}");
        let folder = tempfile::tempdir().map_err(failed)?;
        let identity = Run::new(programs.join("age-keygen"), [] as [&str; 0]).text()?;
        std::fs::write(folder.path().join("keys.txt"), &identity).map_err(failed)?;
        let recipient = identity.lines().find_map(|line| line.strip_prefix("# public key: "));
        let recipient = recipient.ok_or("age-keygen tells no public key")?.to_owned();
        let plain = "user: admin\npassword: hunter2\nhost: db.example\n";
        std::fs::write(folder.path().join("plain.yaml"), plain).map_err(failed)?;
        let peer = Some(programs.join("sops")).filter(|path| path.exists());
        let file = Self { folder, program, peer };
        let sops = file.peer.clone().ok_or("the lab has no sops to make the file with")?;
        let encrypted = file.run(&sops, &["encrypt", "--age", &recipient, "plain.yaml"]).text()?;
        std::fs::write(file.folder.path().join("secret.yaml"), encrypted).map_err(failed)?;
        Ok(file)
    }

    /// A program with the identity at hand; words that name our files are made whole.
    fn run(&self, program: &Path, words: &[&str]) -> Run {
        let whole = |word: &&str| {
            let path = self.folder.path().join(word);
            if word.ends_with(".yaml") && !word.contains("://") { path.into_os_string() } else { word.into() }
        };
        let keys = self.folder.path().join("keys.txt");
        Run::new(program, words.iter().map(whole)).env("SOPS_AGE_KEY_FILE", keys)
    }
}
