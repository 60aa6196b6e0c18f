//! The house as data: every text file, every crate with its manifest and module tree, and the table of arrows from ARCHITECTURE.md.
//! It is read once; the rules are functions over it, so their tests build a house from a few lines of text.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::modules::ModuleTree;
use super::source_file::SourceFile;

/// Crates that never ask the outside (floors 0 to 2).
pub const DRY: [&str; 8] = ["base", "document", "source", "template", "api", "sops", "seal", "plan"];
/// Crates that exist for tests only, or are tools of the house: they may unwrap.
const FOR_TESTS: [&str; 4] = ["testkit", "conformance", "benches", "fuzz"];

pub struct House {
    /// Path from the root to text.
    pub texts: BTreeMap<String, String>,
    pub crates: Vec<Crate>,
    pub arrows: BTreeMap<String, Arrow>,
}

pub struct Crate {
    /// The short name: `base`, not `keywright-base`.
    pub name: String,
    /// `crates/base`.
    pub folder: String,
    pub manifest: Value,
    /// Whether all of it is test code.
    pub is_for_tests: bool,
    pub modules: ModuleTree,
    /// Rust files by path; files that no `mod` declares are among them.
    pub files: BTreeMap<String, SourceFile>,
}

/// What a crate may import.
#[derive(Default)]
pub struct Arrow {
    pub production: BTreeSet<String>,
    pub tests: BTreeSet<String>,
}

impl House {
    /// Reads every text file that Git tracks or would track.
    pub fn read(root: &Path) -> Result<Self, String> {
        let listed = crate::shell::Program::new("git")
            .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
            .within(root)
            .text()?;
        let mut texts = BTreeMap::new();
        for name in listed.split('\0').filter(|name| !name.is_empty()) {
            // A file that is no text is none of ours to judge; one that is gone is deleted but not yet committed.
            if let Ok(text) = std::fs::read_to_string(root.join(name)) {
                texts.insert(name.to_owned(), text);
            }
        }
        Ok(Self::new(texts))
    }

    pub fn new(texts: BTreeMap<String, String>) -> Self {
        let arrows = texts.get("ARCHITECTURE.md").map(|text| arrows(text)).unwrap_or_default();
        let manifests = texts.keys().filter(|path| is_manifest(path)).cloned().collect::<Vec<_>>();
        let crates = manifests.iter().map(|path| Crate::new(path, &texts)).collect();
        Self { texts, crates, arrows }
    }

    pub fn names(&self) -> BTreeSet<&str> {
        self.arrows.keys().map(String::as_str).collect()
    }
}

impl Crate {
    fn new(path: &str, texts: &BTreeMap<String, String>) -> Self {
        let folder = path.trim_end_matches("/Cargo.toml").to_owned();
        let name = folder.rsplit('/').next().unwrap_or_default().to_owned();
        let manifest = basic_toml::from_str(&texts[path]).unwrap_or(Value::Null);
        let is_for_tests = FOR_TESTS.contains(&name.as_str());
        let inside = format!("{folder}/");
        let own = |path: &&String| path.starts_with(&inside) && path.ends_with(".rs");
        let paths: Vec<&String> = texts.keys().filter(own).collect();
        let parse = |path: &&String| {
            let is_test = is_for_tests || is_test_path(path);
            ((*path).clone(), SourceFile::parse(&texts[*path], is_test))
        };
        let mut files: BTreeMap<String, SourceFile> = paths.iter().map(parse).collect();
        let modules = ModuleTree::new(&folder, &files);
        for path in modules.test_files() {
            for token in files.get_mut(path).into_iter().flat_map(|file| &mut file.tokens) {
                token.in_test = true;
            }
        }
        Self { name, folder, manifest, is_for_tests, modules, files }
    }

    pub fn is_dry(&self) -> bool {
        DRY.contains(&self.name.as_str())
    }

    /// Files that ship, by path.
    pub fn production(&self) -> impl Iterator<Item = (&str, &SourceFile)> {
        let ships = |path: &str| !is_test_path(path) && !self.is_for_tests;
        self.files.iter().map(|(path, file)| (path.as_str(), file)).filter(move |(path, _)| ships(path))
    }
}

fn is_manifest(path: &str) -> bool {
    let Some(folder) = path.strip_suffix("/Cargo.toml") else {
        return false;
    };
    folder == "xtask" || folder == "fuzz" || folder.strip_prefix("crates/").is_some_and(|rest| !rest.contains('/'))
}

/// Test code by its place: `tests.rs` beside the code, and the folders `tests` and `benches` of a crate.
pub fn is_test_path(path: &str) -> bool {
    // The crate of that name is no such folder.
    let inside = path.strip_prefix("crates/benches").unwrap_or(path);
    let folders = ["/tests/", "/benches/", "/examples/"];
    inside.ends_with("/tests.rs") || folders.iter().any(|folder| inside.contains(folder))
}

/// Reads the table between the markers: crate, what production may import, what tests may import besides.
fn arrows(text: &str) -> BTreeMap<String, Arrow> {
    let table = text.split("<!-- arrows -->").nth(1).and_then(|rest| rest.split("<!-- /arrows -->").next());
    let rows = table.unwrap_or_default().lines().filter(|line| line.starts_with("| ") && !line.starts_with("| crate"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let names = |cell: usize| {
            let listed = cells.get(cell).copied().unwrap_or_default().split(',').map(str::trim);
            listed.filter(|name| !name.is_empty() && *name != "–").map(str::to_owned).collect()
        };
        (cells[0].to_owned(), Arrow { production: names(1), tests: names(2) })
    })
    .collect()
}
