//! `keywright crds`: all custom resource definitions on stdout, as `kubectl apply --server-side -f -` takes them.
//! Names and schemas are `api`'s; the settings of providers and generators are read off their rows. Specification: design §9, §16.

use api::kinds::{Unions, crds};
use base::Fault;
use providers::registry;
use providers::row::Row;
use schemars::Schema;
use serde_json::Value;

use crate::argv::{self, ArgvError, Grammar};
use crate::{Call, Exit, Failure};

/// Prints the definitions.
///
/// # Errors
/// stdout is closed.
pub fn run(call: &mut Call) -> Result<Exit, Failure> {
    if let Err(ArgvError::Help { .. }) = argv::parse(Grammar::Pflag, &[], &call.args) {
        call.ui.data(b"Usage:\n  keywright crds\n")?;
        return Ok(Exit::SUCCESS);
    }
    for crd in crds(&unions()) {
        let text =
            serde_saphyr::to_string(&crd).map_err(|error| Fault::bug("cannot write a definition").because(error))?;
        call.ui.data(format!("---\n{text}").as_bytes())?;
    }
    Ok(Exit::SUCCESS)
}

/// The settings of every provider and generator that has a row.
#[must_use]
pub fn unions() -> Unions {
    let keyed = |row: &&Row| {
        row.keys.iter().map(|key| ((*key).to_owned(), filled_defaults((row.schema)()))).collect::<Vec<_>>()
    };
    let keys = registry::STORES.iter().flat_map(keyed);
    let kinds = registry::GENERATORS.iter().map(|row| (row.kind.to_owned(), (row.schema)()));
    Unions { providers: keys.collect(), generators: kinds.collect() }
}

/// A schema without the defaults that say nothing: written into every stored object, they would differ from what users keep in
/// Git (ESO #6797).
fn filled_defaults(schema: Schema) -> Schema {
    let mut value = Value::from(schema);
    drop_empty_defaults(&mut value);
    Schema::try_from(value).expect("a schema without some of its defaults is one")
}

fn drop_empty_defaults(value: &mut Value) {
    if let Some(members) = value.as_object_mut() {
        let is_empty = |value: &Value| match value {
            Value::Array(items) => items.is_empty(),
            Value::Object(members) => members.values().all(Value::is_null),
            Value::String(text) => text.is_empty(),
            Value::Bool(said) => !said,
            Value::Number(number) => number.as_i64() == Some(0),
            Value::Null => true,
        };
        // A property may be called `default`, too: what stands there is a schema and no empty one.
        if members.get("default").is_some_and(is_empty) {
            members.remove("default");
        }
        members.values_mut().for_each(drop_empty_defaults);
    } else if let Some(items) = value.as_array_mut() {
        items.iter_mut().for_each(drop_empty_defaults);
    }
}
