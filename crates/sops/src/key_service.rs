//! The port to whoever can wrap and unwrap a data key, and the way to ask those who answer at once.
//! Implemented by `providers/keys/*`. Specification: SOPS §5, §6; design §6.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use base::{Fault, Opening, SecretBytes};

use crate::master_key::MasterKey;

/// Whoever can wrap and unwrap a data key, or a share of one, with a master key.
pub trait KeyService: Send + Sync {
    /// The wrapped bytes, as the entry's `enc` holds them.
    fn encrypt<'a>(&'a self, key: &'a MasterKey, plaintext: &'a SecretBytes) -> Opening<'a, String>;

    /// The bytes that the entry's `enc` wraps.
    fn decrypt<'a>(&'a self, key: &'a MasterKey) -> Opening<'a, SecretBytes>;

    /// The key with what only the outside knows, right before it wraps for the first time: the version of an Azure key.
    /// Every other key is complete as it is.
    fn complete<'a>(&'a self, key: MasterKey) -> Opening<'a, MasterKey> {
        Box::pin(std::future::ready(Ok(key)))
    }
}

/// The answer of a future that waits for nobody: keys of age and gpg need no runtime.
///
/// # Errors
/// The future waits for something, so that it needs a runtime.
pub fn at_once<T>(future: impl Future<Output = T>) -> Result<T, Fault> {
    let mut future = Box::pin(future);
    let pinned: Pin<&mut _> = future.as_mut();
    match pinned.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => Ok(answer),
        Poll::Pending => Err(Fault::bug("a key service that was to answer at once waits for the network")),
    }
}
