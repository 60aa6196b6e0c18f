//! A home for gpg that holds only the keys of this run, and goes with it – its agent, too – whatever ends us but `kill -9`.
//! Specification: HS §9 (gpg import), §6.2 (`HELM_SECRETS_LOAD_GPG_KEYS`).

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use base::{Fault, SecretBytes};
use tempfile::TempDir;
use wire::Program;

use super::{Work, told};
use crate::Failure;

/// The home.
pub struct GpgHome {
    folder: TempDir,
}

impl GpgHome {
    /// With the keys that `HELM_SECRETS_LOAD_GPG_KEYS` names, if it names any.
    ///
    /// # Errors
    /// gpg does not take one of them.
    pub fn of_variable(work: &mut Work<'_>) -> Result<Option<Self>, Failure> {
        let places = work.environment.value("HELM_SECRETS_LOAD_GPG_KEYS").filter(|places| *places != "false");
        let places: Vec<String> = places.unwrap_or_default().split_whitespace().map(str::to_owned).collect();
        (!places.is_empty()).then(|| Self::with_files(work, &places)).transpose()
    }

    /// With keys from files, or from all files of folders.
    ///
    /// # Errors
    /// gpg does not take one of them.
    pub fn with_files(work: &mut Work<'_>, places: &[String]) -> Result<Self, Failure> {
        let home = Self::new(work)?;
        for file in places.iter().flat_map(|place| files_of(Path::new(place))) {
            let shown = file.display().to_string();
            home.gpg(Program::new("gpg").arguments(IMPORT).arguments([&file]))
                .map_err(|fault| told(fault.within(format!("cannot import the PGP key `{shown}`"))))?;
        }
        Ok(home)
    }

    /// With a key as bytes.
    ///
    /// # Errors
    /// gpg does not take it.
    pub fn with_key(work: &mut Work<'_>, key: SecretBytes) -> Result<Self, Failure> {
        let home = Self::new(work)?;
        home.gpg(Program::new("gpg").arguments(IMPORT).input(key))
            .map_err(|fault| told(fault.within("cannot import the PGP key")))?;
        Ok(home)
    }

    fn new(work: &mut Work<'_>) -> Result<Self, Failure> {
        let above = work.environment.value("TMPDIR").unwrap_or("/tmp").to_owned();
        let mut builder = tempfile::Builder::new();
        let folder = builder.prefix("gpg").permissions(Permissions::from_mode(0o700)).tempdir_in(above);
        let folder = folder.map_err(|error| told(Fault::unreachable("cannot make a home for gpg").because(error)))?;
        work.leavings.add(folder.path()).map_err(told)?;
        work.set("GNUPGHOME", &folder.path().to_string_lossy());
        Ok(Self { folder })
    }

    fn gpg(&self, mut program: Program) -> Result<(), Fault> {
        program.environment.push(("GNUPGHOME".into(), self.folder.path().into()));
        let output = program.run()?;
        let reason = output.stderr.trim().replace('\n', "; ");
        output.accepted("gpg failed").map(drop).map_err(|fault| fault.within(reason))
    }
}

impl Drop for GpgHome {
    fn drop(&mut self) {
        // An agent that never ran cannot be ended; the folder goes in any case.
        let _ = self.gpg(Program::new("gpgconf").arguments(["--kill", "gpg-agent"]));
    }
}

const IMPORT: [&str; 4] = ["--batch", "--no-permission-warning", "--quiet", "--import"];

fn files_of(place: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(place) else { return vec![place.to_owned()] };
    let visible = |path: &PathBuf| !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(visible).collect();
    files.retain(|path| path.is_file());
    files.sort();
    files
}
