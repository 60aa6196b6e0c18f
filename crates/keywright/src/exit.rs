//! Exit codes: what scripts branch on. Each personality keeps its peer's numbers (SOPS has 28); this is only the type.

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(pub u8);

impl Exit {
    /// All went well.
    pub const SUCCESS: Self = Self(0);
    /// The general failure.
    pub const FAILURE: Self = Self(1);
    /// The reader of stdout has left: 128 + SIGPIPE, as a shell counts the peers' end.
    pub const BROKEN_PIPE: Self = Self(141);
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.0)
    }
}
