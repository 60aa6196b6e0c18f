//! Encodings, checksums, JSON and YAML. Where sprig's functions without `must` meet what they cannot read, the answer is nothing,
//! or for base64 and base32 the message itself, as a text. Specification: ESO §8.4, §8.5.

use base::encoding::{Base64, base32};
use base::{Fault, SecretValue};
use document::{Dialect, EmitOptions, Node, ReadOptions, RepeatedKeys, Scalar, yaml};
use sha2::Digest as _;

use super::Type::{Any, Text};
use super::json::{self, Layout};
use super::{Args, Function, Outcome, Run, row};
use crate::print::DEPTH;
use crate::value::Value;

pub const SPRIG: &[Function] = &[
    row("b64enc", &[Text], |run, args| run.text(Base64::Standard.encode(args.text(0)))),
    row("b64dec", &[Text], |run, args| match Base64::Standard.decode_or_place(args.text(0)) {
        Ok(bytes) => run.text(bytes.into_exposed()),
        Err(place) => run.text(place.to_string()),
    }),
    row("b32enc", &[Text], |run, args| run.text(base32::encode(args.text(0)))),
    row("b32dec", &[Text], |run, args| match base32::decode(args.text(0)) {
        Ok(bytes) => run.text(bytes),
        Err(place) => run.text(format!("illegal base32 data at input byte {place}")),
    }),
    row("sha1sum", &[Text], |run, args| run.text(hex::encode(sha1::Sha1::digest(args.text(0))))),
    row("sha256sum", &[Text], |run, args| run.text(hex::encode(sha2::Sha256::digest(args.text(0))))),
    row("sha512sum", &[Text], |run, args| run.text(hex::encode(sha2::Sha512::digest(args.text(0))))),
    row("adler32sum", &[Text], |run, args| run.text(adler32(args.text(0)).to_string())),
    row("toJson", &[Any], |run, args| to_json(run, args, COMPACT).or_else(|_| Ok(Value::text("")))),
    row("mustToJson", &[Any], |run, args| to_json(run, args, COMPACT)),
    row("toPrettyJson", &[Any], |run, args| to_json(run, args, PRETTY).or_else(|_| Ok(Value::text("")))),
    row("mustToPrettyJson", &[Any], |run, args| to_json(run, args, PRETTY)),
    row("toRawJson", &[Any], |run, args| to_json(run, args, RAW)),
    row("mustToRawJson", &[Any], |run, args| to_json(run, args, RAW)),
    row("fromJson", &[Text], |run, args| from_json(run, args).or(Ok(Value::Nil))),
    row("mustFromJson", &[Text], from_json),
];

pub const EXTERNAL_SECRETS: &[Function] = &[
    row("toYaml", &[Any], to_yaml),
    row("fromYaml", &[Text], from_yaml),
    row("hexdec", &[Text], |run, args| {
        let bytes = hex::decode(args.text(0)).map_err(|_| "encoding/hex: the text is not in hexadecimal".to_owned())?;
        run.text(bytes)
    }),
];

const COMPACT: Layout = Layout { escapes_html: true, is_pretty: false };
const PRETTY: Layout = Layout { escapes_html: true, is_pretty: true };
const RAW: Layout = Layout { escapes_html: false, is_pretty: false };

/// The checksum of RFC 1950.
fn adler32(bytes: &[u8]) -> u32 {
    const MODULUS: u32 = 65_521;
    let (low, high) = bytes.iter().fold((1, 0), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % MODULUS;
        (low, (high + low) % MODULUS)
    });
    high << 16 | low
}

fn to_json(run: &mut Run<'_>, args: Args<'_>, layout: Layout) -> Outcome {
    run.printed(|out| json::write(out, args.any(0), layout))
}

fn from_json(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    let text = args.text(0);
    run.fuel.make(text.len().saturating_mul(4))?;
    let value = document::json::parse_value(text).map_err(|_| {
        let is_empty = text.iter().all(u8::is_ascii_whitespace);
        (if is_empty { "unexpected end of JSON input" } else { "invalid JSON" }).to_owned()
    })?;
    decoded(&value)
}

/// A value whose numbers are floats, as Go decodes them.
fn decoded(value: &SecretValue) -> Outcome {
    Ok(match value {
        SecretValue::Number(text) => match text.expose().parse::<f64>() {
            Ok(number) if number.is_finite() => Value::Float(number),
            _ => return Err("json: cannot unmarshal number into Go value of type float64".to_owned()),
        },
        SecretValue::List(items) => Value::list(items.iter().map(decoded).collect::<Result<_, _>>()?),
        SecretValue::Map(entries) => {
            let entries = entries.iter().map(|(name, value)| Ok((name.as_str(), decoded(value)?)));
            Value::map(entries.collect::<Result<Vec<_>, String>>()?)
        }
        other => Value::from(other),
    })
}

/// Kubernetes' YAML: what JSON would say, sorted, without the last line end.
fn to_yaml(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    let node = node(args.any(0), 0)?;
    let options = EmitOptions { dialect: Dialect::Go2, indent: None };
    let mut text = yaml::emit_values(&[node], &options).map_err(|fault| fault.to_string())?;
    if text.ends_with(b"\n") {
        text.pop();
    }
    run.text(text)
}

fn node(value: &Value, depth: usize) -> Result<Node, String> {
    if depth > DEPTH {
        return Err(format!("values nest deeper than {DEPTH}"));
    }
    let text = |bytes: &[u8]| Node::text(bytes.to_vec());
    Ok(match value {
        Value::Missing | Value::Nil => Node::Leaf(Scalar::Null),
        Value::Bool(truth) => Node::Leaf(Scalar::Bool(*truth)),
        Value::Int(_, number) => Node::Leaf(Scalar::Int(*number)),
        Value::Uint(_, number) => Node::Leaf(Scalar::Uint(*number)),
        Value::Float(number) => Node::Leaf(whole(*number)),
        Value::Duration(duration) => Node::Leaf(Scalar::Int(duration.nanoseconds())),
        Value::Month(month) => Node::Leaf(Scalar::Uint(u64::from(month.number()))),
        Value::Weekday(day) => Node::Leaf(Scalar::Uint(u64::from(day.number()))),
        Value::Text(bytes) => text(bytes.bytes()),
        Value::Number(bytes) => Node::Leaf(Scalar::Number(bytes.bytes().into())),
        Value::Time(moment) => text(&moment.format(b"2006-01-02T15:04:05.999999999Z07:00")),
        Value::Version(version) => text(version.to_string().as_bytes()),
        Value::List(list) if list.is_nil() => Node::Leaf(Scalar::Null),
        Value::List(list) => {
            let items = list.items().iter().map(|item| node(item, depth + 1).map(document::Element::Node));
            Node::List(items.collect::<Result<_, _>>()?)
        }
        Value::Map(map) => {
            let mut branch = document::Branch::default();
            for (name, item) in map.entries().iter() {
                branch.push(crate::runes::repaired(name.bytes()), node(item, depth + 1)?);
            }
            Node::Branch(branch)
        }
        Value::Record(record) => {
            let mut branch = document::Branch::default();
            for (name, item) in &record.fields {
                branch.push(*name, node(item, depth + 1)?);
            }
            Node::Branch(branch)
        }
    })
}

/// A float that JSON writes without a fraction is a whole number to YAML.
fn whole(number: f64) -> Scalar {
    let text = document::scalar::json(number).unwrap_or_default();
    let int = text.parse().map(Scalar::Int).or_else(|_| text.parse().map(Scalar::Uint));
    int.unwrap_or(Scalar::Float(number))
}

/// YAML through JSON: numbers are floats. What cannot be read gives a map that says so under `Error`, without the text.
fn from_yaml(run: &mut Run<'_>, args: Args<'_>) -> Outcome {
    let text = args.text(0);
    run.fuel.make(text.len().saturating_mul(4))?;
    let options = ReadOptions { dialect: Dialect::Go2, repeated_keys: RepeatedKeys::Refuse, ..ReadOptions::default() };
    let read = yaml::read_values(text, &options).and_then(|documents| match documents.into_iter().next() {
        None | Some(Node::Leaf(Scalar::Null)) => Ok(Value::map([] as [(&str, Value); 0])),
        Some(node @ Node::Branch(_)) => decoded(&SecretValue::from(node)).map_err(Fault::wrong),
        Some(_) => Err(Fault::wrong("error unmarshaling JSON: the text is no mapping")),
    });
    Ok(read.unwrap_or_else(|fault| Value::map([("Error", Value::text(fault.chain()))])))
}
