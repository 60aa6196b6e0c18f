//! Rule 2: a dry file asks nobody. It names no clock, files, environment, network, processes, runtime or randomness of its own, and a dry
//! crate depends on no library that does. Tests may; three files draw randomness because their libraries do.

use super::{Finding, House, house::Crate, source_file::Path};

/// Held to the dry rule although the binary is wet.
const PURE_FOLDER: &str = "crates/keywright/src/verbs/helm/pure/";

/// Their libraries draw randomness themselves (design §3).
const DRAW_RANDOMNESS: [&str; 3] =
    ["crates/seal/src/hybrid.rs", "crates/seal/src/certificate.rs", "crates/template/src/functions/crypto.rs"];

/// Paths that begin like this ask the outside.
const OUTSIDE: [(&str, &str); 12] = [
    ("std::fs", "take bytes as a parameter; the verb or the wire reads"),
    ("std::env", "take the value as a parameter; `keywright/environment` reads"),
    ("std::net", "take values as parameters; the address types stand in `core::net`"),
    ("std::process", "return what to run as an effect; `wire/program` runs it"),
    ("std::thread", "stay on the caller's thread; `operator/heavy` moves work away"),
    ("std::io::stdin", "take bytes as a parameter"),
    ("std::io::stdout", "return a value; the verb prints it"),
    ("std::io::stderr", "return a fault; the verb tells it"),
    ("tokio", "return a value; only the wet wing waits"),
    ("kube", "use `kube_core` and `k8s_openapi`, which have no client"),
    ("reqwest", "return what to ask as a value; `wire` asks"),
    ("tempfile", "return bytes; `keywright/files` writes"),
];

/// Paths that hold these two segments one after the other ask a clock or draw randomness.
const HIDDEN_INPUTS: [(&str, &str, Input); 11] = [
    ("SystemTime", "now", Input::Clock),
    ("Instant", "now", Input::Clock),
    ("Timestamp", "now", Input::Clock),
    ("Zoned", "now", Input::Clock),
    ("TimeZone", "system", Input::Clock),
    ("rand", "rng", Input::Randomness),
    ("rand", "random", Input::Randomness),
    ("rand", "thread_rng", Input::Randomness),
    ("rngs", "SysRng", Input::Randomness),
    ("rngs", "OsRng", Input::Randomness),
    ("Uuid", "new_v4", Input::Randomness),
];

/// Libraries that ask the outside, so a dry crate cannot even name them.
const WET_LIBRARIES: [&str; 16] = [
    "tokio",
    "tokio-util",
    "kube",
    "reqwest",
    "hyper",
    "hyper-util",
    "tower",
    "rustls",
    "tempfile",
    "rustix",
    "libc",
    "reqsign-core",
    "reqsign-aws-v4",
    "tracing-subscriber",
    "prometheus",
    "getrandom",
];

#[derive(Clone, Copy, PartialEq)]
enum Input {
    Clock,
    Randomness,
}

pub fn check(house: &House) -> Vec<Finding> {
    let mut found = Vec::new();
    for each in &house.crates {
        if each.is_dry() {
            found.extend(libraries(house, each));
        }
        for (path, file) in each.production().filter(|(path, _)| each.is_dry() || path.starts_with(PURE_FOLDER)) {
            let paths = file.paths();
            let asks = paths.iter().filter(|named| !named.in_test).filter_map(|named| judge(path, named));
            found.extend(asks);
        }
    }
    found
}

fn judge(path: &str, named: &Path) -> Option<Finding> {
    let text = named.segments.join("::");
    let begins = |outside: &str| text == outside || text.starts_with(&format!("{outside}::"));
    let finding = |instead| Finding {
        path: path.to_owned(),
        line: named.line,
        rule: 2,
        what: format!("a dry file names `{text}`"),
        instead,
    };
    if let Some((_, instead)) = OUTSIDE.iter().find(|(outside, _)| begins(outside)) {
        return Some(finding(instead));
    }
    let holds = |first: &str, second: &str| named.segments.windows(2).any(|pair| pair[0] == first && pair[1] == second);
    let (_, _, input) = HIDDEN_INPUTS.iter().find(|(first, second, _)| holds(first, second))?;
    match input {
        Input::Clock => Some(finding("take `now` as a parameter; the driver and `main` ask the clock once")),
        Input::Randomness if DRAW_RANDOMNESS.contains(&path) => None,
        Input::Randomness => Some(finding("take `rng: &mut impl CryptoRng` as a parameter")),
    }
}

fn libraries(house: &House, each: &Crate) -> Vec<Finding> {
    let path = format!("{}/Cargo.toml", each.folder);
    let dependencies = each.manifest["dependencies"].as_object().into_iter().flatten().map(|(name, _)| name);
    let wet = dependencies.filter(|name| WET_LIBRARIES.contains(&name.as_str()));
    wet.map(|name| Finding {
        line: house.texts[&path].lines().position(|line| line.starts_with(name.as_str())).map_or(1, |at| at + 1),
        path: path.clone(),
        rule: 2,
        what: format!("the dry crate `{}` depends on `{name}`, which asks the outside", each.name),
        instead: "only a missing dependency is a law: do this part in the wet wing",
    })
    .collect()
}
