//! A small AWS on 127.0.0.1: Secrets Manager, Parameter Store and STS behind one address, as `AWS_ENDPOINT_URL` wants it.
//! A request is told by its target header or its form, its service by the credential scope. Access keys are known or
//! not; signatures are not checked. It counts calls per operation and misbehaves when told to.
//! Specification: ESO §10.1–10.3, VALS §10.2, §10.14.

mod parameters;
mod secrets;
mod sts;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use base::Timestamp;
use serde_json::{Value, json};

use crate::clock::Clock;
use crate::http::{Answer, Asked, Server};

/// The access key that is known from the start, and its secret.
pub const ACCESS_KEY: &str = "AKIATESTKITTESTKIT01";
pub const SECRET_KEY: &str = "testkit-secret-key";

/// The account that everything belongs to.
const ACCOUNT: &str = "123456789012";
/// A region for who names none.
const REGION: &str = "us-east-1";

/// A running AWS.
pub struct Aws {
    server: Server,
    state: Arc<Mutex<State>>,
}

struct State {
    clock: Arc<Clock>,
    serial: u64,
    keys: BTreeMap<String, Option<Timestamp>>,
    calls: BTreeMap<String, usize>,
    denied: Vec<String>,
    secrets: BTreeMap<String, secrets::Secret>,
    parameters: BTreeMap<String, parameters::Parameter>,
    roles: Vec<sts::Assumed>,
}

/// A call that was understood.
struct Call {
    operation: String,
    region: String,
    body: Value,
    now: Timestamp,
}

impl Call {
    fn text(&self, key: &str) -> &str {
        self.body[key].as_str().unwrap_or_default()
    }

    fn items(&self, key: &str) -> &[Value] {
        self.body[key].as_array().map_or(&[], Vec::as_slice)
    }
}

/// An error of a JSON service.
struct Wrong {
    code: u16,
    kind: &'static str,
    message: String,
}

impl Wrong {
    fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self { code: 400, kind, message: message.into() }
    }
}

impl Aws {
    /// Starts by the system's clock.
    pub async fn start() -> Self {
        Self::with_clock(Arc::default()).await
    }

    /// Starts by a clock that the test moves.
    pub async fn with_clock(clock: Arc<Clock>) -> Self {
        let state = Arc::new(Mutex::new(State {
            clock,
            serial: 0,
            keys: BTreeMap::from([(ACCESS_KEY.to_owned(), None)]),
            calls: BTreeMap::new(),
            denied: Vec::new(),
            secrets: BTreeMap::new(),
            parameters: BTreeMap::new(),
            roles: Vec::new(),
        }));
        let own = Arc::clone(&state);
        let server = Server::start(move |asked| lock(&own).answer(asked)).await;
        Self { server, state }
    }

    /// `http://127.0.0.1:PORT`, for `AWS_ENDPOINT_URL`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// How often an operation (`GetSecretValue`, `AssumeRole`) was asked for.
    #[must_use]
    pub fn count(&self, operation: &str) -> usize {
        self.lock().calls.get(operation).copied().unwrap_or(0)
    }

    /// How often each operation was asked for.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, usize> {
        self.lock().calls.clone()
    }

    /// Refuses an operation, as a policy would.
    pub fn deny(&self, operation: &str) {
        self.lock().denied.push(operation.to_owned());
    }

    /// Takes every denial back.
    pub fn allow_all(&self) {
        self.lock().denied.clear();
    }

    /// Stores a secret's text; one that exists gets a new version.
    pub fn put_secret(&self, name: &str, text: &str) {
        self.lock().put_secret(name, json!({ "SecretString": text }));
    }

    /// Stores a parameter's value; one that exists gets a new version.
    pub fn put_parameter(&self, name: &str, value: &str) {
        self.lock().put_parameter(name, value);
    }

    /// The current text of a secret, whoever wrote it.
    #[must_use]
    pub fn secret(&self, name: &str) -> Option<String> {
        self.lock().secrets.get(name).and_then(secrets::Secret::current_text)
    }

    /// The tags of a secret.
    #[must_use]
    pub fn secret_tags(&self, name: &str) -> BTreeMap<String, String> {
        self.lock().secrets.get(name).map(|secret| secret.tags.clone()).unwrap_or_default()
    }

    /// The current value of a parameter, whoever wrote it.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.lock().parameters.get(name).map(|parameter| parameter.current().to_owned())
    }

    /// The roles that were assumed, in order.
    #[must_use]
    pub fn assumed(&self) -> Vec<Assumed> {
        self.lock().roles.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

pub use sts::Assumed;

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("nobody panics while holding the account")
}

impl State {
    fn answer(&mut self, asked: &Asked) -> Answer {
        let target = asked.header("x-amz-target");
        let Some((service, operation)) = target.rsplit_once('.') else { return self.answer_form(asked) };
        let refused = |wrong: Wrong| {
            let told = json!({ "__type": wrong.kind, "message": wrong.message, "Message": wrong.message });
            Answer::new(wrong.code, "application/x-amz-json-1.1", told.to_string())
                .with_header("x-amzn-requestid", "00000000-0000-4000-8000-000000000000")
        };
        let region = match self.admit(asked, operation) {
            Ok(region) => region,
            Err(wrong) => return refused(wrong),
        };
        let call = Call { operation: operation.to_owned(), region, body: asked.json(), now: self.clock.now() };
        let outcome = match service {
            "secretsmanager" => self.ask_secrets(&call),
            "AmazonSSM" => self.ask_parameters(&call),
            _ => Err(Wrong::new("UnknownOperationException", format!("no service {service} here"))),
        };
        match outcome {
            Ok(told) => Answer::new(200, "application/x-amz-json-1.1", told.to_string()),
            Err(wrong) => refused(wrong),
        }
    }

    /// Counts the call and checks who signed it; answers the region of the credential scope.
    fn admit(&mut self, asked: &Asked, operation: &str) -> Result<String, Wrong> {
        *self.calls.entry(operation.to_owned()).or_default() += 1;
        let (key, region) = scope(asked).ok_or_else(|| Wrong {
            code: 400,
            kind: "MissingAuthenticationTokenException",
            message: "Request is missing Authentication Token".to_owned(),
        })?;
        let now = self.clock.now();
        match self.keys.get(key) {
            None => {
                let message = "The security token included in the request is invalid.";
                return Err(Wrong::new("UnrecognizedClientException", message));
            }
            Some(Some(ends)) if *ends <= now => {
                let message = "The security token included in the request is expired";
                return Err(Wrong::new("ExpiredTokenException", message));
            }
            Some(_) => {}
        }
        if self.denied.iter().any(|denied| denied == operation) {
            let message =
                format!("User: arn:aws:iam::{ACCOUNT}:user/testkit is not authorized to perform: {operation}");
            return Err(Wrong::new("AccessDeniedException", message));
        }
        Ok(region.to_owned())
    }

    fn next(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }
}

/// Access key and region of `AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, …`.
fn scope(asked: &Asked) -> Option<(&str, &str)> {
    let scope = asked.header("authorization").strip_prefix("AWS4-HMAC-SHA256 ")?;
    let scope = scope.split("Credential=").nth(1)?.split([',', ' ']).next()?;
    let mut parts = scope.split('/');
    let (key, _date, region) = (parts.next()?, parts.next()?, parts.next()?);
    Some((key, region))
}

/// Seconds with fractions, as AWS' JSON tells times.
fn seconds(at: Timestamp) -> Value {
    json!(at.as_second())
}

/// `[{Key, Value}]` of a map.
fn tag_list(tags: &BTreeMap<String, String>) -> Vec<Value> {
    tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}

/// A map of `[{Key, Value}]`.
fn tag_map(list: &[Value]) -> impl Iterator<Item = (String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    list.iter().map(move |tag| (text(&tag["Key"]), text(&tag["Value"])))
}

/// One page of a list: items from the token on, and the next token.
fn page<T: Clone>(all: &[T], token: &str, size: usize) -> (Vec<T>, Option<String>) {
    let from = token.parse::<usize>().unwrap_or(0).min(all.len());
    let to = (from + size).min(all.len());
    (all[from..to].to_vec(), (to < all.len()).then(|| to.to_string()))
}
