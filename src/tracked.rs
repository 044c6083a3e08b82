//! Work that outlives the connection that asked for it.
//!
//! The web server drops a handler when its caller resets the connection, and
//! a worker's runtime ends with the worker. A transaction stopped halfway by
//! either would be rolled back although its answer may be on its way, so the
//! store is only ever used from tasks of the program's own runtime.

use std::future::Future;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

/// After this long a task is given up, whoever still waits for it: its
/// connection is closed and the database ends what it was doing.
const LONGEST_TASK: Duration = Duration::from_secs(20);

/// Starts tasks and knows when all of them have ended. Cheap to clone.
#[derive(Clone)]
pub struct Tracked {
    tasks: TaskTracker,
    runtime: Handle,
}

impl Tracked {
    /// Tasks run on `runtime`, which must live longer than every worker.
    pub fn new(runtime: Handle) -> Self {
        Self {
            tasks: TaskTracker::new(),
            runtime,
        }
    }

    /// Runs `work`, which sets itself its limits, to its end.
    pub fn start(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn_on(work, &self.runtime);
    }

    /// Runs `work` to its end. Returns `None` when it has not ended within
    /// `patience`; it goes on all the same.
    ///
    /// Begun at once and not an `async fn`, which would carry the work, that
    /// is kilobytes of a transaction, through every future that waits for it.
    pub fn run<T: Send + 'static>(
        &self,
        patience: Duration,
        work: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = Option<T>> {
        // In a box: a task is moved several times before and after it runs.
        let work = Box::pin(work);
        // Made inside the task: a timer belongs to the runtime that it is made
        // on, and the caller's may be a worker's, which ends earlier.
        let limited = async move { tokio::time::timeout(LONGEST_TASK, work).await };
        let task = self.tasks.spawn_on(limited, &self.runtime);
        let ended = tokio::time::timeout(patience, task);
        async move {
            match ended.await {
                Ok(Ok(Ok(done))) => Some(done),
                Ok(Err(_panic)) => {
                    tracing::error!("a task ended in a panic");
                    None
                }
                Ok(Ok(Err(_))) | Err(_) => None,
            }
        }
    }

    /// Waits until every task has ended, at most `limit`. Returns how many
    /// were still running then.
    pub async fn finish(&self, limit: Duration) -> usize {
        self.tasks.close();
        // A task that ends in time leaves nothing to report.
        let _ = tokio::time::timeout(limit, self.tasks.wait()).await;
        self.tasks.len()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[tokio::test]
    async fn work_goes_on_when_nobody_waits_for_it() {
        let tracked = Tracked::new(Handle::current());
        let done = Arc::new(AtomicBool::new(false));
        let flag = done.clone();
        let (release, released) = tokio::sync::oneshot::channel::<()>();
        let waited = tracked
            .run(Duration::from_millis(1), async move {
                released.await.unwrap();
                flag.store(true, Ordering::SeqCst);
            })
            .await;
        assert_eq!(waited, None);
        release.send(()).unwrap();
        assert_eq!(tracked.finish(Duration::from_secs(5)).await, 0);
        assert!(done.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn what_does_not_end_is_counted() {
        let tracked = Tracked::new(Handle::current());
        let never = std::future::pending::<()>();
        assert_eq!(tracked.run(Duration::from_millis(1), never).await, None);
        assert_eq!(tracked.finish(Duration::from_millis(10)).await, 1);
    }

    #[tokio::test]
    async fn a_panic_is_an_answer_that_did_not_come() {
        let tracked = Tracked::new(Handle::current());
        let nothing = Vec::<u8>::new();
        let work = async move { nothing[0] };
        assert_eq!(tracked.run(Duration::from_secs(5), work).await, None);
        assert_eq!(tracked.finish(Duration::from_secs(5)).await, 0);
        // Whoever comes while we end is served all the same.
        let late = tracked.run(Duration::from_secs(5), async { 7 }).await;
        assert_eq!(late, Some(7));
    }
}
