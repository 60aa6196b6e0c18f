//! UUID: a random one of version 4 under the key `uuid`. Specification: ESO §11.

use std::sync::Arc;

use base::{Credentials, Opening, SecretBytes, Timestamp};
use rand_core::CryptoRng;
use schemars::{JsonSchema, schema_for};
use serde::Deserialize;
use serde_json::Value;
use source::{Generator, Made};
use uuid::Builder;

use crate::reach::Reach;
use crate::row::GeneratorRow;

/// The row.
pub const ROW: GeneratorRow = GeneratorRow { kind: "UUID", schema: || schema_for!(Spec), open };

/// Nothing can be said.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
struct Spec {}

fn open<'a>(_: &'a Value, _: &'a Reach, _: Credentials) -> Opening<'a, Arc<dyn Generator>> {
    Box::pin(async { Ok(Arc::new(Spec {}) as Arc<dyn Generator>) })
}

impl Generator for Spec {
    fn make<'a>(&'a self, _: Timestamp, rng: &'a mut (dyn CryptoRng + Send)) -> Opening<'a, Made> {
        let mut bytes = [0; 16];
        rng.fill_bytes(&mut bytes);
        let uuid = Builder::from_random_bytes(bytes).into_uuid();
        let values = [("uuid".to_owned(), SecretBytes::from(uuid.to_string()))].into_iter().collect();
        Box::pin(async { Ok(Made { values, state: None, expires: None }) })
    }
}
