//! Rule 3, first half: siblings never import each other in a loop. A face (`yaml.rs`) and its folder (`yaml/`) count as one, so only
//! modules of the same parent are compared; `pub use` is followed to where the thing stands. Tests are not looked at, crates for
//! tests are.

use std::collections::{BTreeMap, BTreeSet};

use super::house::Crate;
use super::modules::Module;
use super::source_file::Path;
use super::{Finding, House};

pub fn check(house: &House) -> Vec<Finding> {
    house.crates.iter().flat_map(loops).collect()
}

/// From one child of a parent to another, with the place of the first import.
type Edges = BTreeMap<(String, String), (String, usize)>;

fn loops(each: &Crate) -> Vec<Finding> {
    let exports = exports(each);
    let modules = each.modules.library();
    let mut by_parent: BTreeMap<Vec<String>, Edges> = BTreeMap::new();
    for (file, module) in looked_at(each) {
        for path in each.files[file].paths().iter().filter(|path| !path.in_test || each.is_for_tests) {
            let Some(target) = resolve(&module.path, path, &modules) else {
                continue;
            };
            let target = follow(target, &exports, &modules);
            let shared = module.path.iter().zip(&target).take_while(|(from, to)| from == to).count();
            if let (Some(from), Some(to)) = (module.path.get(shared), target.get(shared)) {
                let edges = by_parent.entry(module.path[..shared].to_vec()).or_default();
                edges.entry((from.clone(), to.clone())).or_insert_with(|| (file.clone(), path.line));
            }
        }
    }
    by_parent.values().flat_map(circular).collect()
}

/// The files that are compared, and their modules. In a crate for tests every line counts as test code, so there the place decides.
fn looked_at(each: &Crate) -> impl Iterator<Item = (&String, &Module)> {
    let is_test = |file: &str, module: &Module| match each.is_for_tests {
        true => file.ends_with("/tests.rs") || file.contains("/tests/"),
        false => module.is_test,
    };
    each.modules.by_file.iter().filter(move |(file, module)| module.is_library && !is_test(file, module))
}

/// The module that a path leads into, absolute; `None` where it leaves the crate.
fn resolve(from: &[String], path: &Path, modules: &BTreeSet<&[String]>) -> Option<Vec<String>> {
    let first = path.segments.first()?;
    let mut at = match first.as_str() {
        "crate" => Vec::new(),
        "self" => from.to_vec(),
        "super" => from.split_last()?.1.to_vec(),
        // A child of this module, named without `self`.
        name => {
            let child = [from, &[name.to_owned()]].concat();
            return modules.contains(child.as_slice()).then_some(child);
        }
    };
    for segment in &path.segments[1..] {
        match segment.as_str() {
            "super" => at = at.split_last()?.1.to_vec(),
            name => at.push(name.to_owned()),
        }
    }
    Some(at)
}

/// What `pub use` lines offer: module and name to the path where the thing stands.
fn exports(each: &Crate) -> BTreeMap<Vec<String>, Vec<String>> {
    let modules = each.modules.library();
    let mut exports = BTreeMap::new();
    for (file, module) in looked_at(each) {
        for path in each.files[file].paths() {
            let (Some(name), Some(target)) = (&path.exported_as, resolve(&module.path, &path, &modules)) else {
                continue;
            };
            exports.insert([module.path.as_slice(), std::slice::from_ref(name)].concat(), target);
        }
    }
    exports
}

/// The deepest module on the way to the thing, re-exports followed (16 at most: a re-export of itself would never end).
fn follow(
    mut target: Vec<String>,
    exports: &BTreeMap<Vec<String>, Vec<String>>,
    modules: &BTreeSet<&[String]>,
) -> Vec<String> {
    for _ in 0..16 {
        let depth = (0..=target.len()).rev().find(|depth| modules.contains(&target[..*depth])).unwrap_or(0);
        match target.get(..=depth).and_then(|name| exports.get(name)) {
            Some(there) => target = there.clone(),
            None => return target[..depth].to_vec(),
        }
    }
    target
}

fn circular(edges: &Edges) -> Vec<Finding> {
    let next = |from: &str| {
        edges.keys().filter(move |(start, _)| start == from).map(|(_, end)| end.as_str()).collect::<Vec<_>>()
    };
    let way_back = |from: &str, to: &str| {
        let mut came_from: BTreeMap<&str, &str> = BTreeMap::new();
        let mut open = vec![from];
        while let Some(at) = open.pop() {
            for end in edges.keys().filter(|(start, _)| start == at).map(|(_, end)| end.as_str()) {
                if !came_from.contains_key(end) {
                    came_from.insert(end, at);
                    open.push(end);
                }
            }
        }
        came_from.contains_key(to)
    };
    let mut found = Vec::new();
    for ((from, to), (path, line)) in edges {
        // Each loop is told once, on the import that points back in the alphabet.
        if from > to && next(to).iter().any(|_| way_back(to, from)) {
            found.push(Finding {
                path: path.clone(),
                line: *line,
                rule: 3,
                what: format!("the siblings `{from}` and `{to}` import each other in a loop"),
                instead: "move what both need into one of them or into their parent, or pass it as a value",
            });
        }
    }
    found
}
