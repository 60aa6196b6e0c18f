//! `cargo xtask generate`: asks the binary for everything that is read off its tables – CRDs, roles and chart, reference pages – and writes
//! it to `charts/` and `docs/reference/`. What the tables no longer say is removed. `--check` only compares (tidy's rule 8).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::shell::Program;

/// Folders that hold nothing else.
const FOLDERS: [&str; 2] = ["charts", "docs/reference"];

/// Path from the root to content.
type Files = BTreeMap<String, Vec<u8>>;

/// What the checkout must do to be as the tables say.
#[derive(Debug, PartialEq, Eq)]
pub enum Change {
    Write(String),
    Remove(String),
}

pub fn run(root: &Path) -> Result<(), String> {
    let (wanted, present) = both(root)?;
    let changes = changes(&wanted, &present);
    for change in &changes {
        match change {
            Change::Write(path) => write(&root.join(path), &wanted[path])?,
            Change::Remove(path) => {
                fs::remove_file(root.join(path)).map_err(|error| format!("cannot remove `{path}`: {error}"))?;
            }
        }
        println!("{}", told(change));
    }
    println!("generate: {} files, {} changed", wanted.len(), changes.len());
    Ok(())
}

/// Fails where the committed files are not what the binary prints.
pub fn check(root: &Path) -> Result<(), String> {
    let (wanted, present) = both(root)?;
    let changes = changes(&wanted, &present);
    for change in &changes {
        println!("stale: {}", told(change));
    }
    match changes.len() {
        0 => {
            println!("generate: {} files, all fresh", wanted.len());
            Ok(())
        }
        count => Err(format!("{count} generated files are stale (rule 8)\n    instead: `cargo xtask generate`")),
    }
}

pub fn changes(wanted: &Files, present: &Files) -> Vec<Change> {
    let written = wanted.iter().filter(|(path, content)| present.get(*path) != Some(content));
    let removed = present.keys().filter(|path| !wanted.contains_key(*path));
    written.map(|(path, _)| Change::Write(path.clone())).chain(removed.cloned().map(Change::Remove)).collect()
}

fn told(change: &Change) -> String {
    match change {
        Change::Write(path) => format!("write {path}"),
        Change::Remove(path) => format!("remove {path}"),
    }
}

/// What the binary says, and what is committed.
fn both(root: &Path) -> Result<(Files, Files), String> {
    let program = crate::keywright(root, "debug")?;
    let present = read(root)?;
    if !Program::new(&program).args(["--help"]).text()?.lines().any(|line| line.starts_with("  reference ")) {
        if present.is_empty() {
            println!("generate: the binary has no verb `reference` yet, so nothing is generated");
            return Ok((Files::new(), present));
        }
        return Err("the binary has no verb `reference`, but generated files are committed".to_owned());
    }
    let folder = root.join("target/xtask/generated");
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| format!("cannot clear `{}`: {error}", folder.display()))?;
    }
    Program::new(&program).args(["reference", "--output"]).args([&folder]).text()?;
    Ok((read(&folder)?, present))
}

fn read(root: &Path) -> Result<Files, String> {
    let mut files = Files::new();
    for folder in FOLDERS {
        collect(root, folder, &mut files)?;
    }
    Ok(files)
}

fn collect(root: &Path, folder: &str, files: &mut Files) -> Result<(), String> {
    let cannot = |error: std::io::Error| format!("cannot read `{folder}`: {error}");
    if !root.join(folder).exists() {
        return Ok(());
    }
    for entry in fs::read_dir(root.join(folder)).map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.file_type().map_err(cannot)?.is_dir() {
            collect(root, &path, files)?;
        } else {
            files.insert(path, fs::read(entry.path()).map_err(cannot)?);
        }
    }
    Ok(())
}

fn write(path: &Path, content: &[u8]) -> Result<(), String> {
    let folder = path.parent().expect("a generated file lies in a folder");
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, content))
        .map_err(|error| format!("cannot write `{}`: {error}", path.display()))
}

#[cfg(test)]
mod tests;
