//! Paths with slashes: the functions of Go's `path`, under both of sprig's names for them (its `os…` ones run on Linux).
//! No path is ever opened. Specification: ESO §8.5.

use super::Type::Text;
use super::{Args, Function, Outcome, Run, row};
use crate::value::Value;

pub const SPRIG: &[Function] = &[
    row("base", &[Text], |run, args| run.text(base(args.text(0)))),
    row("osBase", &[Text], |run, args| run.text(base(args.text(0)))),
    row("dir", &[Text], dir),
    row("osDir", &[Text], dir),
    row("clean", &[Text], |run, args| run.text(clean(args.text(0)))),
    row("osClean", &[Text], |run, args| run.text(clean(args.text(0)))),
    row("ext", &[Text], |run, args| run.text(extension(args.text(0)))),
    row("osExt", &[Text], |run, args| run.text(extension(args.text(0)))),
    row("isAbs", &[Text], |_, args| Ok(Value::Bool(args.text(0).starts_with(b"/")))),
    row("osIsAbs", &[Text], |_, args| Ok(Value::Bool(args.text(0).starts_with(b"/")))),
];

fn base(path: &[u8]) -> &[u8] {
    if path.is_empty() {
        return b".";
    }
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
    match path[..end].iter().rposition(|byte| *byte == b'/') {
        _ if end == 0 => b"/",
        Some(slash) => &path[slash + 1..end],
        None => &path[..end],
    }
}

fn dir(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    let path = args.text(0);
    let end = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    run.text(clean(&path[..end]))
}

fn extension(path: &[u8]) -> &[u8] {
    let name = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    match path[name..].iter().rposition(|byte| *byte == b'.') {
        Some(dot) => &path[name + dot..],
        None => b"",
    }
}

/// Without `.`, `..` that can be followed, and doubled slashes.
pub fn clean(path: &[u8]) -> Vec<u8> {
    let is_rooted = path.starts_with(b"/");
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." if parts.last().is_some_and(|last| *last != b"..") => {
                parts.pop();
            }
            b".." if is_rooted => {}
            part => parts.push(part),
        }
    }
    let joined = parts.join(&b'/');
    match (is_rooted, joined.is_empty()) {
        (true, _) => [b"/", joined.as_slice()].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => joined,
    }
}
