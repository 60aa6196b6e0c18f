//! sprig's dates. A date is a moment, or seconds since 1970; anything else is now. The local zone is UTC.
//! Layouts and zones are `moment`'s. Specification: ESO §8.5.

use base::Timestamp;
use base::duration::GoDuration;

use super::Type::{Any, Text, Time};
use super::{Args, Function, Outcome, Run, convert, letters, row};
use crate::moment::{self, Moment, Zone};
use crate::value::{IntType, Value};

pub const SPRIG: &[Function] = &[
    row("now", &[], |run, _| Ok(Value::Time(Moment::utc(run.now)))),
    row("date", &[Text, Any], |run, args| {
        let moment = date(run, args.any(1)).in_zone(Zone::Utc);
        run.text(moment.format(args.text(0)))
    }),
    row("dateInZone", &[Text, Any, Text], date_in_zone),
    row("date_in_zone", &[Text, Any, Text], date_in_zone),
    row("htmlDate", &[Any], |run, args| {
        let moment = date(run, args.any(0)).in_zone(Zone::Utc);
        run.text(moment.format(b"2006-01-02"))
    }),
    row("htmlDateInZone", &[Any, Text], |run, args| {
        let moment = date(run, args.any(0)).in_zone(zone(args.text(1)));
        run.text(moment.format(b"2006-01-02"))
    }),
    row("dateModify", &[Text, Time], |_, args| Ok(modified(args).unwrap_or_else(|_| args.any(1).clone()))),
    row("date_modify", &[Text, Time], |_, args| Ok(modified(args).unwrap_or_else(|_| args.any(1).clone()))),
    row("mustDateModify", &[Text, Time], |_, args| modified(args)),
    row("must_date_modify", &[Text, Time], |_, args| modified(args)),
    row("toDate", &[Text, Text], |_, args| {
        Ok(Value::Time(moment::parse(args.text(0), args.text(1)).unwrap_or_else(Moment::zero)))
    }),
    row("mustToDate", &[Text, Text], |_, args| {
        let layout = crate::runes::quoted(args.text(0));
        let read = moment::parse(args.text(0), args.text(1));
        read.map(Value::Time).ok_or_else(|| format!("parsing time as {layout}: the text does not fit"))
    }),
    row("unixEpoch", &[Time], |run, args| {
        let moment = date(run, args.any(0));
        run.text(moment.unix().to_string())
    }),
    row("ago", &[Any], |run, args| {
        let moment = date(run, args.any(0));
        let seconds = Moment::utc(run.now).since(&moment).seconds().round();
        run.text(seconds_of(seconds).to_string())
    }),
    row("duration", &[Any], |run, args| {
        let seconds = match args.any(0) {
            Value::Int(IntType::Int64, seconds) => *seconds,
            Value::Text(text) => convert::atoi(text.bytes()),
            _ => 0,
        };
        run.text(GoDuration::from_nanoseconds(seconds.wrapping_mul(1_000_000_000)).to_string())
    }),
    row("durationRound", &[Any], |run, args| {
        let duration = span(run, args.any(0));
        run.text(rounded(duration))
    }),
];

/// What counts as a date.
fn date(run: &Run<'_>, value: &Value) -> Moment {
    match value {
        Value::Time(moment) => moment.clone(),
        Value::Int(_, seconds) => Moment::utc(Timestamp::from_second(*seconds).unwrap_or(run.now)),
        _ => Moment::utc(run.now),
    }
}

/// The zone of that name; UTC where there is none.
fn zone(name: &[u8]) -> Zone {
    Zone::named(&letters(name)).unwrap_or(Zone::Utc)
}

fn date_in_zone(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    let moment = date(run, args.any(1)).in_zone(zone(args.text(2)));
    run.text(moment.format(args.text(0)))
}

fn modified(args: Args<'_>) -> Outcome {
    // Go's message goes on with the text itself.
    let told = |error: base::duration::DurationError| {
        let message = error.to_string();
        message.split_once(" \"").map_or(message.clone(), |(reason, _)| reason.to_owned())
    };
    let span = GoDuration::parse(&letters(args.text(0))).map_err(told)?;
    match args.any(1) {
        Value::Time(moment) => Ok(Value::Time(moment.later(span))),
        other => Ok(other.clone()),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a float as an integer saturates")]
fn seconds_of(seconds: f64) -> GoDuration {
    GoDuration::from_seconds(seconds as i64)
}

/// A duration's text, nanoseconds, or the time since a moment.
fn span(run: &Run<'_>, value: &Value) -> GoDuration {
    match value {
        Value::Text(text) => GoDuration::parse(&letters(text.bytes())).unwrap_or_default(),
        Value::Int(IntType::Int64, number) => GoDuration::from_nanoseconds(*number),
        Value::Time(moment) => Moment::utc(run.now).since(moment),
        _ => GoDuration::ZERO,
    }
}

/// The largest unit that fits more than once, alone: `2h`, `3mo`, `1y`; the sign is dropped.
fn rounded(duration: GoDuration) -> String {
    const UNITS: [(u64, &str); 6] =
        [(31_536_000, "y"), (2_592_000, "mo"), (86_400, "d"), (3600, "h"), (60, "m"), (1, "s")];
    const SECOND: u64 = 1_000_000_000;
    let nanoseconds = duration.nanoseconds().unsigned_abs();
    let unit = UNITS.iter().find(|(size, _)| nanoseconds > size * SECOND);
    unit.map_or_else(|| "0s".to_owned(), |(size, name)| format!("{}{name}", nanoseconds / (size * SECOND)))
}
