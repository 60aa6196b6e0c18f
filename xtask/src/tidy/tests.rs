//! Broken houses, each a few lines of text, and what tidy says to them. The last test holds the house itself to its rules.

use super::*;

const ARCHITECTURE: &str = "
<!-- arrows -->
| crate | may import | tests may also import |
|---|---|---|
| base | – | – |
| plan | base | – |
| seal | base | – |
| template | base | – |
| wire | base | testkit |
| providers | base, wire | – |
| operator | base, plan | testkit |
| keywright | base | – |
| testkit | base | – |
| benches | base | – |
<!-- /arrows -->
";

/// Builds a house of these files, with manifests, headers and roots where none are given, and compares `line: rule`.
fn check(files: &[(&str, &str)], expected: &[&str]) {
    let mut texts: std::collections::BTreeMap<String, String> =
        files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    texts.entry("ARCHITECTURE.md".to_owned()).or_insert_with(|| ARCHITECTURE.to_owned());
    for (path, _) in files.iter().filter(|(path, _)| path.starts_with("crates/")) {
        let folder = path.splitn(3, '/').take(2).collect::<Vec<_>>().join("/");
        texts.entry(format!("{folder}/Cargo.toml")).or_default();
    }
    for (path, text) in &mut texts {
        if path.ends_with(".rs") && !text.starts_with("//!") {
            *text = format!("//! A file. {}\n{text}", "#![warn(missing_docs)]");
        }
    }
    let house = House::new(texts);
    let told: Vec<String> = findings(&house)
        .iter()
        .map(|finding| {
            let file = finding.path.rsplit('/').next().unwrap_or_default();
            format!("{file}:{}: {} (rule {})", finding.line, finding.what, finding.rule)
        })
        .collect();
    assert_eq!(told, expected, "\n{files:#?}");
}

#[test]
fn rule_1_arrows() {
    check(&[("crates/plan/Cargo.toml", "[dependencies]\nbase.workspace = true\n")], &[]);
    check(
        &[("crates/plan/Cargo.toml", "[dependencies]\nbase.workspace = true\nwire = { workspace = true }\n")],
        &["Cargo.toml:3: `plan` may not import `wire` (dependencies) (rule 1)"],
    );
    check(&[("crates/wire/Cargo.toml", "[dev-dependencies]\ntestkit.workspace = true\n")], &[]);
    check(
        &[("crates/wire/Cargo.toml", "[dependencies]\ntestkit.workspace = true\n")],
        &["Cargo.toml:2: `wire` may not import `testkit` (dependencies) (rule 1)"],
    );
    check(
        &[("crates/plan/Cargo.toml", "[dev-dependencies]\nkeywright-testkit.path = \"x\"\n")],
        &["Cargo.toml:2: `plan` may not import `testkit` (dev-dependencies) (rule 1)"],
    );
    check(
        &[("crates/attic/Cargo.toml", "")],
        &["Cargo.toml:1: crate `attic` has no row in the table of arrows (rule 1)"],
    );
    check(&[("crates/plan/Cargo.toml", "[dependencies\n")], &["Cargo.toml:1: the manifest is no TOML (rule 1)"]);
    check(
        &[("crates/plan/src/lib.rs", "mod wire;"), ("crates/plan/src/wire.rs", "")],
        &["wire.rs:1: a module in the root of `plan` bears the name of the crate `wire` (rule 1)"],
    );
    let circle = "<!-- arrows -->\n| base | plan | – |\n| plan | base | – |\n<!-- /arrows -->";
    check(
        &[("ARCHITECTURE.md", circle)],
        &[
            "ARCHITECTURE.md:2: the arrows of `base` lead back to itself (rule 1)",
            "ARCHITECTURE.md:3: the arrows of `plan` lead back to itself (rule 1)",
        ],
    );
}

#[test]
fn rule_2_a_dry_file_asks_nobody() {
    let outside = "use std::{collections::BTreeMap, fs::{self, File}};\nfn f() { std::env::var(\"X\"); }";
    check(
        &[("crates/plan/src/lib.rs", outside)],
        &[
            "lib.rs:2: a dry file names `std::fs::File` (rule 2)",
            "lib.rs:2: a dry file names `std::fs::self` (rule 2)",
            "lib.rs:3: a dry file names `std::env::var` (rule 2)",
        ],
    );
    check(&[("crates/wire/src/lib.rs", outside)], &[]);
    check(&[("crates/plan/src/lib.rs", "#[cfg(test)]\nmod tests { use std::fs; }\nfn f() {}")], &[]);
    check(
        &[("crates/plan/src/lib.rs", "#[test]\nfn t() { std::fs::read(\"x\"); }\nfn f() { jiff::Timestamp::now(); }")],
        &["lib.rs:4: a dry file names `jiff::Timestamp::now` (rule 2)"],
    );
    check(&[("crates/plan/src/lib.rs", "// std::fs is far away\nconst NAME: &str = \"std::fs\";")], &[]);
    let draws = "fn f() { rand::rng(); }";
    check(&[("crates/seal/src/lib.rs", "mod hybrid;"), ("crates/seal/src/hybrid.rs", draws)], &[]);
    check(&[("crates/seal/src/lib.rs", draws)], &["lib.rs:2: a dry file names `rand::rng` (rule 2)"]);
    let pure = "crates/keywright/src/verbs/helm/pure/url.rs";
    let way =
        [("crates/keywright/src/lib.rs", "mod verbs { mod helm { mod pure { mod url; } } }"), (pure, "use tokio::fs;")];
    check(&way, &["url.rs:2: a dry file names `tokio::fs` (rule 2)"]);
    check(
        &[("crates/plan/Cargo.toml", "[dependencies]\ntokio.workspace = true\n")],
        &["Cargo.toml:2: the dry crate `plan` depends on `tokio`, which asks the outside (rule 2)"],
    );
}

#[test]
fn rule_3_siblings_in_a_loop() {
    let lib = "mod a;\nmod b;\npub use b::Thing;";
    check(
        &[("crates/wire/src/lib.rs", lib), ("crates/wire/src/a.rs", "use crate::b::f;"), ("crates/wire/src/b.rs", "")],
        &[],
    );
    let told = "b.rs:2: the siblings `b` and `a` import each other in a loop (rule 3)";
    for there in [
        "use crate::b::f;",
        "use super::b;",
        "fn f() { crate::b::f(); }",
        "use crate::Thing;",
        "use super::{Thing as T};",
    ] {
        let loops = [
            ("crates/wire/src/lib.rs", lib),
            ("crates/wire/src/a.rs", there),
            ("crates/wire/src/b.rs", "use crate::a::g;"),
        ];
        check(&loops, &[told]);
    }
    let face = [
        ("crates/wire/src/lib.rs", "mod a;"),
        ("crates/wire/src/a.rs", "mod b;\nuse b::f;"),
        ("crates/wire/src/a/b.rs", "use super::g;\nuse crate::a::h;"),
    ];
    check(&face, &[]);
    let three = [
        ("crates/wire/src/lib.rs", "mod a;\nmod b;\nmod c;"),
        ("crates/wire/src/a.rs", "use crate::b::f;"),
        ("crates/wire/src/b.rs", "use crate::c::f;"),
        ("crates/wire/src/c.rs", "use crate::a::f;"),
    ];
    check(&three, &["c.rs:2: the siblings `c` and `a` import each other in a loop (rule 3)"]);
    let in_tests = [
        ("crates/wire/src/lib.rs", lib),
        ("crates/wire/src/a.rs", "#[cfg(test)]\nuse crate::b::f;"),
        ("crates/wire/src/b.rs", "use crate::a::g;"),
    ];
    check(&in_tests, &[]);
    // A crate for tests, and a program without a library.
    for [root, a, b] in [
        ["crates/testkit/src/lib.rs", "crates/testkit/src/a.rs", "crates/testkit/src/b.rs"],
        ["crates/benches/src/main.rs", "crates/benches/src/a.rs", "crates/benches/src/b.rs"],
    ] {
        check(&[(root, lib), (a, "use crate::b::f;"), (b, "use crate::a::g;")], &[told]);
    }
}

#[test]
fn rule_3_scripts_and_the_secret_that_can_be_shown() {
    let lib = [("crates/operator/src/lib.rs", "mod reloader { mod source; }")];
    let script = |text| [lib[0], ("crates/operator/src/reloader/source.rs", text)];
    check(&script("async fn reconcile() { act(o.name()); }\n#[test]\nfn t() { o.spec; }"), &[]);
    for text in ["async fn reconcile() {\n  act(o.spec.x);\n}", "fn helper() {\n  act(o.spec.x);\n}"] {
        check(&script(text), &["source.rs:3: a script names `.spec` (rule 3)"]);
    }
    let long = format!("async fn part() {{\n{}}}", "act();\n".repeat(41));
    check(&script(&long), &["source.rs:2: the script `part` has 42 lines (rule 3)"]);
    let secret = "use k8s_openapi::api::core::v1::{ConfigMap, Secret};";
    check(&script(secret), &["source.rs:2: k8s-openapi's `Secret` is named, which derives `Debug` (rule 3)"]);
    check(&[("crates/operator/src/lib.rs", "mod kube_secret;"), ("crates/operator/src/kube_secret.rs", secret)], &[]);
}

#[test]
fn rules_4_and_6_sizes_and_headers() {
    let long = format!("//! A table.\n//! One row a name.\n{}", "const A: u8 = 1;\n".repeat(800));
    check(&[("crates/wire/src/lib.rs", &long)], &["lib.rs:1: 802 lines and no word why (rule 4)"]);
    let reasoned = long.replace("One row a name.", "Over 800 lines: one row a name.");
    check(&[("crates/wire/src/lib.rs", &reasoned)], &[]);
    let short = format!("//! One line for\n{}", "const A: u8 = 1;\n".repeat(80));
    check(&[("crates/wire/src/lib.rs", &short)], &["lib.rs:1: the header has 1 lines of `//!` (rule 6)"]);
    let verbose = "//! word\n".repeat(9);
    check(&[("crates/wire/src/lib.rs", &verbose)], &["lib.rs:1: the header has 9 lines of `//!` (rule 6)"]);
    check(
        &[("crates/base/src/lib.rs", "//! The ground.\n//! It asks nobody.\n")],
        &["lib.rs:1: `base` does not ask for a sentence on each public item (rule 6)"],
    );
}

#[test]
fn rule_5_nothing_lies_about_unused() {
    let lost = [("crates/wire/src/lib.rs", "mod a;"), ("crates/wire/src/a.rs", ""), ("crates/wire/src/a/b.rs", "")];
    check(&lost, &["b.rs:1: no `mod` declares this file, so it never compiles (rule 5)"]);
    let integration = [("crates/wire/tests/it/main.rs", "mod roads;"), ("crates/wire/tests/it/roads.rs", "")];
    check(&integration, &[]);
    let registry = "mod stores;\nmod registry;";
    let row = |table| {
        [
            ("crates/providers/src/lib.rs", registry),
            ("crates/providers/src/stores.rs", "mod vault;"),
            ("crates/providers/src/stores/vault.rs", "pub const ROW: Row = Row {};"),
            ("crates/providers/src/registry.rs", table),
        ]
    };
    check(&row("const STORES: [Row; 1] = [stores::vault::ROW];"), &[]);
    check(&row(""), &["vault.rs:1: its row stands in no table (`crates/providers/src/registry.rs`) (rule 5)"]);
    let golden = |test| {
        [
            ("crates/wire/src/lib.rs", test),
            ("crates/wire/src/snapshots/wire__tests__prints-2.snap", "---\nsource: crates/wire/src/lib.rs\n---\nx"),
        ]
    };
    check(&golden("#[test]\nfn prints() {}"), &[]);
    check(
        &golden("#[test]\nfn tells() {}"),
        &["wire__tests__prints-2.snap:1: no test reads this golden file (rule 5)"],
    );
    let data = |code| [("crates/wire/src/lib.rs", code), ("crates/wire/tests/vectors/one.yaml", "a: 1")];
    check(&data("const V: &str = \"tests/vectors\";"), &[]);
    check(&data(""), &["one.yaml:1: no code of its crate names this file (rule 5)"]);
}

#[test]
fn rule_7_words() {
    let lib = |text| [("crates/wire/src/lib.rs", text)];
    check(
        &[("crates/wire/src/lib.rs", "mod utils;"), ("crates/wire/src/utils.rs", "")],
        &["utils.rs:1: the file is called `utils` (rule 7)"],
    );
    check(&lib("pub struct LeaseManager;"), &["lib.rs:2: `LeaseManager` is called `manager` (rule 7)"]);
    check(&lib("struct LeaseManager;\npub struct Managed;"), &[]);
    check(&lib("pub struct SecretsManager;"), &[]);
    check(&lib("// TODO: later"), &["lib.rs:2: a comment says TODO without an issue (rule 7)"]);
    check(
        &lib("/// A door.\n/// FIXME it squeaks\nfn f() {}"),
        &["lib.rs:3: a comment says FIXME without an issue (rule 7)"],
    );
    check(&lib("// TODO(#12): with an owner\nconst A: &str = \"TODO\"; // TODOS are a noun"), &[]);
    check(&lib("fn f() { todo!() }"), &["lib.rs:2: `todo!` is left in (rule 7)"]);
    check(&lib("fn f() { x.unwrap(); }"), &["lib.rs:2: `unwrap()` in production (rule 7)"]);
    check(&lib("#[cfg(test)]\nmod tests { fn f() { x.unwrap(); } }\nfn f() { x.unwrap_or(1); }"), &[]);
    check(&lib("#[test]\n#[ignore = \"slow\"]\nfn t() {}"), &["lib.rs:3: an ignored test (rule 7)"]);
    check(&lib("fn f( {"), &["lib.rs:2: cannot be read as Rust: cannot parse string into token stream (rule 7)"]);
    check(&[("docs/a.md", "see `/root/x`")], &["a.md:1: names a folder of one machine (`/root/…`) (rule 7)"]);
    check(&[("docs/a.md", "see docs/work/x and https://a.b/root/")], &[]);
}

#[test]
fn rule_9_values_cannot_be_shown() {
    let lib = |text| [("crates/wire/src/lib.rs", text)];
    check(
        &lib("#[derive(Clone, Debug)]\npub struct SecretBytes(u8);"),
        &["lib.rs:2: `SecretBytes` derives `Debug` (rule 9)"],
    );
    check(&lib("#[derive(Clone, Debug)]\npub struct Open(u8);\n#[derive(Clone)]\npub struct Payload;"), &[]);
    check(
        &lib("impl fmt::Display for SecretText {}"),
        &["lib.rs:2: `Display` is implemented for `SecretText` (rule 9)"],
    );
    check(
        &lib("fn f() { format!(\"{}\", v.expose()); }"),
        &["lib.rs:2: `format!` touches the bytes of a value (rule 9)"],
    );
    check(&lib("#[test]\nfn f() { assert_eq!(v.expose(), b\"x\"); }"), &[]);
}

#[test]
fn the_house_itself_is_tidy() {
    let house = House::read(&crate::root()).expect("the checkout can be read");
    let told: Vec<String> = findings(&house).iter().map(ToString::to_string).collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
}
