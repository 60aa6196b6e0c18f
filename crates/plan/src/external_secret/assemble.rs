//! From what the stores answered to the data of the target: per entry rewrite, or else convert; check names, decode, check
//! null bytes; later entries win. Whether "not found" is an error is `deletionPolicy`'s to say. Specification: ESO §6.3.

use api::ExternalSecret;
use api::external_secrets::external_secret::{ConversionStrategy, DecodingStrategy, NullBytePolicy};
use api::external_secrets::target::DeletionPolicy;
use base::{Fault, Kind, SecretMap, SecretValue};
use source::Made;

use super::due::{Entry, Read, What};
use super::{keys, rewrite};
use crate::{Event, Rendering};

/// What a read answered.
pub enum Answer {
    /// One value.
    Value(SecretValue),
    /// Named values.
    Entries(SecretMap),
}

/// The data, and what is worth telling about it.
#[derive(Default)]
pub struct Assembled {
    /// The data of the target, before templates.
    pub data: SecretMap,
    /// Values that the provider does not have, skipped because `deletionPolicy` allows it.
    pub events: Vec<Event>,
}

/// Assembles the data from the answers, and from what generators made (by place in `spec.dataFrom`).
///
/// # Errors
/// A read failed, a value has the wrong form, or a key is not allowed.
pub fn assemble(
    es: &ExternalSecret,
    answers: Vec<(Read, Result<Answer, Fault>)>,
    made: Vec<(usize, Made)>,
    rendering: &mut Rendering<'_>,
) -> Result<Assembled, Fault> {
    let mut parts: Vec<(Entry, SecretMap)> = Vec::with_capacity(answers.len() + made.len());
    let mut events = Vec::new();
    let skips_missing = es.deletion_policy() != DeletionPolicy::Retain;
    for (read, answer) in answers {
        match answer {
            Err(fault) if fault.kind() == Kind::NotFound && skips_missing => {
                events.push(Event::normal("MissingProviderSecret", missing(es, read.entry)));
            }
            answer => {
                let part = answer.and_then(|answer| part(es, read.entry, answer, rendering));
                parts.push((read.entry, part.map_err(|fault| located(es, &read, fault))?));
            }
        }
    }
    for (place, made) in made {
        let entry = &es.spec.data_from[place];
        let done = rewrite::rewrite(made.values, &entry.rewrite, rendering)
            .and_then(|mut data| keys::check(&mut data).map(|()| data));
        parts.push((Entry::DataFrom(place), done.map_err(|fault| at_generator(place, fault))?));
    }
    // dataFrom first, then data, each in order; generators have their place among the dataFrom entries.
    parts.sort_by_key(|(entry, _)| match entry {
        Entry::DataFrom(place) => (0, *place),
        Entry::Data(place) => (1, *place),
    });
    let mut data = SecretMap::new();
    parts.into_iter().for_each(|(_, part)| data.extend(part));
    Ok(Assembled { data, events })
}

/// Whether all answers are such that the data can be assembled: nothing is made for a refresh that fails anyway.
#[must_use]
pub fn is_answered(es: &ExternalSecret, answers: &[(Read, Result<Answer, Fault>)]) -> bool {
    let skips_missing = es.deletion_policy() != DeletionPolicy::Retain;
    answers.iter().all(|(_, answer)| {
        answer.as_ref().map_or_else(|fault| fault.kind() == Kind::NotFound && skips_missing, |_| true)
    })
}

/// A fault of the generator at a place.
#[must_use]
pub fn at_generator(place: usize, fault: Fault) -> Fault {
    fault.within(format!("error processing spec.dataFrom[{place}].sourceRef.generatorRef, err"))
}

fn missing(es: &ExternalSecret, entry: Entry) -> String {
    match entry {
        Entry::DataFrom(place) => format!("secret does not exist at provider using spec.dataFrom[{place}]"),
        // The peer's text says dataFrom here, too.
        Entry::Data(place) => {
            let key = &es.spec.data[place].remote_ref.key;
            format!("secret does not exist at provider using spec.dataFrom[{place}] (key={key})")
        }
    }
}

fn located(es: &ExternalSecret, read: &Read, fault: Fault) -> Fault {
    match (read.entry, &read.what) {
        (Entry::DataFrom(place), What::Found(_)) => fault
            .within("error getting all secrets")
            .within(format!("error processing spec.dataFrom[{place}].find, err")),
        (Entry::DataFrom(place), _) => fault.within(format!("error processing spec.dataFrom[{place}].extract, err")),
        (Entry::Data(place), _) => {
            let key = &es.spec.data[place].remote_ref.key;
            fault.within(format!("error processing spec.data[{place}] (key: {key}), err"))
        }
    }
}

/// One entry's part of the data.
fn part(es: &ExternalSecret, entry: Entry, answer: Answer, rendering: &mut Rendering<'_>) -> Result<SecretMap, Fault> {
    match (entry, answer) {
        (Entry::Data(place), Answer::Value(value)) => {
            let data = &es.spec.data[place];
            let bytes = keys::decode(super::bytes_of(&value), data.remote_ref.decoding_strategy.unwrap_or_default())?;
            keys::check_null_bytes(&data.secret_key, &bytes, data.remote_ref.null_byte_policy.unwrap_or_default())?;
            Ok([(data.secret_key.clone(), bytes)].into_iter().collect())
        }
        (Entry::DataFrom(place), Answer::Entries(entries)) => {
            let from = &es.spec.data_from[place];
            let how = match (&from.find, &from.extract) {
                (Some(find), _) => How {
                    conversion: find.conversion_strategy.unwrap_or_default(),
                    decoding: find.decoding_strategy.unwrap_or_default(),
                    null_bytes: find.null_byte_policy.unwrap_or_default(),
                },
                (None, Some(extract)) => How {
                    conversion: extract.conversion_strategy.unwrap_or_default(),
                    decoding: extract.decoding_strategy.unwrap_or_default(),
                    null_bytes: extract.null_byte_policy.unwrap_or_default(),
                },
                (None, None) => How::default(),
            };
            let mut data = if from.rewrite.is_empty() {
                keys::convert(entries, how.conversion)?
            } else {
                rewrite::rewrite(entries, &from.rewrite, rendering)?
            };
            keys::check(&mut data)?;
            decoded(data, &how)
        }
        _ => Err(Fault::bug("a read was answered in the wrong form")),
    }
}

#[derive(Default)]
struct How {
    conversion: ConversionStrategy,
    decoding: DecodingStrategy,
    null_bytes: NullBytePolicy,
}

fn decoded(data: SecretMap, how: &How) -> Result<SecretMap, Fault> {
    let decode = |(key, value): (String, base::SecretBytes)| {
        let bytes = keys::decode(value, how.decoding)?;
        keys::check_null_bytes(&key, &bytes, how.null_bytes)?;
        Ok((key, bytes))
    };
    data.into_iter().map(decode).collect()
}
