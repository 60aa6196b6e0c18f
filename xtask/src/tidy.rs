//! `cargo xtask tidy`: the rules that keep the house as ARCHITECTURE.md and STYLE.md say. Each finding names file, line and what to do
//! instead. Rules 1 to 7 and 9 read text only; rule 8 (generated files are fresh) asks the binary, see `generate`.
//! A rule that nobody can break by accident needs no reviewer.

mod arrows;
mod declared;
mod headers;
mod hidden;
mod house;
mod modules;
mod purity;
mod scripts;
mod siblings;
mod source_file;
#[cfg(test)]
mod tests;
mod words;

use std::fmt;
use std::path::Path;

pub use house::House;

/// A place where the house is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    pub path: String,
    pub line: usize,
    /// The number of the rule, as CONTRIBUTING.md lists them.
    pub rule: u8,
    pub what: String,
    pub instead: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, rule, what, instead } = self;
        write!(out, "{path}:{line}: {what} (rule {rule})\n    instead: {instead}")
    }
}

type Rule = fn(&House) -> Vec<Finding>;

const RULES: [Rule; 8] = [
    arrows::check,
    purity::check,
    siblings::check,
    scripts::check,
    declared::check,
    headers::check,
    words::check,
    hidden::check,
];

/// All findings of the rules that read text only, in the order of the files.
pub fn findings(house: &House) -> Vec<Finding> {
    let mut found: Vec<Finding> = RULES.iter().flat_map(|rule| rule(house)).collect();
    found.sort();
    found.dedup();
    found
}

/// Runs the rules over the house at `root` and prints what they find.
pub fn run(root: &Path) -> Result<(), String> {
    let house = House::read(root)?;
    let found = findings(&house);
    for finding in &found {
        println!("{finding}");
    }
    let files: usize = house.crates.iter().map(|each| each.files.len()).sum();
    match found.len() {
        0 => {
            println!("tidy: {files} Rust files in {} crates, nothing to mend", house.crates.len());
            Ok(())
        }
        count => Err(format!("tidy: {count} findings in {files} Rust files")),
    }
}
