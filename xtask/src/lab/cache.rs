//! Where parts are kept between runs: outside the checkout, a folder per part and version, filled under a lock and marked when complete.
//! A part whose folder is not marked was interrupted and is got again.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

const COMPLETE: &str = ".complete";

pub struct Cache {
    folder: PathBuf,
    /// Held while parts are got: two runs on one machine build one after the other, not both at once.
    _lock: File,
}

impl Cache {
    /// Opens the cache of this user and waits until nobody else fills it.
    pub fn open() -> Result<Self, String> {
        let folder = home()?.join("keywright-lab");
        fs::create_dir_all(&folder).map_err(|error| format!("cannot make `{}`: {error}", folder.display()))?;
        let path = folder.join("lock");
        let lock = File::create(&path).map_err(|error| format!("cannot open `{}`: {error}", path.display()))?;
        if lock.try_lock().is_err() {
            println!("lab: another run is getting parts; waiting for it");
            lock.lock().map_err(|error| format!("cannot lock `{}`: {error}", path.display()))?;
        }
        Ok(Self { folder, _lock: lock })
    }

    /// The folder of a part of this version, and whether it is complete. An incomplete one is empty.
    pub fn part(&self, name: &str, version: &str) -> Result<(PathBuf, bool), String> {
        let folder = self.folder.join("parts").join(format!("{name}-{}", digest(version)));
        if folder.join(COMPLETE).exists() {
            return Ok((folder, true));
        }
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(|error| format!("cannot clear `{}`: {error}", folder.display()))?;
        }
        fs::create_dir_all(&folder).map_err(|error| format!("cannot make `{}`: {error}", folder.display()))?;
        Ok((folder, false))
    }

    pub fn complete(part: &Path) -> Result<(), String> {
        fs::write(part.join(COMPLETE), "").map_err(|error| format!("cannot mark `{}`: {error}", part.display()))
    }

    /// The folder of links to all programs of this set of versions.
    pub fn programs(&self, versions: &str) -> PathBuf {
        self.folder.join(format!("bin-{}", digest(versions)))
    }
}

/// `$XDG_CACHE_HOME`, else `~/.cache`.
fn home() -> Result<PathBuf, String> {
    let named = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    named("XDG_CACHE_HOME")
        .or_else(|| Some(named("HOME")?.join(".cache")))
        .ok_or_else(|| "cannot tell where the cache is: neither XDG_CACHE_HOME nor HOME is set".to_owned())
}

/// A short name for a version; a collision would only need two versions of one part to meet in 64 bits.
fn digest(version: &str) -> String {
    let mut hasher = DefaultHasher::new();
    (version, std::env::consts::ARCH).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
