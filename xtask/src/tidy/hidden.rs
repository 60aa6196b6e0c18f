//! Rule 9: what holds a secret value cannot be shown. None of these types gains `Debug`, `Display` or `Serialize`, and no formatting macro
//! of production code touches their bytes.

use super::{Finding, House, source_file::SourceFile};

/// Types that hold a value (design §8).
const HOLDS_VALUES: [&str; 5] = ["SecretBytes", "SecretText", "SecretMap", "SecretValue", "Payload"];
const SHOWS: [&str; 3] = ["Debug", "Display", "Serialize"];

/// Macros whose text ends where somebody reads it.
const FORMATS: [&str; 18] = [
    "format",
    "print",
    "println",
    "eprint",
    "eprintln",
    "panic",
    "unreachable",
    "assert",
    "assert_eq",
    "assert_ne",
    "bail",
    "trace",
    "debug",
    "info",
    "warn",
    "error",
    "event",
    "span",
];

pub fn check(house: &House) -> Vec<Finding> {
    let files = house.crates.iter().flat_map(super::house::Crate::production);
    files
        .flat_map(|(path, file)| [derived(path, file), implemented(path, file), formatted(path, file)].concat())
        .collect()
}

fn finding(path: &str, line: usize, what: String, instead: &'static str) -> Vec<Finding> {
    vec![Finding { path: path.to_owned(), line, rule: 9, what, instead }]
}

/// `#[derive(Debug)] pub struct SecretBytes`.
fn derived(path: &str, file: &SourceFile) -> Vec<Finding> {
    let mut found = Vec::new();
    for start in file.find(&["#", "[", "derive", "("]) {
        let end = file.close(start + 3);
        let declared = file.tokens[end..].windows(2).find(|pair| pair[0].is("struct") || pair[0].is("enum"));
        let Some(name) = declared.map(|pair| pair[1].text.as_str()) else {
            continue;
        };
        let shown = file.tokens[start..end].iter().find(|token| SHOWS.contains(&token.text.as_str()));
        if let Some(shown) = shown.filter(|_| HOLDS_VALUES.contains(&name)) {
            let what = format!("`{name}` derives `{}`", shown.text);
            found.extend(finding(path, shown.line, what, "a value cannot be shown; compare it, or say `expose`"));
        }
    }
    found
}

/// `impl fmt::Debug for SecretBytes`.
fn implemented(path: &str, file: &SourceFile) -> Vec<Finding> {
    let mut found = Vec::new();
    for at in file.find(&["for"]) {
        let (Some(shown), Some(name)) = (at.checked_sub(1).map(|at| &file.tokens[at]), file.tokens.get(at + 1)) else {
            continue;
        };
        if SHOWS.contains(&shown.text.as_str()) && HOLDS_VALUES.contains(&name.text.as_str()) && !shown.in_test {
            let what = format!("`{}` is implemented for `{}`", shown.text, name.text);
            found.extend(finding(path, shown.line, what, "a value cannot be shown; compare it, or say `expose`"));
        }
    }
    found
}

/// `format!("{}", value.expose())`.
fn formatted(path: &str, file: &SourceFile) -> Vec<Finding> {
    let mut found = Vec::new();
    for name in FORMATS {
        for start in file.find(&[name, "!"]).filter(|at| !file.tokens[*at].in_test && at + 2 < file.tokens.len()) {
            let body = &file.tokens[start + 2..=file.close(start + 2)];
            if let Some(token) = body.iter().find(|token| token.is("expose") || token.is("into_exposed")) {
                let what = format!("`{name}!` touches the bytes of a value");
                found.extend(finding(
                    path,
                    token.line,
                    what,
                    "push the exposed text into a `SecretText`; never format it",
                ));
            }
        }
    }
    found
}
