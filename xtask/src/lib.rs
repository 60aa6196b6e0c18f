//! The house's own hands, called as `cargo xtask VERB`: the rules (`tidy`), everything that must be green (`test`), and what else is read
//! off the tables. It depends on none of our crates, so that it builds in seconds and works while they do not compile.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool that talks to the developer")]

mod bench;
mod docs;
mod generate;
mod lab;
mod shell;
mod test;
mod tidy;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use shell::Program;

const USAGE: &str = "usage: cargo xtask VERB

  test           everything that must be green, stage by stage, also on the real parts
  tidy           the house rules, with file, line and what to do instead
  lab VERB       the real parts: get, start, env, status, run CMD, stop
  docs [PAGE]    links lead somewhere, and what a guide tells to type is typed
  generate       all that is read off the tables: CRDs, roles, chart, reference; `--check` only compares
  bench [ROW]    each figure as a ratio or a count, beside its goal";

/// Names the `keywright` under test to those that run it.
const PROGRAM: &str = "KEYWRIGHT_PROGRAM";

/// Runs the verb that the arguments name.
pub fn main(args: &[String]) -> ExitCode {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let root = root();
    let done = match words.as_slice() {
        ["test"] => test::run(&root),
        ["tidy"] => tidy::run(&root).and_then(|()| generate::check(&root)),
        ["lab", words @ ..] => lab::run(&root, words),
        ["docs", words @ ..] => docs::run(&root, words),
        ["generate"] => generate::run(&root),
        ["generate", "--check"] => generate::check(&root),
        ["bench", words @ ..] => bench::run(&root, words),
        [] | ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => Err(format!("unknown verb `{}`\n\n{USAGE}", words.join(" "))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(told) => {
            eprintln!("{told}");
            ExitCode::FAILURE
        }
    }
}

/// The root of the checkout that this program was built from, or that cargo runs it in.
fn root() -> PathBuf {
    let own =
        std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    own.parent().expect("xtask lies in the root of the checkout").to_owned()
}

fn cargo<S: AsRef<OsStr>>(root: &Path, args: &[S]) -> Program {
    Program::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())).args(args).within(root)
}

/// Builds the binary in a profile and answers with its path.
fn keywright(root: &Path, profile: &str) -> Result<PathBuf, String> {
    let named = if profile == "debug" { "dev" } else { profile };
    cargo(root, &["build", "--quiet", "--package", "keywright", "--profile", named]).run()?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |folder| root.join(folder));
    Ok(target.join(profile).join("keywright"))
}
