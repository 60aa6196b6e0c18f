//! The binary: hands its arguments, environment and streams to the library and ends with the exit code that comes back.

fn main() -> std::process::ExitCode {
    keywright::run(keywright::Call::of_this_process()).into()
}
