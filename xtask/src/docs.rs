//! `cargo xtask docs`: what the docs say must be so. Links lead somewhere, and what a guide tells to type is typed.
//! Pages themselves are prose and are not judged here.

mod guides;
mod links;
mod page;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::Path;

pub use self::guides::guides;
pub use self::links::links;
use self::page::Page;
use crate::lab::Lab;

pub fn run(root: &Path, words: &[&str]) -> Result<(), String> {
    links(root)?;
    let program = crate::keywright(root, "debug")?;
    let lab = Lab::start_own(root)?;
    guides(root, words.first().copied(), &program, &lab.variables)
}

/// Every page of the checkout, in the order of their paths.
fn pages(root: &Path) -> Result<Vec<Page>, String> {
    let listed = crate::shell::Program::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z", "*.md"])
        .within(root)
        .text()?;
    let read = |path: &str| Some(Page::new(path, &fs::read_to_string(root.join(path)).ok()?));
    Ok(listed.split('\0').filter(|path| !path.is_empty()).filter_map(read).collect())
}
