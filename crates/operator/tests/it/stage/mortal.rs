//! A client that notes what a process writes, and of which it can be said at which request the process is killed: from then on
//! nothing leaves it and nothing reaches it, on the sandbox as on a real API server. Not here: the end itself (`Stage::kill`).

use std::sync::{Arc, Mutex, PoisonError};

use http::{Method, Request, Response};
use kube::client::Body;
use tokio::sync::watch;

/// At which write a process is killed.
#[derive(Clone, Copy, Debug)]
pub struct Death {
    /// Such as `PUT sealedsecrets/status`.
    pub at: &'static str,
    /// Whether the server has done it all the same.
    pub is_done: bool,
}

/// One life of a process, as its requests tell it.
#[derive(Clone)]
pub struct Mortal(Arc<Life>);

struct Life {
    death: Option<Death>,
    is_dead: watch::Sender<bool>,
    writes: Mutex<Vec<String>>,
}

impl Mortal {
    pub fn new(death: Option<Death>) -> Self {
        Self(Arc::new(Life { death, is_dead: watch::Sender::new(false), writes: Mutex::default() }))
    }

    pub fn will_die(&self) -> bool {
        self.0.death.is_some()
    }

    /// Waits until the process is dead.
    pub async fn dead(&self) {
        let mut is_dead = self.0.is_dead.subscribe();
        is_dead.wait_for(|is_dead| *is_dead).await.expect("the life is held here");
    }

    /// What the process wrote, sorted: some writes are independent of each other.
    pub fn writes(&self) -> Vec<String> {
        let mut writes = self.0.writes.lock().unwrap_or_else(PoisonError::into_inner).clone();
        writes.sort();
        writes
    }

    /// The client of this life.
    pub fn client(&self, inner: kube::Client, namespace: &str) -> kube::Client {
        let mortal = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let (mortal, inner) = (mortal.clone(), inner.clone());
            async move { mortal.send(&inner, request).await }
        });
        kube::Client::new(service, namespace)
    }

    async fn send(&self, inner: &kube::Client, request: Request<Body>) -> Result<Response<Body>, kube::Error> {
        let write = write_of(&request);
        let death = self.0.death.filter(|death| write.as_deref() == Some(death.at));
        self.unless_dead().await;
        if death.is_some_and(|death| !death.is_done) {
            self.die().await;
        }
        let answer = inner.send(request).await;
        self.0.writes.lock().unwrap_or_else(PoisonError::into_inner).extend(write);
        if death.is_some() {
            self.die().await;
        }
        self.unless_dead().await;
        answer
    }

    async fn die(&self) {
        self.0.is_dead.send_replace(true);
        std::future::pending::<()>().await;
    }

    async fn unless_dead(&self) {
        if *self.0.is_dead.borrow() {
            std::future::pending::<()>().await;
        }
    }
}

/// A write, as its method and resource; nothing of a read.
fn write_of(request: &Request<Body>) -> Option<String> {
    if request.method() == Method::GET {
        return None;
    }
    let path = request.uri().path().split('/').skip_while(|part| *part != "namespaces");
    let parts: Vec<&str> = path.skip(2).collect();
    let resource = match parts.as_slice() {
        [resource, _name, below] => format!("{resource}/{below}"),
        [resource, ..] => (*resource).to_owned(),
        [] => request.uri().path().to_owned(),
    };
    Some(format!("{} {resource}", request.method()))
}
