//! `.sops.yaml`: where it is looked for, and what it says about one file.
//! Not here: its language (`sops::rules`). Specification: SOPS §7 (lookup), §7.1.

use std::path::Path;

use base::{Fault, Kind, Timestamp};
use document::{Branch, Document, Node, ReadOptions, Scalar, yaml};
use sops::{Recipe, Rules};

use crate::{Failure, files};

/// A configuration file that was read.
pub struct Config {
    /// The folder it lies in, from the root: rules see the paths below it.
    folder: String,
    /// How messages name it.
    pub shown: String,
    /// What it says.
    pub rules: Rules,
}

/// What a search showed.
pub struct Found {
    /// The configuration file, if there is one.
    pub path: Option<String>,
    /// What the user should know about the search.
    pub warning: Option<String>,
}

impl Config {
    /// Reads a file; `shown` is how messages name it.
    ///
    /// # Errors
    /// It cannot be read, or something in it is wrong.
    pub fn read(path: &str, shown: &str) -> Result<Self, Failure> {
        let bytes =
            files::read(Path::new(path)).map_err(|fault| unreadable("could not read config file", shown, fault))?;
        let wrong = |fault: Fault| fault.within("error loading config");
        let unmarshal = |fault: Fault| wrong(fault.within("Could not unmarshal config file"));
        // Unlike in files of values, merge keys merge here, and a file of comments says nothing.
        let documents = yaml::read_values(&bytes, &ReadOptions::default()).map_err(unmarshal)?;
        let top = match documents.into_iter().next() {
            None | Some(Node::Leaf(Scalar::Null)) => Branch::default(),
            Some(Node::Branch(branch)) => branch,
            Some(Node::List(_) | Node::Leaf(_)) => {
                return Err(unmarshal(Fault::wrong("the top of the file must be a mapping")).into());
            }
        };
        let rules = Rules::read(&Document { branches: vec![top] }).map_err(wrong)?;
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
        Ok(Self { folder, shown: shown.to_owned(), rules })
    }

    /// What the first rule says that matches a file, given by its path from the root.
    ///
    /// # Errors
    /// No rule matches, or the one that does names no proper keys.
    pub fn recipe(&self, file: &str, now: Timestamp) -> Result<Option<Recipe>, Fault> {
        self.rules.recipe(&self.folder, file, now).map_err(|fault| fault.within("error loading config"))
    }
}

/// Looks for the file in a folder and those above it.
pub fn find(folder: &str) -> Found {
    let mut warning = None;
    for (height, above) in Path::new(folder).ancestors().take(HEIGHT).enumerate() {
        let up = "../".repeat(height);
        if above.join(NAME).is_file() {
            let path = format!("{up}{NAME}");
            let warning = warning.map(|text| format!("{text}; using {path:?} instead"));
            return Found { path: Some(path), warning };
        }
        if warning.is_none() && above.join(OTHER_NAME).is_file() {
            let ignored = format!("{up}{OTHER_NAME}");
            warning = Some(format!(
                "ignoring {ignored:?} when searching for config file; the config file must be called {NAME:?}"
            ));
        }
    }
    Found { path: None, warning }
}

/// A path from the root, without `.` and `..`, as Go's `filepath.Abs` has it: nothing is looked up.
pub fn absolute(folder: &str, path: &str) -> String {
    let whole = if path.starts_with('/') { path.to_owned() } else { format!("{folder}/{path}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Why a file could not be read, in the words that scripts know: Go's.
pub fn unreadable(attempt: &str, shown: &str, fault: Fault) -> Fault {
    let reason = match fault.kind() {
        Kind::NotFound => format!("open {shown}: no such file or directory"),
        Kind::Denied => format!("open {shown}: permission denied"),
        _ if Path::new(shown).is_dir() => format!("read {shown}: is a directory"),
        _ => return fault.within(attempt),
    };
    Fault::new(fault.kind(), format!("{attempt}: {reason}"))
}

const NAME: &str = ".sops.yaml";

/// The name that people expect and that has never been read.
const OTHER_NAME: &str = ".sops.yml";

/// How many folders are looked at.
const HEIGHT: usize = 100;
