//! What the process does to itself so that values do not leak: no core dumps, no tracing by other processes of the user.
//! Specification: design §8 "How they die".

/// Forbids core dumps and `ptrace`. Best effort: a kernel that refuses leaves the process as it was.
#[expect(unsafe_code, reason = "prctl has no safe wrapper for PR_SET_DUMPABLE in the crates we have")]
pub fn no_core_dumps() {
    #[cfg(target_os = "linux")]
    // SAFETY: PR_SET_DUMPABLE takes one integer and touches no memory of ours.
    unsafe {
        libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0);
    }
}
