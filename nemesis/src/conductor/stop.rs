//! Asking the conductor to end early.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A request to stop, which any thread may make, once and for all. Clones are the same request.
#[derive(Clone, Debug, Default)]
pub struct StopRequest {
    shared: Arc<(Mutex<bool>, Condvar)>,
}

impl StopRequest {
    /// Not requested yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Requests the stop. Waiting threads wake at once.
    pub fn request(&self) {
        let (requested, changed) = &*self.shared;
        *requested.lock().unwrap_or_else(PoisonError::into_inner) = true;
        changed.notify_all();
    }

    /// Waits for the request, but no longer than `patience`. Returns whether it was made.
    #[must_use]
    pub fn wait(&self, patience: Duration) -> bool {
        let (requested, changed) = &*self.shared;
        let guard = requested.lock().unwrap_or_else(PoisonError::into_inner);
        let (guard, _) = changed
            .wait_timeout_while(guard, patience, |requested| !*requested)
            .unwrap_or_else(PoisonError::into_inner);
        *guard
    }
}
