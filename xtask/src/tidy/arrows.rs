//! Rule 1: a manifest has no arrow that the table in ARCHITECTURE.md does not have; the table itself has no circle; and no module in a
//! crate root bears the name of one of our crates (rustc would confuse the two).

use serde_json::Value;

use super::{Finding, House, house::Crate};

const TABLE: &str = "ARCHITECTURE.md";

pub fn check(house: &House) -> Vec<Finding> {
    let mut found = circles(house);
    for each in &house.crates {
        found.extend(manifest(house, each));
        found.extend(root_modules(house, each));
    }
    found
}

fn manifest(house: &House, each: &Crate) -> Vec<Finding> {
    let path = format!("{}/Cargo.toml", each.folder);
    let finding = |line, what, instead| Finding { path: path.clone(), line, rule: 1, what, instead };
    if each.manifest.is_null() {
        return vec![finding(1, "the manifest is no TOML".to_owned(), "mend its syntax; `cargo metadata` says where")];
    }
    let Some(arrow) = house.arrows.get(&each.name) else {
        let what = format!("crate `{}` has no row in the table of arrows", each.name);
        return vec![finding(1, what, "say in ARCHITECTURE.md on which floor it stands and what it may import")];
    };
    let mut found = Vec::new();
    for section in ["dependencies", "build-dependencies", "dev-dependencies"] {
        for name in ours(house, &each.manifest[section]) {
            let for_tests = section == "dev-dependencies" && arrow.tests.contains(name);
            if !for_tests && !arrow.production.contains(name) {
                let what = format!("`{}` may not import `{name}` ({section})", each.name);
                let line = line_of(&house.texts[&path], name);
                found.push(finding(line, what, "move what is needed to a lower floor, or pass it in as a value"));
            }
        }
    }
    found
}

/// Our own crates among the dependencies of a section, by short name.
fn ours<'a>(house: &House, section: &'a Value) -> Vec<&'a str> {
    let names = house.names();
    let entries = section.as_object().into_iter().flatten();
    entries
        .map(|(name, _)| name.strip_prefix("keywright-").unwrap_or(name))
        .filter(|name| names.contains(name))
        .collect()
}

fn line_of(text: &str, name: &str) -> usize {
    let starts = |line: &str| {
        let rest = line.trim_start().trim_start_matches("keywright-").strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
    };
    text.lines().position(starts).map_or(1, |at| at + 1)
}

fn root_modules(house: &House, each: &Crate) -> Vec<Finding> {
    let names = house.names();
    let in_root = |(path, file): (&String, &super::modules::Module)| match file.path.as_slice() {
        [name] if file.is_library && names.contains(name.as_str()) => Some(Finding {
            path: path.clone(),
            line: 1,
            rule: 1,
            what: format!("a module in the root of `{}` bears the name of the crate `{name}`", each.name),
            instead: "put it into a folder (`verbs/sops.rs`) or name it after what it does",
        }),
        _ => None,
    };
    each.modules.by_file.iter().filter_map(in_root).collect()
}

/// Crates that reach themselves along the arrows of production.
fn circles(house: &House) -> Vec<Finding> {
    let reaches_itself = |name: &String| {
        let mut seen = Vec::new();
        let mut next: Vec<&String> = house.arrows[name].production.iter().collect();
        while let Some(at) = next.pop() {
            if !seen.contains(&at) {
                seen.push(at);
                next.extend(house.arrows.get(at).into_iter().flat_map(|arrow| &arrow.production));
            }
        }
        seen.contains(&name)
    };
    let circular = house.arrows.keys().filter(|name| reaches_itself(name));
    circular
        .map(|name| Finding {
            path: TABLE.to_owned(),
            line: house.texts[TABLE]
                .lines()
                .position(|line| line.starts_with(&format!("| {name} |")))
                .map_or(1, |at| at + 1),
            rule: 1,
            what: format!("the arrows of `{name}` lead back to itself"),
            instead: "arrows run down or to the left; one of these crates holds something that belongs lower",
        })
        .collect()
}
