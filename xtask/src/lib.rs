//! The house's own hands, called as `cargo xtask VERB`: the rules (`tidy`), everything that must be green (`test`), and what else is read
//! off the tables. It depends on none of our crates, so that it builds in seconds and works while they do not compile.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool that talks to the developer")]

mod lab;
mod shell;
mod test;
pub mod tidy;

use std::path::PathBuf;
use std::process::ExitCode;

const VERBS: &str = "usage: cargo xtask VERB

  lab     the real parts: get, start, env, status, run CMD, stop
  test    everything that must be green, stage by stage
  tidy    the house rules, with file, line and what to do instead";

/// Runs the verb that the arguments name.
pub fn main(args: &[String]) -> ExitCode {
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["lab", words @ ..] => lab::run(&root(), words),
        ["test"] => test::run(&root()),
        ["tidy"] => tidy::run(&root()),
        [] | ["help" | "--help" | "-h"] => {
            println!("{VERBS}");
            Ok(())
        }
        _ => Err(format!("unknown verb `{}`\n\n{VERBS}", words.join(" "))),
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
