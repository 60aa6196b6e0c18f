//! The tower service under `kube::Client`: from an HTTP request to the store and back. In order: read the request, let a
//! trouble strike, ask the role, do the work, record. Every answer is the API server's: JSON, `Status` on failure.
//! Specification: design §11.3 (which requests), §19 (service).

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use http::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, Limited, StreamBody};
use kube::client::Body;
use serde_json::{Map, Value, json};
use tower::{BoxError, Service};

use crate::Shared;
use crate::discovery;
use crate::garbage::Propagation;
use crate::kinds::Kind;
use crate::patch::{self, Form};
use crate::refusal::Refusal;
use crate::request::{Attributes, Parameters, Route, route};
use crate::role::Role;
use crate::selector::Filter;
use crate::store::{Fields, Place, Store, Stored};
use crate::token;
use crate::trouble::Fate;
use crate::watch::{self, Asked, Typed};
use crate::write::{self, Deletion, Manner};

/// What the API server takes as a body.
const BODY_BYTES: usize = 3 * 1024 * 1024;
/// A watch whose client names no timeout.
const WATCH_SECONDS: u64 = 1800;
/// Whose requests carry no role.
const ADMIN: &str = "system:admin";

/// The code on record of a request that got no answer.
const UNANSWERED: u16 = 0;

type AnswerBody = UnsyncBoxBody<Bytes, BoxError>;
type Answer = Response<AnswerBody>;

/// One client's door to the sandbox.
#[derive(Clone)]
pub struct Door {
    pub(crate) shared: Arc<Shared>,
    pub(crate) role: Option<Arc<Role>>,
    /// Neither recorded nor troubled.
    pub(crate) is_quiet: bool,
}

impl Service<Request<Body>> for Door {
    type Response = Answer;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let door = self.clone();
        Box::pin(async move { door.answer(request).await })
    }
}

/// A resource request, ready to be worked on.
struct Call {
    asked: Attributes,
    parameters: Parameters,
    content_type: String,
    manager: String,
    body: Bytes,
}

/// What came out of the work.
enum Outcome {
    Json(u16, Vec<u8>),
    Watch(Box<Asked>),
}

impl Door {
    async fn answer(&self, request: Request<Body>) -> Result<Answer, BoxError> {
        let (parts, body) = request.into_parts();
        let parameters = Parameters::parse(&parts.uri);
        let asked = match route(&parts.method, &parts.uri, &parameters) {
            Route::Resource(asked) => asked,
            other => return Ok(self.finish(self.about_itself(&other))),
        };
        let manager = manager(&parameters, &parts.headers);
        let fate = if self.is_quiet { None } else { self.shared.troubles.strike(&asked) };
        if let Some(refusal) = fate.and_then(|fate| fate.refusal(&asked)) {
            self.note(&asked, &manager, refusal.code);
            return Ok(refused(&refusal));
        }
        match fate {
            Some(Fate::Hang) => {
                self.note(&asked, &manager, UNANSWERED);
                std::future::pending::<()>().await;
            }
            Some(Fate::Late(by)) => tokio::time::sleep(by).await,
            Some(Fate::Disconnect) => {
                self.note(&asked, &manager, UNANSWERED);
                return Err(broken_connection());
            }
            _ => {}
        }
        let content_type = header(&parts.headers, CONTENT_TYPE.as_str()).to_owned();
        let outcome = match Limited::new(body, BODY_BYTES).collect().await {
            Ok(body) => {
                let body = body.to_bytes();
                self.work(&Call { asked: asked.clone(), parameters, content_type, manager: manager.clone(), body })
            }
            Err(_) => Err(Refusal::too_large(BODY_BYTES)),
        };
        let code = outcome.as_ref().map_or_else(|refusal| refusal.code, Outcome::code);
        self.note(&asked, &manager, code);
        if fate == Some(Fate::LoseAnswer) {
            return Err(broken_connection());
        }
        Ok(self.finish(outcome))
    }

    fn finish(&self, outcome: Result<Outcome, Refusal>) -> Answer {
        match outcome {
            Ok(Outcome::Json(code, body)) => response(code, "application/json", whole(body)),
            Ok(Outcome::Watch(asked)) => stream(&self.shared.store, *asked),
            Err(refusal) => refused(&refusal),
        }
    }

    fn note(&self, asked: &Attributes, manager: &str, code: u16) {
        if self.is_quiet {
            return;
        }
        let user = self.role.as_ref().map_or(ADMIN, |role| role.user());
        self.shared.recorder.note(user, asked, manager, code);
    }

    fn about_itself(&self, route: &Route) -> Result<Outcome, Refusal> {
        let store = self.shared.lock();
        let answer = match route {
            Route::Version => discovery::version(),
            Route::Health => return Ok(Outcome::Json(200, b"ok".to_vec())),
            Route::CoreVersions => discovery::core_versions(),
            Route::Groups => discovery::groups(&store),
            Route::Group(group) => discovery::group(&store, group)?,
            Route::Resources(group, version) => discovery::resources(&store, group, version)?,
            Route::Resource(_) | Route::Unknown => return Err(Refusal::unknown_path()),
        };
        Ok(Outcome::value(200, &answer))
    }

    fn work(&self, call: &Call) -> Result<Outcome, Refusal> {
        if call.asked.group == "authorization.k8s.io" && call.asked.verb == "create" {
            return self.review(call);
        }
        if let Some(role) = &self.role {
            role.check(&call.asked)?;
        }
        let mut store = self.shared.lock();
        let shelf = store.shelf_of_plural(&call.asked.group, &call.asked.resource).ok_or_else(Refusal::unknown_path)?;
        let kind = Arc::clone(&store.shelves[shelf].kind);
        if !kind.versions.contains(&call.asked.version) {
            return Err(Refusal::unknown_path());
        }
        let work = Work { call, kind, shelf, shared: &self.shared, now: self.shared.clock.now() };
        work.check_subresource()?;
        match call.asked.verb.as_str() {
            "get" => work.read(&store),
            "list" => work.list(&store),
            "watch" => work.watch(&store),
            "create" if call.asked.subresource == "token" => work.token(&store),
            "create" if call.asked.name.is_empty() => work.create(&mut store),
            "update" => work.update(&mut store),
            "patch" => work.patch(&mut store),
            "delete" => work.delete(&mut store),
            "deletecollection" => work.delete_collection(&mut store),
            _ => Err(Refusal::method_not_allowed()),
        }
    }

    fn review(&self, call: &Call) -> Result<Outcome, Refusal> {
        let body = decode(&call.body)?;
        let role = self.role.as_deref();
        let answer = match call.asked.resource.as_str() {
            "selfsubjectrulesreviews" => token::rules_review(role, Value::Object(body)),
            "selfsubjectaccessreviews" => token::access_review(role, Value::Object(body)),
            _ => return Err(Refusal::unknown_path()),
        };
        Ok(Outcome::value(201, &answer))
    }
}

/// One call on a kind that is served.
struct Work<'a> {
    call: &'a Call,
    kind: Arc<Kind>,
    shelf: usize,
    shared: &'a Shared,
    now: base::Timestamp,
}

impl Work<'_> {
    fn check_subresource(&self) -> Result<(), Refusal> {
        let asked = &self.call.asked;
        match asked.subresource.as_str() {
            "" => Ok(()),
            "status" if self.kind.status => Ok(()),
            "token" if asked.resource == "serviceaccounts" => Ok(()),
            _ => Err(Refusal::unknown_path()),
        }
    }

    fn place(&self) -> Place {
        let asked = &self.call.asked;
        Place { shelf: self.shelf, namespace: asked.namespace.as_str().into(), name: asked.name.as_str().into() }
    }

    fn manner(&self) -> Manner {
        Manner {
            manager: self.call.manager.clone(),
            api_version: self.api_version(),
            now: self.now,
            dry_run: self.call.parameters.text("dryRun") == "All",
        }
    }

    fn api_version(&self) -> String {
        self.kind.api_version(&self.call.asked.version)
    }

    fn typed(&self) -> Typed {
        Typed::new(&self.kind, &self.call.asked.version)
    }

    fn show(&self, code: u16, stored: &Stored) -> Outcome {
        Outcome::Json(code, self.typed().write(stored))
    }

    fn filter(&self) -> Result<Filter, Refusal> {
        let (asked, parameters) = (&self.call.asked, &self.call.parameters);
        let namespace = (!asked.namespace.is_empty()).then(|| asked.namespace.clone());
        Filter::parse(&self.kind, namespace, parameters.text("labelSelector"), parameters.text("fieldSelector"))
    }

    fn read(&self, store: &Store) -> Result<Outcome, Refusal> {
        let place = self.place();
        let found = store.find(&place).ok_or_else(|| Refusal::not_found(&self.kind, &place.name))?;
        Ok(self.show(200, found))
    }

    fn list(&self, store: &Store) -> Result<Outcome, Refusal> {
        let parameters = &self.call.parameters;
        let at = version_of(parameters.text("resourceVersion"))?;
        if at.is_some_and(|at| at > store.version) {
            let message = format!("Too large resource version: {}, current: {}", at.unwrap_or_default(), store.version);
            return Err(Refusal::timeout(message));
        }
        // At version 0 a real server answers from its cache and ignores the page size.
        let limit = if at == Some(0) { 0 } else { parameters.number("limit").unwrap_or(0) };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let mut listings = self.shared.listings.lock().expect("nobody panics while holding the listings");
        let page = match parameters.text("continue") {
            "" => listings.first(store, self.shelf, &self.filter()?, limit),
            token => listings.next(token, limit)?,
        };
        Ok(Outcome::Json(200, self.typed().write_list(&page)))
    }

    fn watch(&self, store: &Store) -> Result<Outcome, Refusal> {
        let parameters = &self.call.parameters;
        let initial_events = parameters.is_true("sendInitialEvents");
        let from = version_of(parameters.text("resourceVersion"))?.filter(|from| *from > 0 && !initial_events);
        if from.is_some_and(|from| from > store.version) {
            return Err(Refusal::timeout(format!("Too large resource version, current: {}", store.version)));
        }
        let seconds = parameters.number("timeoutSeconds").unwrap_or(WATCH_SECONDS);
        let mut filter = self.filter()?;
        if !self.call.asked.name.is_empty() {
            filter = Filter::of_name(filter.namespace, &self.call.asked.name);
        }
        Ok(Outcome::Watch(Box::new(Asked {
            shelf: self.shelf,
            typed: self.typed(),
            filter,
            from,
            initial_events,
            bookmarks: parameters.is_true("allowWatchBookmarks"),
            timeout: Duration::from_secs(seconds),
        })))
    }

    fn token(&self, store: &Store) -> Result<Outcome, Refusal> {
        let body = Value::Object(decode(&self.call.body)?);
        token::request(store, &self.place(), body, self.now).map(|answer| Outcome::value(201, &answer))
    }

    fn create(&self, store: &mut Store) -> Result<Outcome, Refusal> {
        let fields = self.typed_body()?;
        let stored = write::create(store, self.shelf, &self.call.asked.namespace, fields, &self.manner())?;
        Ok(self.show(201, &stored))
    }

    fn update(&self, store: &mut Store) -> Result<Outcome, Refusal> {
        let fields = self.typed_body()?;
        let stored = write::update(store, &self.place(), &self.call.asked.subresource, fields, &self.manner())?;
        Ok(self.show(200, &stored))
    }

    fn patch(&self, store: &mut Store) -> Result<Outcome, Refusal> {
        let form = Form::parse(&self.call.content_type, self.kind.builtin)?;
        let place = self.place();
        let old = store.find(&place).ok_or_else(|| Refusal::not_found(&self.kind, &place.name))?;
        let mut whole = old.fields.clone();
        whole.insert("apiVersion".to_owned(), Value::from(self.api_version()));
        whole.insert("kind".to_owned(), Value::from(self.kind.kind.as_str()));
        let patched = patch::apply(form, &self.call.body, Value::Object(whole))?;
        let Value::Object(mut fields) = patched else {
            return Err(Refusal::bad_request("the patched object is no JSON object"));
        };
        fields.remove("apiVersion");
        fields.remove("kind");
        let stored = write::update(store, &place, &self.call.asked.subresource, fields, &self.manner())?;
        Ok(self.show(200, &stored))
    }

    fn delete(&self, store: &mut Store) -> Result<Outcome, Refusal> {
        let (last, gone) = write::delete(store, &self.place(), &self.deletion()?, &self.manner())?;
        if !gone {
            return Ok(self.show(200, &last));
        }
        let asked = &self.call.asked;
        let details = json!({ "name": asked.name, "group": asked.group, "kind": asked.resource, "uid": last.uid() });
        let status =
            json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details });
        Ok(Outcome::value(200, &status))
    }

    fn delete_collection(&self, store: &mut Store) -> Result<Outcome, Refusal> {
        let (deletion, manner) = (self.deletion()?, self.manner());
        for object in watch::matching(&store.shelves[self.shelf], &self.filter()?) {
            let Some(place) = store.place_of_uid(object.uid()).cloned() else { continue };
            write::delete(store, &place, &deletion, &manner)?;
        }
        let status = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success" });
        Ok(Outcome::value(200, &status))
    }

    /// The options of a delete, in its body or (the policy) as a parameter.
    fn deletion(&self) -> Result<Deletion, Refusal> {
        let options = if self.call.body.is_empty() { Map::new() } else { decode(&self.call.body)? };
        let empty = Value::Null;
        let conditions = options.get("preconditions").unwrap_or(&empty);
        let text = |key: &str| conditions[key].as_str().map(str::to_owned);
        let policy = options.get("propagationPolicy").and_then(Value::as_str);
        let propagation = match policy.unwrap_or_else(|| self.call.parameters.text("propagationPolicy")) {
            "" | "Background" => Propagation::Background,
            "Foreground" => Propagation::Foreground,
            "Orphan" => Propagation::Orphan,
            other => return Err(Refusal::bad_request(format!("invalid propagationPolicy {other:?}"))),
        };
        Ok(Deletion { uid: text("uid"), resource_version: text("resourceVersion"), propagation })
    }

    /// The body as fields; its own type must be the one that the path names.
    fn typed_body(&self) -> Result<Fields, Refusal> {
        let mut fields = decode(&self.call.body)?;
        let expected = self.api_version();
        let text = |value: Option<Value>| value.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default();
        let (version, kind) = (text(fields.remove("apiVersion")), text(fields.remove("kind")));
        if !version.is_empty() && version != expected {
            let message =
                format!("the API version in the data ({version}) does not match the expected API version ({expected})");
            return Err(Refusal::bad_request(message));
        }
        if !kind.is_empty() && kind != self.kind.kind {
            let message = format!("{kind} in version {version:?} cannot be handled as a {}", self.kind.kind);
            return Err(Refusal::bad_request(message));
        }
        Ok(fields)
    }
}

impl Outcome {
    fn value(code: u16, value: &Value) -> Self {
        Self::Json(code, value.to_string().into_bytes())
    }

    fn code(&self) -> u16 {
        match self {
            Self::Json(code, _) => *code,
            Self::Watch(_) => 200,
        }
    }
}

fn decode(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    let unreadable = |error| Refusal::bad_request(format!("the object provided is unrecognized: {error}"));
    serde_json::from_slice(body).map_err(unreadable)
}

fn version_of(text: &str) -> Result<Option<u64>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = |_| Refusal::bad_request(format!("resourceVersion: Invalid value: {text:?}: invalid syntax"));
    text.parse().map(Some).map_err(wrong)
}

/// The field manager of a write: by parameter, else the first word of the User-Agent.
fn manager(parameters: &Parameters, headers: &HeaderMap) -> String {
    let named = parameters.text("fieldManager");
    if !named.is_empty() {
        return named.to_owned();
    }
    let agent = header(headers, USER_AGENT.as_str());
    let word = agent.split('/').next().unwrap_or_default();
    if word.is_empty() { "unknown".to_owned() } else { word.to_owned() }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn broken_connection() -> BoxError {
    Box::new(std::io::Error::new(std::io::ErrorKind::ConnectionReset, "the sandbox was told to break the connection"))
}

fn stream(store: &Arc<Mutex<Store>>, asked: Asked) -> Answer {
    let frames = watch::watch(store, asked).map(|piece| Ok::<_, BoxError>(Frame::data(piece)));
    response(200, "application/json", StreamBody::new(frames).boxed_unsync())
}

fn refused(refusal: &Refusal) -> Answer {
    let mut answer = response(refusal.code, refusal.content_type(), whole(refusal.body()));
    if let Some(seconds) = refusal.retry_after_seconds {
        answer.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    answer
}

fn whole(body: Vec<u8>) -> AnswerBody {
    Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed_unsync()
}

fn response(code: u16, content_type: &'static str, body: AnswerBody) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = StatusCode::from_u16(code).expect("refusals have codes of HTTP");
    answer.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    answer
}
