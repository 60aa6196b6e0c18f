//! The peers' operators by their own command lines: flags, environment, log form, exit codes, addresses. Each file turns what
//! was typed into a feature's settings and runs the process; what the feature does is in `operator`.

pub mod reloader;
