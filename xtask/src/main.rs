//! Starts the verb that the arguments name.
//! Everything else stands in the library, so that it can be tested.

fn main() -> std::process::ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    xtask::main(&args)
}
