//! Command lines as people type them: words, environment and stdin in; exit code, streams and files out.

mod canaries;
mod controller;
mod eso;
mod harden;
mod helm;
mod kubeseal;
mod pipe;
mod reloader;
mod render;
mod sops;
mod stage;
mod vals;
mod vso;
