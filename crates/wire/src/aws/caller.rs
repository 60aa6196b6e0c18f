//! How calls are sent: with which client, to which region and addresses, how often and how long. It has no keys; whoever
//! calls brings them, and each role of a chain brings others.

use std::time::{Duration, Instant};

use base::Fault;

use crate::answer::Answer;
use crate::aws::call::Call;
use crate::aws::credentials::Credentials;
use crate::aws::endpoint::Endpoints;
use crate::client::Client;
use crate::retry::{Retry, Tries};

/// How calls are sent.
pub struct Caller {
    /// The client.
    pub client: Client,
    /// The region.
    pub region: String,
    /// Addresses that count instead of AWS' own.
    pub endpoints: Endpoints,
    /// How often a call is asked again.
    pub retry: Retry,
    /// How long one try may take.
    pub timeout: Duration,
}

impl Caller {
    /// Calls a service with these keys.
    ///
    /// # Errors
    /// No answer came, or the service refused: then [`Fault::cause`] finds the [`Refusal`](crate::aws::Refusal).
    pub async fn call(&self, call: &Call, keys: &Credentials) -> Result<Answer, Fault> {
        let mut tries = Tries::new(&self.retry, call.idempotent);
        let begun = Instant::now();
        let url = self.endpoints.url(call.service, &self.region)?;
        loop {
            // Signed anew each time: a signature is good for some minutes only.
            let request = call.signed(&url, &self.region, keys).await?.timeout(self.timeout);
            let outcome = self.client.try_once(&request).await;
            match self.client.next_wait(&mut tries, &outcome, begun) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return outcome.settle().and_then(|answer| call.accepted(answer)),
            }
        }
    }

    /// Calls a service that wants no keys: STS, when it is shown a token.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn call_unsigned(&self, call: &Call) -> Result<Answer, Fault> {
        let url = self.endpoints.url(call.service, &self.region)?;
        let request = call.request(&url)?.timeout(self.timeout);
        call.accepted(self.client.send(&request, &self.retry).await?)
    }
}
