//! Heavy computing – RSA, key generation – off the runtime's threads, and never on all cores at once, so that watches, leases
//! and health checks keep their time. Specification: design §11.4.

use std::sync::LazyLock;

use base::Fault;
use tokio::sync::Semaphore;

/// One core stays free for everything else.
static PLACES: LazyLock<Semaphore> = LazyLock::new(|| {
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    Semaphore::new(cores.saturating_sub(1).max(1))
});

/// Runs a computation where it may take its time.
///
/// # Errors
/// The computation panicked.
pub async fn compute<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Fault> {
    let place =
        PLACES.acquire().await.map_err(|error| Fault::bug("the places for heavy work are gone").because(error))?;
    let done = tokio::task::spawn_blocking(work).await;
    drop(place);
    done.map_err(|_| Fault::bug("a computation panicked"))
}
