//! The environment as it was at the start, read once and handed on as a value: nothing else in the house reads it. Each
//! verb's file names the variables it asks for.

use wire::Environment;

/// The environment of this process. Values that are not UTF-8 are kept lossily: no variable of ours may hold such.
#[must_use]
pub fn of_this_process() -> Environment {
    let text = |word: std::ffi::OsString| word.to_string_lossy().into_owned();
    std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect()
}
