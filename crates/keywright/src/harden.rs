//! What the process does to itself so that values do not leak: no core dumps, no tracing by other processes of the user.
//! Not here: what a program that we start does; it is as dumpable as it makes itself. Specification: design §8 "How they die".

/// Forbids core dumps and `ptrace`. Best effort: a kernel that refuses leaves the process as it was.
pub fn no_core_dumps() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
}
