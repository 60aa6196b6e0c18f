//! Rules 4 and 6: every file begins with two to eight lines of `//!` (one will do where the file fits a screen), the crates that others
//! read like a book ask for a sentence on each public item, and a file of more than 800 lines says why. All other sizes are clippy's.

use super::{Finding, House, house::is_test_path};

const HEADER_LINES: std::ops::RangeInclusive<usize> = 2..=8;
const FILE_LINES: usize = 800;
/// Up to here one line says what a file is.
const SCREEN_LINES: usize = 60;

/// Crates whose public items all have a sentence (clippy's `missing_docs`).
const DOCUMENTED: [&str; 6] = ["base", "document", "source", "template", "sops", "seal"];

pub fn check(house: &House) -> Vec<Finding> {
    let mut found = Vec::new();
    for each in &house.crates {
        for path in each.files.keys() {
            found.extend(header(path, &house.texts[path]));
        }
        let root = format!("{}/src/lib.rs", each.folder);
        let documented = house.texts.get(&root).is_some_and(|text| text.contains("(missing_docs)"));
        if DOCUMENTED.contains(&each.name.as_str()) && !documented {
            found.push(Finding {
                path: root,
                line: 1,
                rule: 6,
                what: format!("`{}` does not ask for a sentence on each public item", each.name),
                instead: "begin the crate with `#![warn(missing_docs)]`",
            });
        }
    }
    found
}

fn header(path: &str, text: &str) -> Vec<Finding> {
    let header: Vec<&str> = text.lines().take_while(|line| line.starts_with("//!")).collect();
    let finding = |rule, what, instead| Finding { path: path.to_owned(), line: 1, rule, what, instead };
    let mut found = Vec::new();
    let (lines, reasoned) = (text.lines().count(), header.iter().any(|line| line.contains("lines")));
    if lines > FILE_LINES && !reasoned {
        let what = format!("{lines} lines and no word why");
        found.push(finding(4, what, "split it by idea, or say why in a header line that names its `lines`"));
    }
    let least = match lines {
        // What the tests test, the face beside them says.
        _ if is_test_path(path) => 0,
        ..=SCREEN_LINES => 1,
        _ => *HEADER_LINES.start(),
    };
    let most = HEADER_LINES.end() + usize::from(reasoned);
    if header.len() < least || header.len() > most {
        let what = format!("the header has {} lines of `//!`", header.len());
        found.push(finding(6, what, "two to eight lines: what it is, what it is not, where the specification is"));
    }
    found
}
