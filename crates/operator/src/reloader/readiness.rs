//! Whether Reloader sees what it must: without its ConfigMaps or Secrets it is not ready; a kind of workload that it may not list
//! is told beside it and stops nobody else. Specification: RL §18.

use std::fmt::Write as _;

use api::reload::ResourceKind;
use plan::reload::Kind;

use super::{Memory, Settings};
use crate::cache::Sight;
use crate::seen::{OfConfigMap, OfSecret, Seen};
use crate::shared::Shared;

/// Whether it is ready, and the details, a line each.
#[must_use]
pub fn readiness(shared: &Shared) -> (bool, String) {
    let settings = shared.memory::<Settings>();
    let sights = [
        (ResourceKind::ConfigMap, "configmaps", *shared.caches().store::<Seen<OfConfigMap>>().sight().borrow()),
        (ResourceKind::Secret, "secrets", *shared.caches().store::<Seen<OfSecret>>().sight().borrow()),
    ];
    let (mut is_ready, mut told) = (true, String::new());
    for (kind, plural, sight) in sights {
        let word = match sight {
            _ if settings.ignored_resources.contains(&kind) => continue,
            Sight::Waiting => "not listed yet",
            Sight::Denied => "the watch is denied",
            Sight::Listed | Sight::Clear => continue,
        };
        is_ready = false;
        let _ = writeln!(told, "{plural}: {word}");
    }
    let memory = Memory::of(shared);
    for kind in Kind::ALL.into_iter().filter(|kind| memory.is_unlisted(*kind)) {
        let _ = writeln!(told, "{}: cannot be listed, so none of them is reloaded", kind.resource().plural);
    }
    (is_ready, if told.is_empty() { "ok\n".to_owned() } else { told })
}
