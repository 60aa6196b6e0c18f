//! The real parts and how each is got by its ordinary package client: go, pip, cargo, apt-get. What cannot be had is named with the reason and
//! the rest goes on; nobody has to lend a hand. Versions stand in `lab/pins.toml`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::Value;

use super::cache::Cache;
use crate::shell::{Program, find};

/// The parts that could be had, and why the others could not.
pub struct Parts {
    /// A folder of links: `kubectl`, `sops`, `helm3/helm`, `helm4/helm`, …
    pub programs: PathBuf,
    pub missing: Vec<(String, String)>,
}

/// Where Debian puts the server programs of PostgreSQL, which are not on the path.
const POSTGRES: &str = "/usr/lib/postgresql";

/// The flags that make a Go build small and free of this machine's paths; others would compile everything once more.
const GO_FLAGS: [&str; 3] = ["-trimpath", "-ldflags=-s -w", "-buildvcs=false"];

impl Parts {
    /// Gets what is not there yet.
    pub fn get(root: &Path) -> Result<Self, String> {
        let pins = read(&root.join("lab/pins.toml"))?;
        let table: Value = basic_toml::from_str(&pins).map_err(|error| format!("lab/pins.toml: {error}"))?;
        let sources = control_plane_sources(root)?;
        let cache = Cache::open()?;
        let programs = cache.programs(&format!("{pins}{sources}"));
        let mut getting = Getting { cache, programs, missing: Vec::new() };
        let entries = |client: &str| {
            let pins = table[client].as_object().into_iter().flatten();
            pins.map(|(name, pin)| (name.clone(), pin.as_str().unwrap_or_default().to_owned())).collect::<Vec<_>>()
        };
        for (name, package) in entries("apt") {
            getting.note(&name, || apt(&name, &package));
        }
        for (name, requirement) in entries("pip") {
            getting.part(&name, &requirement, |folder| pip(folder, &name, &requirement));
        }
        getting.part("controlplane", &sources, |folder| control_plane(root, folder));
        for (name, package) in entries("go") {
            getting.part(&name, &package, |folder| go_install(folder, &package));
        }
        for (name, package) in entries("cargo") {
            getting.part(&name, &package, |folder| cargo_install(folder, &package));
        }
        Ok(Self { programs: getting.programs, missing: getting.missing })
    }

    /// The path of a program of the lab, or why there is none.
    pub fn program(&self, name: &str) -> Result<PathBuf, String> {
        let path = self.programs.join(name);
        if path.exists() {
            return Ok(path);
        }
        let reason = self.missing.iter().find(|(part, _)| part == name).map(|(_, reason)| reason.as_str());
        Err(reason.unwrap_or("it is no part of the lab").to_owned())
    }
}

struct Getting {
    cache: Cache,
    programs: PathBuf,
    missing: Vec<(String, String)>,
}

impl Getting {
    /// A part in a folder of its own; its programs are linked afterwards.
    fn part(&mut self, name: &str, version: &str, get: impl FnOnce(&Path) -> Result<(), String>) {
        let got = self.cache.part(name, version).and_then(|(folder, is_complete)| {
            if !is_complete {
                told(name, || get(&folder).and_then(|()| Cache::complete(&folder)))?;
            }
            self.link(name, &folder.join("bin"))
        });
        self.missing.extend(got.err().map(|reason| missing(name, reason)));
    }

    /// A part that the machine's own package manager keeps.
    fn note(&mut self, name: &str, get: impl FnOnce() -> Result<(), String>) {
        self.missing.extend(get().err().map(|reason| missing(name, reason)));
    }

    /// Both Helms call themselves `helm`, so each has a folder; all else stands side by side.
    fn link(&self, name: &str, bin: &Path) -> Result<(), String> {
        let below = if name.starts_with("helm") { self.programs.join(name) } else { self.programs.clone() };
        let failed = |error: std::io::Error| format!("cannot link `{}`: {error}", bin.display());
        fs::create_dir_all(&below).map_err(failed)?;
        for entry in fs::read_dir(bin).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let (link, fresh) = (below.join(entry.file_name()), below.join(format!(".{}", std::process::id())));
            if fs::read_link(&link).is_ok_and(|target| target == entry.path()) {
                continue;
            }
            // Renamed into place, because another run may be using the folder.
            std::os::unix::fs::symlink(entry.path(), &fresh)
                .and_then(|()| fs::rename(&fresh, &link))
                .map_err(failed)?;
        }
        Ok(())
    }
}

fn missing(name: &str, reason: String) -> (String, String) {
    println!("lab: {name} cannot be had: {reason}");
    (name.to_owned(), reason)
}

fn told(name: &str, get: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    println!("lab: getting {name} (once per machine)");
    let started = Instant::now();
    get()?;
    println!("lab: {name} got in {:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}

/// What decides whether the control plane is built again.
fn control_plane_sources(root: &Path) -> Result<String, String> {
    ["go.mod", "go.sum", "main.go"].iter().map(|name| read(&root.join("lab/controlplane").join(name))).collect()
}

fn control_plane(root: &Path, folder: &Path) -> Result<(), String> {
    let bin = bin(folder)?;
    let program =
        Program::new("go").args(["build"]).args(GO_FLAGS).args(["-o"]).args([bin.join("controlplane")]).args(["."]);
    program.within(&root.join("lab/controlplane")).env("GOFLAGS", "-mod=readonly").text().map(drop)
}

fn go_install(folder: &Path, package: &str) -> Result<(), String> {
    let program = Program::new("go").args(["install"]).args(GO_FLAGS).args([package]);
    program.within(folder).env("GOBIN", bin(folder)?).env("GOFLAGS", "").text().map(drop)
}

fn cargo_install(folder: &Path, package: &str) -> Result<(), String> {
    let built = folder.join("target");
    let program = Program::new("cargo").args(["install", "--quiet", "--locked", package, "--root"]).args([folder]);
    program.args(["--target-dir"]).args([&built]).within(folder).text()?;
    fs::remove_dir_all(&built).map_err(|error| format!("cannot remove `{}`: {error}", built.display()))
}

/// A virtual environment per part. Packages that carry a program of another language start it through Python, which costs 50 ms and a
/// process; these are linked to the program itself.
fn pip(folder: &Path, name: &str, requirement: &str) -> Result<(), String> {
    let bin = bin(folder)?;
    let link = |target: &Path| {
        std::os::unix::fs::symlink(target, bin.join(name)).map_err(|error| format!("cannot link `{name}`: {error}"))
    };
    if name == "kubectl"
        && let Some(own) = find(name)
    {
        return link(&own);
    }
    let venv = folder.join("venv");
    virtual_environment(&venv)?;
    Program::new(venv.join("bin/pip"))
        .args(["install", "--quiet", "--disable-pip-version-check", requirement])
        .text()?;
    let carried =
        Program::new("find").args([&venv.join("lib")]).args(["-type", "f", "-name", name, "-size", "+1M"]).text()?;
    match carried.lines().next() {
        Some(program) => link(Path::new(program)),
        None => link(&venv.join("bin").join(name)),
    }
}

/// Debian's Python has no `ensurepip` until it is asked for.
fn virtual_environment(venv: &Path) -> Result<(), String> {
    let open = || Program::new("python3").args(["-m", "venv"]).args([venv]).text();
    if open().is_ok() {
        return Ok(());
    }
    apt_get("python3-venv")?;
    open().map(drop)
}

fn apt(name: &str, package: &str) -> Result<(), String> {
    if is_installed(name) {
        return Ok(());
    }
    told(name, || {
        if name == "postgres" {
            no_default_cluster()?;
        }
        apt_get(package)
    })?;
    if is_installed(name) { Ok(()) } else { Err(format!("package `{package}` does not hold it")) }
}

fn is_installed(name: &str) -> bool {
    find(name).is_some() || (name == "postgres" && super::postgres::programs(Path::new(POSTGRES)).is_some())
}

/// Debian would otherwise create and start a server of its own as soon as the package is there.
fn no_default_cluster() -> Result<(), String> {
    apt_get("postgresql-common")?;
    let path = "/etc/postgresql-common/createcluster.conf";
    fs::write(path, "create_main_cluster = false\n").map_err(|error| format!("cannot write `{path}`: {error}"))
}

fn apt_get(package: &str) -> Result<(), String> {
    let install = || {
        let program = Program::new("apt-get").args(["install", "--yes", "--no-install-recommends", "--quiet", package]);
        program.env("DEBIAN_FRONTEND", "noninteractive").text()
    };
    if install().is_ok() {
        return Ok(());
    }
    // A fresh machine has no lists yet.
    Program::new("apt-get").args(["update", "--quiet"]).text()?;
    install().map(drop)
}

fn bin(folder: &Path) -> Result<PathBuf, String> {
    let bin = folder.join("bin");
    fs::create_dir_all(&bin).map_err(|error| format!("cannot make `{}`: {error}", bin.display()))?;
    Ok(bin)
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))
}
