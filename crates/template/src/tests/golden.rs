//! Reads the cases and what Go answered, runs them here and compares.

use super::{Engine, Family, MissingKey, SecretValue, Value, run, runes};
use crate::literal;
use crate::value::Text;

/// Messages that Go fills with a value, or that come from another library; up to this word they must agree.
const HEADS: &[&str] = &[
    ": range can't iterate over ",
    ": can't use ",
    "error calling urlParse: unable to parse url: ",
    "error calling mustFromJson: ",
    "error calling mustToDate: parsing time ",
    "error calling mustDateModify: time: ",
    "error calling must_date_modify: time: ",
    "error calling semverCompare: improper constraint",
    "error calling Int64: strconv.ParseInt: ",
    "error calling semver: Error parsing version segment: strconv.ParseUint: ",
    "error calling urlJoin: unable to parse userinfo in dict: ",
    "error calling decryptAES: ",
    "error calling genSelfSignedCert: error parsing ip: ",
    "error calling genSelfSignedCert: error processing alternate dns name: ",
    "error calling mustRegexMatch: ",
    "error calling regexFind: ",
    "error calling mustRegexFind: ",
    "error calling eq: non-comparable type",
    "error calling ne: non-comparable type",
];

macro_rules! corpus {
    ($($name:ident),* $(,)?) => {$(
        #[test]
        fn $name() {
            compare(
                stringify!($name),
                include_str!(concat!("../../golden/cases/", stringify!($name), ".txt")),
                include_str!(concat!("../../golden/expected/", stringify!($name), ".txt")),
            );
        }
    )*};
}

corpus!(functions, syntax, errors, printing, words, lines, numbers, containers, dates, encodings, texts, keys);

struct Settings<'a> {
    engine: Engine,
    /// Which data, whether its numbers are kept as written, and whether its values are texts.
    data: (&'a str, bool, bool),
}

fn compare(name: &str, cases: &str, expected: &str) {
    let mut settings = settings("");
    let mut answers = expected.lines();
    let mut count = 0;
    let mut wrong = Vec::new();
    for (number, line) in cases.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        if let Some(words) = line.strip_prefix('%') {
            settings = self::settings(words);
            continue;
        }
        let answer = answers.next().expect("an answer for every case: run golden/main.go");
        let ours = match run(settings.engine.clone(), &line.replace('⏎', "\n"), &loaded(settings.data)) {
            Ok(output) => ('=', output),
            Err(message) => ('!', message.into_bytes()),
        };
        count += 1;
        if !agrees(&ours, answer) {
            let text = runes::quoted(&ours.1);
            wrong.push(format!("{name}:{}: {line}\n  go   {answer}\n  ours {} {text}", number + 1, ours.0));
        }
    }
    assert!(answers.next().is_none(), "more answers than cases in {name}: run golden/main.go");
    assert!(wrong.is_empty(), "{} of {count} cases differ:\n{}", wrong.len(), wrong.join("\n"));
}

fn agrees(ours: &(char, Vec<u8>), answer: &str) -> bool {
    let (kind, quoted) = (answer.chars().next(), answer.get(2..).unwrap_or_default());
    let theirs = literal::unquoted(quoted.as_bytes()).expect("Go quotes its answers");
    if kind != Some(ours.0) {
        return false;
    }
    if ours.0 == '=' {
        return ours.1 == theirs;
    }
    let (ours, theirs) = (String::from_utf8_lossy(&ours.1), String::from_utf8_lossy(&theirs));
    ours == theirs || HEADS.iter().any(|head| cut(&ours, head).is_some_and(|ours| Some(ours) == cut(&theirs, head)))
}

fn cut<'a>(text: &'a str, head: &str) -> Option<&'a str> {
    text.find(head).map(|at| &text[..at + head.len()])
}

fn settings(words: &str) -> Settings<'_> {
    let mut engine = Engine::new(Family::SealedSecrets, MissingKey::NoValue);
    let (mut data, mut verbatim, mut texts) = ("plain", false, false);
    for (name, value) in words.split_whitespace().filter_map(|word| word.split_once('=')) {
        match (name, value) {
            ("functions", "go") => engine.family = Family::Go,
            ("functions", "sprig") => engine.family = Family::SealedSecrets,
            ("missingkey", "error") => engine.missing_key = MissingKey::Error,
            ("missingkey", "default") => {}
            ("left", left) => engine.left = left.to_owned().into(),
            ("right", right) => engine.right = right.to_owned().into(),
            ("data", name) => data = name,
            ("numbers", kind) => verbatim = kind == "verbatim",
            ("values", kind) => texts = kind == "string",
            (name, value) => panic!("unknown setting {name}={value}"),
        }
    }
    Settings { engine, data: (data, verbatim, texts) }
}

fn loaded((name, verbatim, texts): (&str, bool, bool)) -> Value {
    let text = match name {
        "plain" => include_str!("../../golden/data/plain.json"),
        "texts" => include_str!("../../golden/data/texts.json"),
        "vault" => include_str!("../../golden/data/vault.json"),
        other => panic!("unknown data {other}"),
    };
    let value = document::json::parse_value(text.as_bytes()).expect("the data is JSON");
    match (verbatim, texts) {
        (_, true) => {
            let SecretValue::Map(entries) = &value else { panic!("texts are a map") };
            Value::texts(entries.iter().map(|(name, value)| match value {
                SecretValue::Text(text) => (name.as_str(), Text::from(text.expose())),
                _ => panic!("{name} is no text"),
            }))
        }
        (true, false) => Value::from(&value),
        (false, false) => floats(&value),
    }
}

fn floats(value: &SecretValue) -> Value {
    match value {
        SecretValue::Number(text) => Value::Float(text.expose().parse().expect("a number")),
        SecretValue::List(items) => Value::list(items.iter().map(floats).collect()),
        SecretValue::Map(entries) => Value::map(entries.iter().map(|(name, value)| (name.as_str(), floats(value)))),
        other => Value::from(other),
    }
}
