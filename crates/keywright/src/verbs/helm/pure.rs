//! What helm-secrets decides without looking at anything: command lines, URLs, policies and names as values.
//! Dry, though it lives high up: no file, environment, network or process is asked here. Specification: design §3, HS §6–§9.

pub mod dec_name;
pub mod netrc;
pub mod policy;
pub mod scan;
pub mod set;
pub mod set_json;
pub mod url;

/// What stands in front of a file reference or a literal: `?` for "may be missing", and `backend!`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marks<'a> {
    /// Whether a missing file is no error.
    pub is_optional: bool,
    /// The name in front of the `!`; an empty one means "no other backend".
    pub backend: Option<&'a str>,
    /// What stands behind.
    pub rest: &'a str,
}

impl<'a> Marks<'a> {
    /// Takes a reference apart.
    pub fn of(text: &'a str) -> Self {
        let (is_optional, text) = text.strip_prefix('?').map_or((false, text), |rest| (true, rest));
        let (backend, rest) = match text.split_once('!') {
            Some((name, rest)) => (Some(name), rest),
            None => (None, text),
        };
        Self { is_optional, backend, rest }
    }
}
