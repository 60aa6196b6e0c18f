//! Tells a chat of every reload, in the background: a sink that hangs or is away holds up no reload. Beyond a thousand that wait,
//! alerts are dropped and said so. Specification: RL §15.4.

use std::time::Duration;

use base::{Fault, SecretText};
use plan::reload::alert::Sink;
use tokio::sync::mpsc;
use wire::{Request, Retry};

/// How many alerts may wait.
const WAITING: usize = 1000;
/// How long a sink may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Sends alerts. It ends with its last owner.
pub struct Alerts {
    /// What every message begins with.
    pub info: String,
    send: mpsc::Sender<String>,
}

impl Alerts {
    /// Starts the sender. Without an address each alert is an error in the log, as in the peer.
    #[must_use]
    pub fn start(client: wire::Client, sink: Sink, url: Option<SecretText>, info: String) -> Self {
        let (send, mut receive) = mpsc::channel::<String>(WAITING);
        tokio::spawn(async move {
            while let Some(message) = receive.recv().await {
                let sent = match &url {
                    Some(url) => post(&client, sink, url, &message).await,
                    None => Err(Fault::wrong("webhook url env variable not provided").hint("set ALERT_WEBHOOK_URL")),
                };
                if let Err(fault) = sent {
                    tracing::error!("Error sending alert: {}", fault.chain());
                }
            }
        });
        Self { info, send }
    }

    /// Tells a message.
    pub fn tell(&self, message: String) {
        if self.send.try_send(message).is_err() {
            tracing::error!("Error sending alert: too many wait already");
        }
    }
}

async fn post(client: &wire::Client, sink: Sink, url: &SecretText, message: &str) -> Result<(), Fault> {
    let (media, body) = sink.body(message);
    let request = Request::post(url.expose())?.body(media, body).timeout(TIMEOUT);
    let answer = client.send(&request, &Retry::never()).await?;
    if sink.accepts(answer.status.as_u16()) { Ok(()) } else { Err(answer.refusal("the sink did not take the message")) }
}
