//! The scheme `envsubst`: the path with variables replaced. How variables are written is `source::envsubst`'s.
//! Specification: VALS §10.6.

use source::{Locator, Payload, envsubst};

use crate::row::{Row, TextDoor};
use crate::{local, yaml};

/// The row.
pub const ROW: Row = Row::of_references(
    "envsubst",
    &[TextDoor {
        scheme: "envsubst",
        options: &[],
        is_local: true,
        open: |_, reach| {
            let environment = reach.surroundings.environment.clone();
            Box::pin(async {
                Ok(local::client(move |at| {
                    envsubst::replace(&at.key, &|name| environment.set(name).map(str::to_owned)).map(Payload::bytes)
                }))
            })
        },
        locate: |asked| {
            let place = asked.reference.place();
            Ok(Locator::of(place.strip_suffix('/').unwrap_or(&place).trim()))
        },
        text: yaml::text,
        tree: yaml::tree,
    }],
);
