//! The limits on what comes from outside that no single room owns, each with its reason. A limit of one room stands there, named
//! and with its reason, too.

/// The body of one answer of a provider: Kubernetes keeps no Secret above 1 MiB, find answers hold many of them.
pub const ANSWER_BYTES: usize = 32 * 1024 * 1024;
/// One file read from disk: SOPS users encrypt whole dumps; more than this is a mistake in the path.
pub const FILE_BYTES: u64 = 256 * 1024 * 1024;
/// What a called program may print: gpg and `*_CMD` answers are keys, not data.
pub const PROGRAM_BYTES: usize = 16 * 1024 * 1024;
/// What a called program may say on stderr before we stop listening: an error message, not a log.
pub const PROGRAM_ERROR_BYTES: usize = 64 * 1024;
/// What is quoted of the reason another side gave for refusing: a sentence, not a page.
pub const REASON_CHARACTERS: usize = 2048;
/// How deep documents may nest: deeper than any real one, shallow enough for the stack of a thread.
pub const DEPTH: usize = 512;
/// How many nodes YAML aliases may unfold to: above it lies the billion-laughs attack.
pub const ALIAS_NODES: usize = 1_000_000;
/// How many bytes of text YAML aliases may unfold to: the same attack with one long text.
pub const ALIAS_BYTES: usize = 64 * 1024 * 1024;
/// Steps of one template run: a template that needs more is a loop.
pub const TEMPLATE_STEPS: u64 = 10_000_000;
/// Bytes one template may write: eight times what a Secret can hold.
pub const TEMPLATE_BYTES: usize = 8 * 1024 * 1024;
/// Bytes of a Secret's data, as the API server checks it.
pub const SECRET_BYTES: usize = 1024 * 1024;
/// Length of a key in a Secret's data, as the API server checks it.
pub const SECRET_KEY_LENGTH: usize = 253;
