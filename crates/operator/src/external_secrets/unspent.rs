//! What generators made for a pass that then could not write or push it: the next pass takes it, so that no account is made in
//! vain. Values that failed a template are not kept: others may do better. It goes with the process. Specification: ESO §11.

use base::Timestamp;
use plan::{Generate, schedule};
use source::Made;

/// What was made and not used yet, by the place of its generator in the object.
#[derive(Default)]
pub(super) struct Unspent(Vec<Kept>);

struct Kept {
    place: usize,
    by: (String, i64),
    made: Made,
}

/// Who makes: another generator of the name, or the same with other settings, makes other values.
fn maker(generate: &Generate) -> (String, i64) {
    (generate.uid.clone(), generate.generation)
}

impl Unspent {
    /// What this generator made for that place, unless it is about to end.
    pub fn find(&self, place: usize, generate: &Generate, now: Timestamp) -> Option<Made> {
        let by = maker(generate);
        let is_good = |made: &Made| made.expires.is_none_or(|end| schedule::renewal(end, now) > now);
        let kept = self.0.iter().find(|kept| kept.place == place && kept.by == by);
        kept.map(|kept| &kept.made).filter(|made| is_good(made)).cloned()
    }

    /// Keeps what was made until it is used.
    pub fn keep(&mut self, place: usize, generate: &Generate, made: Made) {
        self.0.retain(|kept| kept.place != place);
        self.0.push(Kept { place, by: maker(generate), made });
    }
}

#[cfg(test)]
mod tests {
    use base::ObjectRef;
    use serde_json::Value;

    use super::*;

    #[test]
    fn only_the_same_generator_finds_what_it_made_and_only_while_it_lasts() {
        let at = |text: &str| text.parse::<Timestamp>().expect("a test's own timestamp");
        let of = |uid: &str, generation| Generate {
            of: ObjectRef::new("ExternalSecret", "n", "db"),
            generator: ObjectRef::new("Password", "n", "new"),
            kind: "Password",
            spec: Value::Null,
            uid: uid.to_owned(),
            generation,
        };
        let made = |text: &str, expires| Made { values: [("p", text)].into_iter().collect(), state: None, expires };
        let mut unspent = Unspent::default();
        unspent.keep(0, &of("a", 1), made("old", None));
        unspent.keep(0, &of("a", 1), made("one", None));
        unspent.keep(1, &of("b", 1), made("two", Some(at("2026-01-01T01:00:00Z"))));
        let now = at("2026-01-01T00:00:00Z");
        for (place, uid, generation, now, expected) in [
            (0, "a", 1, now, Some("one")),
            (0, "a", 2, now, None),
            (0, "b", 1, now, None),
            (1, "a", 1, now, None),
            (1, "b", 1, now, Some("two")),
            (1, "b", 1, at("2026-01-01T00:59:50Z"), Some("two")),
            (1, "b", 1, at("2026-01-01T01:00:00Z"), None),
        ] {
            let found = unspent.find(place, &of(uid, generation), now);
            let value = found.and_then(|made| made.values.value("p")?.to_text()?.into_exposed().into());
            assert_eq!(value.as_deref(), expected, "{place} {uid} {generation} {now}");
        }
    }
}
