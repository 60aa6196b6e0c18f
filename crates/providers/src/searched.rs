//! What a search has found, read one by one: some at once, and without those that were deleted since.

use base::Fault;
use base::fault::found;
use futures::stream::{StreamExt as _, TryStreamExt as _, iter};

/// How many are read at once: enough that the way there is not what takes the time, few enough for a service's limits.
const AT_ONCE: usize = 8;

/// What stands under each of these names, in their order; a name under which nothing stands any more is left out.
///
/// # Errors
/// A read failed: of several the first.
pub async fn read_each<T, R>(names: Vec<String>, read: impl Fn(String) -> R) -> Result<Vec<(String, T)>, Fault>
where
    R: Future<Output = Result<T, Fault>>,
{
    let reads = iter(names).map(|name| {
        let reading = read(name.clone());
        async move { found(reading.await).map(|value| value.map(|value| (name, value))) }
    });
    let all: Vec<Option<(String, T)>> = reads.buffered(AT_ONCE).try_collect().await?;
    Ok(all.into_iter().flatten().collect())
}
