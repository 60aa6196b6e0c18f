//! Log lines in the peers' forms, on stderr or stdout as the peer has it: people grep them, and collectors parse them.
//! One layer over `tracing`; the form is all that differs. Specification: RL §15.3, SS §13.2, ESO §12.1.

use std::fmt::Write as _;
use std::io::Write as _;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// logrus' text: `time="…" level=info msg="…" key=value`.
    Logrus,
    /// logrus' JSON: keys `level`, `msg`, `time`.
    LogrusJson,
    /// slog's text: `time=… level=INFO msg="…" key=value`.
    Slog,
    /// slog's JSON.
    SlogJson,
    /// zap's JSON as controller-runtime writes it: `level`, `ts`, `msg`.
    Zap,
    /// The same with a date in the place of the number.
    ZapDated,
    /// A command's own: `warning: …`.
    Command,
}

impl Form {
    /// zap's form for a `--zap-time-encoding`: a number of whole seconds, or a date. None: zap knows no such encoding.
    #[must_use]
    pub fn of_zap_time(encoding: &str) -> Option<Self> {
        match encoding {
            "epoch" | "millis" | "nano" => Some(Self::Zap),
            "iso8601" | "rfc3339" | "rfc3339nano" => Some(Self::ZapDated),
            _ => None,
        }
    }
}

/// Where lines go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// All to stderr.
    Stderr,
    /// Up to INFO to stdout, the rest to stderr.
    Split,
}

/// Starts logging for the process; a second start is ignored.
pub fn start(form: Form, to: To, level: Level) {
    // kube and hyper speak below our own level only when they warn.
    let ours = tracing_subscriber::filter::Targets::new()
        .with_default(Level::WARN)
        // What a watch has to say is told once by our own caches.
        .with_target("kube_runtime", Level::ERROR)
        // Each failed request comes back to whom it concerns, who tells it with its object, once; in an outage these lines would be all.
        .with_target("kube_client", LevelFilter::OFF)
        .with_target("keywright", level)
        .with_target("operator", level)
        .with_target("providers", level)
        .with_target("wire", level);
    let layer = Lines { form, to }.with_filter(ours);
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer));
}

struct Lines {
    form: Form,
    to: To,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let level = *event.metadata().level();
        let line = line(self.form, level, jiff::Timestamp::now(), &fields);
        // A closed stream must not stop the work.
        let _ = if self.to == To::Split && level >= Level::INFO {
            writeln!(std::io::stdout(), "{line}")
        } else {
            writeln!(std::io::stderr(), "{line}")
        };
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(&'static str, String)>,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}

impl Fields {
    fn put(&mut self, field: &Field, value: String) {
        if field.name() == "message" {
            self.message = value;
        } else {
            self.others.push((field.name(), value));
        }
    }
}

fn line(form: Form, level: Level, now: jiff::Timestamp, fields: &Fields) -> String {
    let seconds = now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let millis = now.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
    let lower = level.as_str().to_ascii_lowercase();
    let lower = if lower == "warn" && matches!(form, Form::Logrus | Form::LogrusJson) { "warning" } else { &lower };
    match form {
        Form::Command => format!("{}: {}", if lower == "warn" { "warning" } else { lower }, fields.message),
        Form::Logrus => {
            let mut line = format!("time={seconds:?} level={lower} msg={:?}", fields.message);
            append(&mut line, fields);
            line
        }
        Form::Slog => {
            let mut line = format!("time={millis} level={} msg={}", level.as_str(), quoted(&fields.message));
            append(&mut line, fields);
            line
        }
        Form::LogrusJson => {
            json(fields, [("level", lower.into()), ("msg", fields.message.as_str().into()), ("time", seconds.into())])
        }
        Form::SlogJson => json(
            fields,
            [("time", millis.into()), ("level", level.as_str().into()), ("msg", fields.message.as_str().into())],
        ),
        Form::ZapDated => {
            json(fields, [("level", lower.into()), ("ts", seconds.into()), ("msg", fields.message.as_str().into())])
        }
        Form::Zap => json(
            fields,
            [("level", lower.into()), ("ts", now.as_second().into()), ("msg", fields.message.as_str().into())],
        ),
    }
}

fn append(line: &mut String, fields: &Fields) {
    for (name, value) in &fields.others {
        let _ = write!(line, " {name}={}", quoted(value));
    }
}

/// A value is quoted where it would not be one word.
fn quoted(value: &str) -> String {
    let is_word = !value.is_empty() && value.chars().all(|c| c.is_ascii_graphic() && !matches!(c, '"' | '='));
    if is_word { value.to_owned() } else { format!("{value:?}") }
}

fn json<const N: usize>(fields: &Fields, head: [(&str, Value); N]) -> String {
    let mut object: Map<String, Value> = head.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    object.extend(fields.others.iter().map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str()))));
    Value::Object(object).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_the_peers() {
        let fields =
            Fields { message: "it is \"done\"".into(), others: vec![("key", "a b".into()), ("n", "1".into())] };
        let now = jiff::Timestamp::from_second(1_754_900_000).expect("a test's own timestamp");
        for (form, expected) in [
            (Form::Logrus, r#"time="2025-08-11T08:13:20Z" level=warning msg="it is \"done\"" key="a b" n=1"#),
            (Form::Slog, r#"time=2025-08-11T08:13:20.000Z level=WARN msg="it is \"done\"" key="a b" n=1"#),
            (
                Form::LogrusJson,
                r#"{"key":"a b","level":"warning","msg":"it is \"done\"","n":"1","time":"2025-08-11T08:13:20Z"}"#,
            ),
            (Form::Command, "warning: it is \"done\""),
            (
                Form::ZapDated,
                r#"{"key":"a b","level":"warn","msg":"it is \"done\"","n":"1","ts":"2025-08-11T08:13:20Z"}"#,
            ),
            (Form::Zap, r#"{"key":"a b","level":"warn","msg":"it is \"done\"","n":"1","ts":1754900000}"#),
        ] {
            assert_eq!(line(form, Level::WARN, now, &fields), expected);
        }
    }
}
