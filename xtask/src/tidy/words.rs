//! Rule 7: names that say nothing, work left over in comments, `dbg!` and its kin, `unwrap()` in production, ignored tests, and paths of
//! somebody's machine.

use super::{Finding, House, source_file::SourceFile};

/// They say nothing about what may go in.
const EMPTY_NAMES: [&str; 10] =
    ["utils", "util", "helpers", "helper", "common", "misc", "manager", "handler", "processor", "handlers"];

/// What stands before `manager` in the proper names of services: Secrets Manager, Secret Manager, Certificate Manager.
const SERVICES: [&str; 3] = ["secrets", "secret", "certificate"];

/// Work left over, unless an issue owns it.
const LEFT_OVER: [&str; 3] = ["TODO", "FIXME", "XXX"];

/// Left in by accident.
const MACROS: [&str; 3] = ["dbg", "todo", "unimplemented"];

/// Folders of a machine that a file of the house names only by accident.
const MACHINE: [&str; 3] = ["/work/", "/root/", "/home/"];

pub fn check(house: &House) -> Vec<Finding> {
    let mut found = Vec::new();
    for each in &house.crates {
        for (path, file) in &each.files {
            found.extend(broken(path, file));
            found.extend(file_name(path));
            found.extend(types(path, file));
            found.extend(comments(path, file));
            found.extend(calls(path, file));
        }
    }
    let own = |path: &&String| !path.starts_with("xtask/src/tidy/") && !path.ends_with("Cargo.lock");
    for path in house.texts.keys().filter(own) {
        found.extend(machine(path, &house.texts[path]));
    }
    found
}

fn finding(path: &str, line: usize, what: String, instead: &'static str) -> Finding {
    Finding { path: path.to_owned(), line, rule: 7, what, instead }
}

fn broken(path: &str, file: &SourceFile) -> Option<Finding> {
    let (line, why) = file.broken.as_ref()?;
    Some(finding(path, *line, format!("cannot be read as Rust: {why}"), "mend it; nothing else was checked here"))
}

/// The first word of a name in the house's style or the language's that says nothing.
fn empty_word(name: &str) -> Option<&'static str> {
    let mut spaced = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() || letter == '_' {
            spaced.push(' ');
        }
        spaced.extend(letter.to_lowercase().filter(|letter| *letter != '_'));
    }
    let words: Vec<&str> = spaced.split(' ').filter(|word| !word.is_empty()).collect();
    let is_service = |at: usize| at > 0 && words[at] == "manager" && SERVICES.contains(&words[at - 1]);
    let empty =
        |(at, word): (usize, &&str)| EMPTY_NAMES.iter().find(|empty| *empty == word && !is_service(at)).copied();
    words.iter().enumerate().find_map(empty)
}

const RENAME: &str = "name it after what it is or does, as a heading in the docs would";

fn file_name(path: &str) -> Option<Finding> {
    let inside = path.split("/src/").last()?;
    let word = inside.trim_end_matches(".rs").split('/').find_map(empty_word)?;
    Some(finding(path, 1, format!("the file is called `{word}`"), RENAME))
}

fn types(path: &str, file: &SourceFile) -> Vec<Finding> {
    let is_declared = |pair: &[super::source_file::Token]| {
        pair[0].is("pub") && ["struct", "enum", "trait", "type", "mod", "union"].contains(&pair[1].text.as_str())
    };
    let named = file.tokens.windows(3).filter(|three| is_declared(&three[..2]) && !three[0].in_test);
    named
        .filter_map(|three| {
            let word = empty_word(&three[2].text)?;
            Some(finding(path, three[2].line, format!("`{}` is called `{word}`", three[2].text), RENAME))
        })
        .collect()
}

fn comments(path: &str, file: &SourceFile) -> Vec<Finding> {
    let left_over = |text: &str| {
        LEFT_OVER.iter().find(|word| {
            let mut rest = text.split(**word).skip(1);
            let mut before = text.split(**word).map(|part| part.ends_with(char::is_alphanumeric));
            rest.any(|rest| !rest.starts_with("(#") && !rest.starts_with(char::is_alphanumeric))
                && before.next() == Some(false)
        })
    };
    let found = file.comments.iter().filter_map(|(line, text)| Some((line, left_over(text)?)));
    found
        .map(|(line, word)| {
            let what = format!("a comment says {word} without an issue");
            finding(path, *line, what, "do it, open an issue and write `TODO(#12)`, or delete the line")
        })
        .collect()
}

fn calls(path: &str, file: &SourceFile) -> Vec<Finding> {
    let mut found = Vec::new();
    for name in MACROS {
        let places = file.find(&[name, "!"]).map(|at| file.tokens[at].line).collect::<Vec<_>>();
        let instead = "finish it, or answer with a clear error";
        found.extend(places.into_iter().map(|line| finding(path, line, format!("`{name}!` is left in"), instead)));
    }
    let unwraps = file.find(&[".", "unwrap", "(", ")"]).filter(|at| !file.tokens[*at].in_test);
    let instead = "return a fault, or `expect` with the invariant as its text";
    found.extend(unwraps.map(|at| finding(path, file.tokens[at].line, "`unwrap()` in production".to_owned(), instead)));
    let ignored = file.find(&["#", "[", "ignore"]);
    let instead = "a test that does not run is no test: mend it or delete it";
    found.extend(ignored.map(|at| finding(path, file.tokens[at].line, "an ignored test".to_owned(), instead)));
    found
}

fn machine(path: &str, text: &str) -> Vec<Finding> {
    let names = |line: &str| {
        MACHINE.iter().find(|folder| line.split(['"', ' ', '\'', '`', '=', '(']).any(|word| word.starts_with(**folder)))
    };
    let found = text.lines().enumerate().filter_map(|(at, line)| Some((at + 1, names(line)?)));
    let instead = "take it from the environment, or make a temporary folder";
    found
        .map(|(line, folder)| finding(path, line, format!("names a folder of one machine (`{folder}…`)"), instead))
        .collect()
}
