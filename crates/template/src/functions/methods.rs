//! The methods of values that templates meet: `now.Format "2006"`, `(semver "1.2.3").Major`. A method is a function whose first
//! parameter is the value. What Go has beyond these needs types that no template can make.

use base::duration::GoDuration;

use super::Type::{Duration, Int, Text, Time, Value as Own, Version};
use super::{Args, Function, Outcome, row};
use crate::moment::{Month, Weekday, Zone};
use crate::value::{UintType, Value};

/// The method of that name, where the value has it.
pub fn method(value: &Value, name: &str) -> Option<&'static Function> {
    let table = match value {
        Value::Time(_) => TIME,
        Value::Duration(_) => DURATION,
        Value::Version(_) => VERSION,
        Value::Month(_) | Value::Weekday(_) => NAMED,
        Value::Number(_) => NUMBER,
        _ => return None,
    };
    table.iter().find(|function| function.name == name)
}

const TIME: &[Function] = &[
    row("Format", &[Time, Text], |run, args| {
        let text = moment(args, 0).format(args.text(1));
        run.text(text)
    }),
    row("String", &[Time], |run, args| run.text(moment(args, 0).to_string())),
    row("Year", &[Time], |_, args| Ok(Value::int(i64::from(moment(args, 0).civil().year())))),
    row("Month", &[Time], |_, args| Ok(Value::Month(Month(moment(args, 0).civil().month())))),
    row("Day", &[Time], |_, args| Ok(Value::int(i64::from(moment(args, 0).civil().day())))),
    row("Hour", &[Time], |_, args| Ok(Value::int(i64::from(moment(args, 0).civil().hour())))),
    row("Minute", &[Time], |_, args| Ok(Value::int(i64::from(moment(args, 0).civil().minute())))),
    row("Second", &[Time], |_, args| Ok(Value::int(i64::from(moment(args, 0).civil().second())))),
    row("Nanosecond", &[Time], |_, args| Ok(Value::int(i64::from(moment(args, 0).civil().subsec_nanosecond())))),
    row("Weekday", &[Time], |_, args| {
        Ok(Value::Weekday(Weekday(moment(args, 0).civil().date().weekday().to_sunday_zero_offset())))
    }),
    row("YearDay", &[Time], |_, args| Ok(Value::int(i64::from(moment(args, 0).civil().date().day_of_year())))),
    row("Unix", &[Time], |_, args| Ok(Value::int64(moment(args, 0).unix()))),
    row("UnixMilli", &[Time], |_, args| Ok(counted(args, 1_000_000))),
    row("UnixMicro", &[Time], |_, args| Ok(counted(args, 1_000))),
    row("UnixNano", &[Time], |_, args| Ok(counted(args, 1))),
    row("UTC", &[Time], |_, args| Ok(Value::Time(moment(args, 0).in_zone(Zone::Utc)))),
    row("Local", &[Time], |_, args| Ok(Value::Time(moment(args, 0).in_zone(Zone::Utc)))),
    row("IsZero", &[Time], |_, args| Ok(Value::Bool(moment(args, 0).is_zero()))),
    row("Add", &[Time, Duration], |_, args| Ok(Value::Time(moment(args, 0).later(span(args, 1))))),
    row("Sub", &[Time, Time], |_, args| Ok(Value::Duration(moment(args, 0).since(moment(args, 1))))),
    row("AddDate", &[Time, Int, Int, Int], |_, args| {
        let later = moment(args, 0).later_date(args.int(1), args.int(2), args.int(3));
        later.map(Value::Time).ok_or_else(|| "the date is beyond the calendar".to_owned())
    }),
    row("After", &[Time, Time], |_, args| Ok(Value::Bool(moment(args, 0).at() > moment(args, 1).at()))),
    row("Before", &[Time, Time], |_, args| Ok(Value::Bool(moment(args, 0).at() < moment(args, 1).at()))),
    row("Equal", &[Time, Time], |_, args| Ok(Value::Bool(moment(args, 0).at() == moment(args, 1).at()))),
    row("Compare", &[Time, Time], |_, args| Ok(Value::int(moment(args, 0).at().cmp(&moment(args, 1).at()) as i64))),
];

const DURATION: &[Function] = &[
    row("String", &[Duration], |run, args| run.text(span(args, 0).to_string())),
    row("Nanoseconds", &[Duration], |_, args| Ok(Value::int64(span(args, 0).nanoseconds()))),
    row("Microseconds", &[Duration], |_, args| Ok(Value::int64(span(args, 0).nanoseconds() / 1_000))),
    row("Milliseconds", &[Duration], |_, args| Ok(Value::int64(span(args, 0).nanoseconds() / 1_000_000))),
    row("Seconds", &[Duration], |_, args| Ok(Value::Float(span(args, 0).seconds()))),
    row("Minutes", &[Duration], |_, args| Ok(Value::Float(span(args, 0).seconds() / 60.0))),
    row("Hours", &[Duration], |_, args| Ok(Value::Float(span(args, 0).seconds() / 3600.0))),
    row("Abs", &[Duration], |_, args| {
        Ok(Value::Duration(GoDuration::from_nanoseconds(span(args, 0).nanoseconds().saturating_abs())))
    }),
];

const VERSION: &[Function] = &[
    row("Major", &[Version], |_, args| Ok(part(version(args, 0).parsed.major))),
    row("Minor", &[Version], |_, args| Ok(part(version(args, 0).parsed.minor))),
    row("Patch", &[Version], |_, args| Ok(part(version(args, 0).parsed.patch))),
    row("Prerelease", &[Version], |run, args| run.text(version(args, 0).parsed.pre.as_str())),
    row("Metadata", &[Version], |run, args| run.text(version(args, 0).parsed.build.as_str())),
    row("Original", &[Version], |run, args| run.text(version(args, 0).original.as_str())),
    row("String", &[Version], |run, args| run.text(version(args, 0).to_string())),
    row("Compare", &[Version, Version], |_, args| Ok(Value::int(version(args, 0).compare(version(args, 1)) as i64))),
    row("Equal", &[Version, Version], |_, args| compared(args, std::cmp::Ordering::is_eq)),
    row("GreaterThan", &[Version, Version], |_, args| compared(args, std::cmp::Ordering::is_gt)),
    row("GreaterThanEqual", &[Version, Version], |_, args| compared(args, std::cmp::Ordering::is_ge)),
    row("LessThan", &[Version, Version], |_, args| compared(args, std::cmp::Ordering::is_lt)),
    row("LessThanEqual", &[Version, Version], |_, args| compared(args, std::cmp::Ordering::is_le)),
];

const NAMED: &[Function] = &[row("String", &[Own], |run, args| {
    run.text(match args.any(0) {
        Value::Month(month) => month.name(),
        Value::Weekday(day) => day.name(),
        _ => "",
    })
})];

const NUMBER: &[Function] = &[
    row("String", &[Own], |_, args| Ok(Value::Text(number(args).clone()))),
    row("Int64", &[Own], |_, args| {
        let text = std::str::from_utf8(number(args).bytes()).ok().and_then(|text| text.parse().ok());
        text.map(Value::int64).ok_or_else(|| "strconv.ParseInt: invalid syntax".to_owned())
    }),
    row("Float64", &[Own], |_, args| {
        let text = std::str::from_utf8(number(args).bytes()).ok().and_then(super::convert::parsed_float);
        text.map(Value::Float).ok_or_else(|| "strconv.ParseFloat: invalid syntax".to_owned())
    }),
];

/// Units of so many nanoseconds since 1970.
fn counted(args: Args<'_>, nanoseconds: i128) -> Value {
    Value::int64(i64::try_from(moment(args, 0).nanoseconds().div_euclid(nanoseconds)).unwrap_or(i64::MAX))
}

fn part(number: u64) -> Value {
    Value::Uint(UintType::Uint64, number)
}

fn compared(args: Args<'_>, accept: fn(std::cmp::Ordering) -> bool) -> Outcome {
    Ok(Value::Bool(accept(version(args, 0).compare(version(args, 1)))))
}

fn moment(args: Args<'_>, index: usize) -> &crate::moment::Moment {
    match args.any(index) {
        Value::Time(moment) => moment,
        _ => unreachable!("the evaluator checked that argument {index} is a time"),
    }
}

fn span(args: Args<'_>, index: usize) -> GoDuration {
    match args.any(index) {
        Value::Duration(duration) => *duration,
        _ => unreachable!("the evaluator checked that argument {index} is a duration"),
    }
}

fn version(args: Args<'_>, index: usize) -> &crate::version::Version {
    match args.any(index) {
        Value::Version(version) => version,
        _ => unreachable!("the evaluator checked that argument {index} is a version"),
    }
}

fn number(args: Args<'_>) -> &crate::value::Text {
    match args.any(0) {
        Value::Number(text) => text,
        _ => unreachable!("only a number has these methods"),
    }
}
