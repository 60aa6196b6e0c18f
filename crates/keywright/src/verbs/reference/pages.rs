//! The reference pages `docs/reference/*.md`: complete, short, and read off the same tables as the program itself.
//! Specification: design §17.

use std::fmt::Write as _;

use api::kinds::crds;
use operator::roles::Line;
use providers::registry;
use providers::row::Access;

use super::Files;
use super::granted::{Granted, Part};
use crate::verbs::crds::unions;
use crate::verbs::{self, Verb};
use crate::{Call, Environment, Ui};

const GENERATED: &str = "<!-- Written by `cargo xtask generate`; change the tables of the program instead. -->\n";
const INVARIANT: &str = "a String takes any text";

/// Every page.
pub fn files(granted: &[Granted]) -> Files {
    let pages = [
        ("cli", "Command line", cli()),
        ("resources", "Custom resources", resources()),
        ("providers", "Providers and generators", providers()),
        ("roles", "Rights", rights(granted)),
    ];
    let page = |(name, title, text)| (format!("docs/reference/{name}.md"), format!("# {title}\n\n{GENERATED}\n{text}"));
    pages.into_iter().map(page).collect()
}

/// What each verb says about itself.
fn cli() -> String {
    let mut text = String::from(
        "Every verb is the first word behind `keywright`, or the name under which the program is called (a symlink).\n\n| verb | also called | does |\n|---|---|---|\n",
    );
    for verb in verbs::ALL {
        let aliases: Vec<String> = verb.aliases.iter().map(|alias| format!("`{alias}`")).collect();
        writeln!(text, "| `{}` | {} | {} |", verb.name, aliases.join(", "), verb.about).expect(INVARIANT);
    }
    for verb in verbs::ALL {
        writeln!(text, "\n## {}\n\n```text\n{}\n```", verb.name, help(verb)).expect(INVARIANT);
    }
    text
}

fn help(verb: &Verb) -> String {
    let (ui, out, err) = Ui::captured(b"");
    let mut call = Call {
        program: verb.name.to_owned(),
        args: vec!["--help".to_owned()],
        environment: Environment::default(),
        ui,
    };
    // However it ends: what it printed is the page.
    let _ = (verb.run)(&mut call);
    let printed = out.text() + &err.text();
    let lines: Vec<&str> = printed.trim_end().lines().map(str::trim_end).collect();
    lines.join("\n")
}

fn resources() -> String {
    let mut text = String::from(
        "Names, groups and versions are the peers'. `keywright crds` prints the definitions, `kubectl explain` their fields.\n\n| kind | group | versions | scope |\n|---|---|---|---|\n",
    );
    for crd in crds(&unions()) {
        let versions: Vec<&str> = crd.spec.versions.iter().map(|version| version.name.as_str()).collect();
        let names = &crd.spec.names;
        writeln!(text, "| {} | {} | {} | {} |", names.kind, crd.spec.group, versions.join(", "), crd.spec.scope)
            .expect(INVARIANT);
    }
    text
}

fn providers() -> String {
    let mut text = String::from(
        "What each place can do. In a store it is the key below `spec.provider`, in a reference the scheme of `ref+SCHEME://…`.\n\n| place | store key | schemes | read | write | find by name | by tags | by path | metadata | tells a missing value |\n|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for row in registry::STORES {
        let Access { read, write, find_name, find_tags, find_path, metadata, not_found, .. } = row.access;
        let marks: Vec<&str> = [read, write, find_name, find_tags, find_path, metadata, not_found]
            .iter()
            .map(|can| if *can { "yes" } else { "–" })
            .collect();
        let schemes: Vec<&str> = row.references.iter().map(|door| door.scheme).collect();
        writeln!(text, "| {} | {} | {} | {} |", row.name, code(row.keys), code(&schemes), marks.join(" | "))
            .expect(INVARIANT);
    }
    let made: Vec<&str> = registry::GENERATORS.iter().map(|row| row.kind).collect();
    writeln!(text, "\nGenerators: {}.", if made.is_empty() { "none yet".to_owned() } else { code(&made) })
        .expect(INVARIANT);
    text
}

fn code(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

fn rights(granted: &[Granted]) -> String {
    let mut text = String::from(
        "The roles of the chart, a feature each, read off what its controllers ask for. Where a feature is confined to namespaces, the rights of the cluster are granted in these.\n",
    );
    for Granted { feature, role, parts } in granted {
        writeln!(text, "\n## {}\n\n| where | group | resources | verbs |\n|---|---|---|---|", feature.as_str())
            .expect(INVARIANT);
        for (place, lines) in [("cluster", &role.everywhere), ("own namespace", &role.local)] {
            for line in lines {
                text.push_str(&right(place, line));
            }
        }
        for Part { switch, lines } in parts {
            let place = format!("cluster, {} `{}`", if switch.brings { "with" } else { "without" }, switch.value);
            lines.iter().for_each(|line| text.push_str(&right(&place, line)));
        }
    }
    text
}

fn right(place: &str, line: &Line) -> String {
    let group = if line.group.is_empty() { "core" } else { line.group };
    format!("| {place} | {group} | {} | {} |\n", line.resources.join(", "), line.verbs.join(", "))
}
