//! What the API server was asked, out of its audit log: who, what, and when it had answered. Exact, and without a request more.
//! Not here: what the requests are judged by (`rows`).

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::time::{Instant, sleep};

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    pub user: String,
    pub verb: String,
    /// The plural, with the subresource behind a slash.
    pub resource: String,
    pub namespace: String,
    pub name: String,
    pub code: u64,
    /// When it was answered; for a watch, when it began.
    pub done: Timestamp,
}

/// The log from a moment on.
pub struct Audit {
    path: PathBuf,
    offset: u64,
    /// A line that is not whole yet.
    rest: Vec<u8>,
    requests: Vec<Request>,
}

impl Request {
    pub fn is(&self, verb: &str, resource: &str) -> bool {
        self.verb == verb && self.resource == resource
    }

    pub fn is_write(&self) -> bool {
        matches!(self.verb.as_str(), "create" | "update" | "patch" | "delete" | "deletecollection")
    }

    fn read(line: &[u8]) -> Option<Self> {
        let event: Value = serde_json::from_slice(line).ok()?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (verb, stage, at) = (text(&event["verb"]), text(&event["stage"]), &event["objectRef"]);
        // A watch is told twice: when it begins and when it ends.
        if stage != if verb == "watch" { "ResponseStarted" } else { "ResponseComplete" } {
            return None;
        }
        let resource = match at["subresource"].as_str() {
            Some(part) => format!("{}/{part}", text(&at["resource"])),
            None => text(&at["resource"]),
        };
        Some(Self {
            user: text(&event["user"]["username"]),
            verb,
            resource,
            namespace: text(&at["namespace"]),
            name: text(&at["name"]),
            code: event["responseStatus"]["code"].as_u64().unwrap_or_default(),
            done: event["stageTimestamp"].as_str()?.parse().ok()?,
        })
    }
}

impl Audit {
    /// Everything that is asked from now on.
    pub fn from_now(path: &std::path::Path) -> Result<Self, String> {
        let offset = std::fs::metadata(path).map_err(|error| format!("there is no audit log: {error}"))?.len();
        Ok(Self { path: path.to_owned(), offset, rest: Vec::new(), requests: Vec::new() })
    }

    /// The requests so far.
    pub fn requests(&mut self) -> Result<&[Request], String> {
        let failed = |error: std::io::Error| format!("cannot read the audit log: {error}");
        let mut file = File::open(&self.path).map_err(failed)?;
        file.seek(SeekFrom::Start(self.offset)).map_err(failed)?;
        let mut bytes = std::mem::take(&mut self.rest);
        self.offset += file.read_to_end(&mut bytes).map_err(failed)? as u64;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        self.rest = bytes.split_off(whole);
        self.requests.extend(bytes.split(|byte| *byte == b'\n').filter_map(Request::read));
        Ok(&self.requests)
    }

    /// Those of one user that fit.
    pub fn of(&mut self, user: &str, fits: impl Fn(&Request) -> bool) -> Result<Vec<Request>, String> {
        Ok(self.requests()?.iter().filter(|request| request.user == user && fits(request)).cloned().collect())
    }

    /// What a user asked for its work: all but watches, which stand for hours, and leases, which tick by the clock.
    pub fn work(&mut self, user: &str) -> Result<Vec<Request>, String> {
        self.of(user, |request| request.verb != "watch" && request.resource != "leases")
    }

    /// Waits until so many requests fit, and answers them.
    pub async fn until(
        &mut self,
        user: &str,
        count: usize,
        patience: Duration,
        fits: impl Fn(&Request) -> bool,
    ) -> Result<Vec<Request>, String> {
        let end = Instant::now() + patience;
        loop {
            let found = self.of(user, &fits)?;
            if found.len() >= count {
                return Ok(found);
            }
            if Instant::now() > end {
                return Err(format!("{} of {count} requests were made within {} s", found.len(), patience.as_secs()));
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until a user has asked nothing for a while.
    pub async fn quiet(&mut self, user: &str, quiet: Duration, patience: Duration) -> Result<(), String> {
        let end = Instant::now() + patience;
        loop {
            let before = self.work(user)?.len();
            sleep(quiet).await;
            if self.work(user)?.len() == before {
                return Ok(());
            }
            if Instant::now() > end {
                return Err(format!("it was not at rest after {} s", patience.as_secs()));
            }
        }
    }
}

/// From one moment to another.
pub fn milliseconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64() * 1e3
}

/// From the first answer of the one to the last answer of the other, in seconds.
pub fn seconds_between(first: &[Request], last: &[Request]) -> f64 {
    let (from, to) = (first.iter().map(|request| request.done).min(), last.iter().map(|request| request.done).max());
    from.zip(to).map_or(f64::NAN, |(from, to)| milliseconds(from, to) / 1e3)
}
