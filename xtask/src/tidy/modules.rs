//! Which file is which module: follows the `mod` lines from the roots of a crate, as rustc does.
//! A file on which no line leads is in no module; `declared` tells it.

use std::collections::{BTreeMap, BTreeSet};

use super::source_file::{SourceFile, Token};

/// The modules of one crate.
#[derive(Default)]
pub struct ModuleTree {
    /// Path of a file to its module (`["yaml", "emit"]`; the root is empty) under the root it hangs on.
    pub by_file: BTreeMap<String, Module>,
}

pub struct Module {
    pub path: Vec<String>,
    /// Declared under `#[cfg(test)]`, or below such a module.
    pub is_test: bool,
    /// Whether it hangs on `lib.rs`, or on `main.rs` where there is no library (and not on another target).
    pub is_library: bool,
}

impl ModuleTree {
    pub fn new(folder: &str, files: &BTreeMap<String, SourceFile>) -> Self {
        let mut tree = Self::default();
        let (library, program) = (format!("{folder}/src/lib.rs"), format!("{folder}/src/main.rs"));
        for path in files.keys().filter(|path| is_root(folder, path)) {
            let is_library = *path == library || (*path == program && !files.contains_key(&library));
            tree.declare(path, Module { path: Vec::new(), is_test: false, is_library }, files);
        }
        tree
    }

    pub fn test_files(&self) -> impl Iterator<Item = &String> {
        self.by_file.iter().filter(|(_, module)| module.is_test).map(|(path, _)| path)
    }

    /// The paths of all library modules.
    pub fn library(&self) -> BTreeSet<&[String]> {
        self.by_file.values().filter(|module| module.is_library).map(|module| module.path.as_slice()).collect()
    }

    fn declare(&mut self, path: &str, module: Module, files: &BTreeMap<String, SourceFile>) {
        let Some(file) = files.get(path) else { return };
        if self.by_file.contains_key(path) {
            return;
        }
        let (is_test, is_library, name) = (module.is_test, module.is_library, module.path.clone());
        self.by_file.insert(path.to_owned(), module);
        for declared in declarations(file) {
            let Some(child) = place(path, &declared).into_iter().find(|place| files.contains_key(place)) else {
                continue;
            };
            let path = [name.as_slice(), declared.inside.as_slice(), std::slice::from_ref(&declared.name)].concat();
            self.declare(&child, Module { path, is_test: is_test || declared.is_test, is_library }, files);
        }
    }
}

/// A `mod name;`, possibly inside inline modules.
struct Declaration {
    name: String,
    inside: Vec<String>,
    is_test: bool,
    file: Option<String>,
}

fn declarations(file: &SourceFile) -> Vec<Declaration> {
    let mut found = Vec::new();
    let mut inside: Vec<(String, usize)> = Vec::new();
    for at in file.find(&["mod"]) {
        let Some([name, end]) = file.tokens.get(at + 1..at + 3) else {
            continue;
        };
        inside.retain(|(_, close)| *close > at);
        if end.is("{") && name.is_word() {
            inside.push((name.text.clone(), file.close(at + 2)));
        } else if end.is(";") {
            let inside = inside.iter().map(|(name, _)| name.clone()).collect();
            let file = path_attribute(&file.tokens[..at]);
            found.push(Declaration { name: name.text.clone(), inside, is_test: end.in_test, file });
        }
    }
    found
}

/// The text of `#[path = "…"]` right before a `mod`.
fn path_attribute(before: &[Token]) -> Option<String> {
    let start = before.len().checked_sub(8)?;
    let at = before[start..].windows(3).position(|window| window[0].is("path") && window[1].is("="))?;
    Some(before[start + at + 2].text.trim_matches('"').to_owned())
}

/// Where the file of a declaration may lie.
fn place(path: &str, declared: &Declaration) -> Vec<String> {
    let (folder, file) = path.rsplit_once('/').unwrap_or_default();
    let stem = file.trim_end_matches(".rs");
    if let Some(named) = &declared.file {
        return vec![format!("{folder}/{named}")];
    }
    let is_face = ["lib", "main", "mod"].contains(&stem) || is_target(path);
    let mut below = if is_face { folder.to_owned() } else { format!("{folder}/{stem}") };
    for inline in &declared.inside {
        below = format!("{below}/{inline}");
    }
    vec![format!("{below}/{}.rs", declared.name), format!("{below}/{}/mod.rs", declared.name)]
}

/// Whether the file is a target of its own in the folder `tests`, `benches` or `examples`.
fn is_target(path: &str) -> bool {
    let parts: Vec<&str> = path.rsplit('/').collect();
    parts.get(1).is_some_and(|folder| ["tests", "benches", "examples"].contains(folder)) && !path.contains("/src/")
}

fn is_root(folder: &str, path: &str) -> bool {
    let inside = path.strip_prefix(folder).unwrap_or_default();
    let parts: Vec<&str> = inside.trim_start_matches('/').split('/').collect();
    matches!(
        parts.as_slice(),
        ["build.rs"]
            | ["src", "lib.rs" | "main.rs"]
            | ["src", "bin", _]
            | ["fuzz_targets" | "tests" | "benches" | "examples", _]
            | ["tests" | "benches" | "examples", _, "main.rs"]
    )
}
