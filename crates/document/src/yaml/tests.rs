//! Tests of the YAML reader and emitter.
