//! The face of the house: verbs, personalities, terminal. `main` picks the personality before anything else; both ways to
//! name one (argv0 or the first word) lead to the same verbs. Verbs that need no network start no runtime, TLS or logging.
//! Specification: design §12, §16.

pub mod argv;
pub mod child;
mod cluster;
pub mod environment;
pub mod exit;
pub mod failure;
pub mod files;
pub mod harden;
mod logs;
mod personalities;
pub mod personality;
mod reach;
mod terminal;
pub mod ui;
pub mod verbs;

pub use exit::Exit;
pub use failure::Failure;
pub use ui::Ui;
pub use wire::Environment;

/// One run of the program, with everything it may ask for: tests make one by hand.
pub struct Call {
    /// The name it was called by, without its folder.
    pub program: String,
    /// The words behind it.
    pub args: Vec<String>,
    /// The environment as it was at the start.
    pub environment: Environment,
    /// The terminal.
    pub ui: Ui,
}

impl Call {
    /// The run that the operating system started.
    #[must_use]
    pub fn of_this_process() -> Self {
        let mut words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
        let called = words.next().unwrap_or_default();
        let program = called.rsplit('/').next().unwrap_or_default().to_owned();
        Self { program, args: words.collect(), environment: environment::of_this_process(), ui: Ui::of_this_process() }
    }
}

/// Runs the verb that was asked for and tells its failure, if any.
#[must_use]
pub fn run(mut call: Call) -> Exit {
    harden::no_core_dumps();
    let exit = match personality::pick(&mut call) {
        Ok(verb) => (verb.run)(&mut call).unwrap_or_else(|failure| failure.tell(&mut call.ui)),
        Err(exit) => exit,
    };
    if call.ui.is_pipe_broken() { Exit::BROKEN_PIPE } else { exit }
}
