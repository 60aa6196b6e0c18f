//! One call to a service of AWS, counted under the provider that made it. Specification: ESO §13.2 (names of calls).

use std::sync::Arc;

use base::{Fault, Kind};
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

    fn call(target: &'static str, body: &Value) -> Call {
        let service = if target.starts_with("AmazonSSM.") { SSM } else { SECRETS_MANAGER };
        Call::json(service, target, body)
    }

    async fn send(&self, target: &'static str, call: Call) -> Result<Answer, Fault> {
        let answer = self.session.call(&call).await;
        let worked = answer.as_ref().map_or_else(|fault| fault.kind() == Kind::NotFound, |_| true);
        let operation = match target.rsplit('.').next().unwrap_or(target) {
            // The peer's label has no plural.
            "DescribeParameters" => "DescribeParameter",
            operation => operation,
        };
        self.calls.count(self.provider, operation, worked);
        answer
    }
}
