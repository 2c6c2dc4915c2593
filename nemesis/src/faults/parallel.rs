//! Doing the same to several nodes at once.

use std::thread;

use super::FaultError;

/// Calls `work` for each item, each on a thread of its own, and waits for all. Results are in the order of the
/// items. One item is done on the calling thread.
pub(super) fn for_each<I: Sync, T: Send>(
    items: &[I],
    work: impl Fn(&I) -> Result<T, FaultError> + Sync,
) -> Vec<Result<T, FaultError>> {
    if let [only] = items {
        return vec![work(only)];
    }
    thread::scope(|scope| {
        let workers: Vec<_> = items
            .iter()
            .map(|item| thread::Builder::new().spawn_scoped(scope, || work(item)))
            .collect();
        workers
            .into_iter()
            .map(|worker| match worker.map_err(FaultError::Thread)?.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    })
}
