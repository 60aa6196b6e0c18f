//! Making new values with a generator. It may leave an account or a token behind at a server, so it is an effect; the hands are
//! `operator/effects/generate`. Specification: ESO §11.

use base::ObjectRef;
use serde_json::Value;

use crate::{Describe, Line};

/// Make new values. Its `spec` may hold what a user wrote into it, so it cannot be shown.
#[derive(Clone, PartialEq)]
pub struct Generate {
    /// For which object.
    pub of: ObjectRef,
    /// With which generator.
    pub generator: ObjectRef,
    /// The kind that makes: that of the generator, or the one that a ClusterGenerator stands for.
    pub kind: &'static str,
    /// Its settings.
    pub spec: Value,
    /// The generator's uid.
    pub uid: String,
    /// The generator's generation.
    pub generation: i64,
}

impl Describe for Generate {
    fn describe(&self) -> Vec<Line> {
        vec![Line::on(self.generator.clone(), format!("make new values of kind {} for {}", self.kind, self.of))]
    }
}
