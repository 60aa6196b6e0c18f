//! Rule 5: nothing lies about unused. A file is declared by a `mod`, a row stands in its table, a golden file and every other file that
//! tests read is named by a test.

use super::{Finding, House, house::Crate, house::is_test_path, source_file::SourceFile, source_file::Token};

/// Folders of rows and the table they stand in.
const TABLES: [(&str, &str); 3] = [
    ("crates/providers/src/stores/", "crates/providers/src/registry.rs"),
    ("crates/providers/src/keys/", "crates/providers/src/registry.rs"),
    ("crates/providers/src/generators/", "crates/providers/src/registry.rs"),
];
const CONTROLLERS: &str = "crates/operator/src/controllers.rs";

pub fn check(house: &House) -> Vec<Finding> {
    let mut found = Vec::new();
    for each in &house.crates {
        found.extend(undeclared(each));
        found.extend(rows(house, each));
        found.extend(goldens(house, each));
        found.extend(data(house, each));
    }
    found
}

fn finding(path: &str, what: String, instead: &'static str) -> Finding {
    Finding { path: path.to_owned(), line: 1, rule: 5, what, instead }
}

fn undeclared(each: &Crate) -> Vec<Finding> {
    // A fixture is text that a test reads; rule 5's last check asks for its name.
    let is_source = |path: &&String| !path.contains("/fixtures/") && !path.contains("/golden/");
    let lost = each.files.keys().filter(is_source).filter(|path| !each.modules.by_file.contains_key(*path));
    lost.map(|path| {
        finding(
            path,
            "no `mod` declares this file, so it never compiles".to_owned(),
            "declare it in its face, or delete it",
        )
    })
    .collect()
}

/// A provider's file with a row must be named in the registry, a controller's in the table of controllers.
fn rows(house: &House, each: &Crate) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, file) in each.production() {
        let table = match each.name.as_str() {
            "providers" => TABLES.iter().find(|(folder, _)| path.starts_with(folder)).map(|(_, table)| *table),
            "operator" => Some(CONTROLLERS),
            _ => None,
        };
        let Some(table) = table.filter(|_| has_row(file)) else {
            continue;
        };
        let stem = path.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
        let listed = house.crates.iter().find_map(|each| each.files.get(table));
        if !listed.is_some_and(|listed| listed.tokens.iter().any(|token| token.text == stem)) {
            let what = format!("its row stands in no table (`{table}`)");
            found.push(finding(path, what, "add the line; everything else is read off the table"));
        }
    }
    found
}

/// `const ROW: Row = …`, `pub static ROW: KeyRow = …`; a trait's `const ROW: Row;` is none.
fn has_row(file: &SourceFile) -> bool {
    let is_row = |declared: &[Token]| {
        let [keyword, name, colon, kind, equals] = declared else { return false };
        (keyword.is("const") || keyword.is("static"))
            && (name.is("ROW") || name.is("ROWS"))
            && (colon.is(":") && kind.text.ends_with("Row") && equals.is("="))
            && !keyword.in_test
    };
    file.tokens.windows(5).any(is_row)
}

/// An insta snapshot is read by a test that has its name: `crate__module__tests__name.snap`, `-2` for the second of a test.
fn goldens(house: &House, each: &Crate) -> Vec<Finding> {
    let inside = format!("{}/", each.folder);
    let snapshots = house.texts.keys().filter(|path| path.starts_with(&inside) && path.ends_with(".snap"));
    let is_read = |path: &str, text: &str| {
        let file = path.rsplit('/').next().unwrap_or_default().trim_end_matches(".snap");
        let numbered = file.rsplit("__").next().unwrap_or_default();
        let name = numbered.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('-');
        let source = text.lines().find_map(|line| line.strip_prefix("source: "));
        let Some(source) = source.and_then(|source| each.files.get(source.trim_matches('"'))) else {
            return false;
        };
        let names = |token: &str| {
            [name, numbered].iter().any(|name| token == *name || token.strip_prefix("test_") == Some(name))
        };
        source.tokens.iter().any(|token| names(&token.text) || (token.is_literal && token.text.contains(name)))
    };
    snapshots
        .filter(|path| !is_read(path, &house.texts[*path]))
        .map(|path| {
            finding(path, "no test reads this golden file".to_owned(), "delete it, or mend the test that was renamed")
        })
        .collect()
}

/// Any other file in a crate is named by code: itself, or a folder that holds it.
fn data(house: &House, each: &Crate) -> Vec<Finding> {
    let inside = format!("{}/", each.folder);
    let is_data = |path: &&String| {
        let rest = path.strip_prefix(&inside).unwrap_or_default();
        (rest.starts_with("src/") || rest.starts_with("tests/")) && !path.ends_with(".rs") && !path.ends_with(".snap")
    };
    let literals: Vec<&str> = each
        .files
        .values()
        .flat_map(|file| &file.tokens)
        .filter(|token| token.is_literal)
        .map(|token| token.text.as_str())
        .collect();
    let is_named = |path: &str| {
        let rest = path.strip_prefix(&inside).unwrap_or_default();
        let mut parts: Vec<&str> = rest.split('/').collect();
        let stem = parts.last().and_then(|name| name.split('.').next()).unwrap_or_default();
        parts.retain(|part| !["src", "tests", "it"].contains(part));
        parts.push(stem);
        parts.iter().any(|part| literals.iter().any(|literal| literal.contains(part)))
    };
    let unread =
        house.texts.keys().filter(|path| path.starts_with(&inside)).filter(is_data).filter(|path| !is_named(path));
    unread
        .filter(|path| !is_test_path(path) || !path.ends_with("README.md"))
        .map(|path| {
            finding(path, "no code of its crate names this file".to_owned(), "delete it, or let a test read it")
        })
        .collect()
}
