//! `cargo xtask bench`: builds the release binary, starts a lab, and runs `crates/benches`, which prints each figure as a ratio or a count
//! beside its goal. The figures themselves are measured there, not here.

use std::path::Path;

use crate::lab::Lab;

pub fn run(root: &Path, words: &[&str]) -> Result<(), String> {
    if !root.join("crates/benches").exists() {
        return Err("there is no crate `benches` yet, so there is nothing to measure".to_owned());
    }
    let program = crate::keywright(root, "release")?;
    let lab = Lab::start_own(root)?;
    let args = ["run", "--quiet", "--release", "--package", "keywright-benches", "--"];
    crate::cargo(root, &args).args(words).envs(&lab.variables).env(crate::PROGRAM, program).run()
}
