//! One call to a service of AWS, counted under the provider that made it, or as many as an answer has pages. What is asked, and
//! what an answer says, is each store's own. Specification: ESO §13.2 (names of calls).

use std::sync::Arc;

use base::Fault;
use serde::de::DeserializeOwned;
use serde_json::Value;
use wire::answer::Answer;
use wire::aws::endpoint::{SECRETS_MANAGER, SSM};
use wire::aws::{Call, Session};

use crate::reach::Calls;

/// Who asks, and where it is counted.
#[derive(Clone)]
pub(super) struct Asking {
    pub session: Arc<Session>,
    pub calls: Arc<Calls>,
    pub provider: &'static str,
}

impl Asking {
    /// A call that may be made twice: it reads, or the service knows the repetition.
    pub async fn read(&self, target: &'static str, body: &Value) -> Result<Answer, Fault> {
        self.send(target, Self::call(target, body).idempotent()).await
    }

    /// A call that changes something.
    pub async fn write(&self, target: &'static str, body: &Value) -> Result<Answer, Fault> {
        self.send(target, Self::call(target, body)).await
    }

    /// Reads page after page; `take` gets each and answers the token of the next.
    pub async fn pages<P: DeserializeOwned>(
        &self,
        target: &'static str,
        mut body: Value,
        attempt: &str,
        mut take: impl FnMut(P) -> Result<Option<String>, Fault>,
    ) -> Result<(), Fault> {
        loop {
            let page = self.read(target, &body).await?.json(attempt)?;
            // A page may be empty and not be the last; the same token twice would be asked for ever.
            match take(page)?.filter(|token| !token.is_empty() && body["NextToken"] != **token) {
                Some(token) => body["NextToken"] = Value::from(token),
                None => return Ok(()),
            }
        }
    }

    fn call(target: &'static str, body: &Value) -> Call {
        let service = if target.starts_with("AmazonSSM.") { SSM } else { SECRETS_MANAGER };
        Call::json(service, target, body)
    }

    async fn send(&self, target: &'static str, call: Call) -> Result<Answer, Fault> {
        let operation = match target.rsplit('.').next().unwrap_or(target) {
            // The peer's label has no plural.
            "DescribeParameters" => "DescribeParameter",
            operation => operation,
        };
        self.calls.counted(self.provider, operation, self.session.call(&call).await)
    }
}
