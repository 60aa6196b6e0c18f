//! Fake: its values stand in its spec. For trying things out. Specification: ESO §11.

use std::collections::BTreeMap;
use std::sync::Arc;

use base::{Credentials, Opening, SecretBytes, Timestamp};
use rand_core::CryptoRng;
use schemars::{JsonSchema, schema_for};
use serde::Deserialize;
use serde_json::Value;
use source::{Generator, Made};

use crate::reach::Reach;
use crate::row::GeneratorRow;

/// The row.
pub const ROW: GeneratorRow = GeneratorRow { kind: "Fake", schema: || schema_for!(Spec), open };

/// The values.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
struct Spec {
    /// The controller class that serves it.
    #[expect(dead_code, reason = "the schema has it, and the operator reads it off every generator")]
    controller: Option<String>,
    /// The values.
    #[serde(default)]
    data: BTreeMap<String, String>,
}

fn open<'a>(spec: &'a Value, _: &'a Reach, _: Credentials) -> Opening<'a, Arc<dyn Generator>> {
    Box::pin(async { super::read::<Spec>("Fake", spec).map(|spec| Arc::new(spec) as Arc<dyn Generator>) })
}

impl Generator for Spec {
    fn make<'a>(&'a self, _: Timestamp, _: &'a mut (dyn CryptoRng + Send)) -> Opening<'a, Made> {
        let values = self.data.iter().map(|(key, text)| (key.clone(), SecretBytes::from(text.as_str())));
        let made = Made { values: values.collect(), state: None, expires: None };
        Box::pin(async { Ok(made) })
    }
}
