//! A server with a table of answers, for providers whose service is not worth imitating: each line is a request and what
//! it was answered. A request that no line expects gets 501 and is remembered, so that a test can see it.
//! Specification: design §6 (recorded answers), §9 (tests of a provider).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use serde::Deserialize;
use serde_json::Value;

use super::{Answer, Asked, Server};

/// One line of the table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    /// `GET /path?query`; without a query any query fits.
    request: String,
    /// What the body must contain, as JSON: every field that stands here must be there.
    #[serde(default)]
    body: Value,
    #[serde(default = "ok")]
    code: u16,
    /// JSON; a text is sent as it is.
    #[serde(default)]
    answer: Value,
    /// How often this line answers; the last one that fits stays.
    #[serde(default = "once")]
    times: u32,
}

fn ok() -> u16 {
    200
}

fn once() -> u32 {
    1
}

#[derive(Default)]
struct Table {
    lines: VecDeque<Line>,
    unexpected: Vec<String>,
}

/// A server of recorded answers.
pub struct Recorded {
    server: Server,
    table: Arc<Mutex<Table>>,
}

impl Recorded {
    /// Starts with a table in YAML (or JSON): a list of `request`, `body`, `code`, `answer`, `times`.
    ///
    /// # Panics
    /// If the table cannot be read.
    pub async fn start(table: &str) -> Self {
        let lines: Vec<Line> = serde_saphyr::from_str(table).expect("a table of recorded answers");
        let table = Arc::new(Mutex::new(Table { lines: lines.into(), unexpected: Vec::new() }));
        let own = Arc::clone(&table);
        let server = Server::start(move |asked| lock(&own).answer(asked)).await;
        Self { server, table }
    }

    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Requests that no line expected, and lines that nobody asked for.
    #[must_use]
    pub fn surprises(&self) -> Vec<String> {
        let table = lock(&self.table);
        let unused = table.lines.iter().filter(|line| line.times > 0);
        let unused = unused.map(|line| format!("not asked: {}", line.request));
        table.unexpected.iter().map(|one| format!("not expected: {one}")).chain(unused).collect()
    }
}

fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().expect("nobody panics while holding the table")
}

impl Table {
    fn answer(&mut self, asked: &Asked) -> Answer {
        let at = self.lines.iter().position(|line| line.times > 0 && line.fits(asked));
        let Some(at) = at else {
            self.unexpected.push(format!("{} {}", asked.method, asked.path));
            return Answer::new(501, "text/plain", "no recorded answer");
        };
        let line = &mut self.lines[at];
        line.times -= 1;
        match &line.answer {
            Value::Null => Answer::empty(line.code),
            Value::String(text) => Answer::new(line.code, "text/plain", text.clone()),
            value => Answer::json(line.code, value),
        }
    }
}

impl Line {
    fn fits(&self, asked: &Asked) -> bool {
        let (method, target) = self.request.split_once(' ').unwrap_or(("GET", &self.request));
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let wanted = |query: &str| url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        method == asked.method.as_str()
            && path == asked.path
            && query.is_none_or(|query| asked.query == wanted(query))
            && contains(&asked.json(), &self.body)
    }
}

/// Whether every field of `part` stands in `whole` with the same value.
fn contains(whole: &Value, part: &Value) -> bool {
    match part {
        Value::Null => true,
        Value::Object(fields) => {
            fields.iter().all(|(key, value)| whole.get(key).is_some_and(|found| contains(found, value)))
        }
        other => whole == other,
    }
}
