//! Callers, each with a connection of its own, asking back to back or as
//! requests arrive.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::arrivals::Arrivals;
use super::client::{Connection, Target};
use super::question::{Examiner, Fault};
use super::{Errors, Outcome, Pace, Plan};

/// How long a caller waits before it connects again where it could not.
const NOT_CONNECTED: Duration = Duration::from_millis(20);

pub(super) struct Callers {
    callers: Vec<Caller>,
    pace: Pace,
    shared: Shared,
}

/// What the callers of one process have in common, all on one thread.
struct Shared {
    target: Target,
    examiner: RefCell<Examiner>,
    book: RefCell<Book>,
}

/// What has happened so far.
struct Book {
    next: u64,
    took: Vec<u64>,
    errors: Errors,
    complaint: Option<String>,
    /// Handshakes that took up an earlier one.
    resumed: u64,
}

#[derive(Default)]
struct Caller {
    connection: Option<Connection>,
    request: Vec<u8>,
}

impl Callers {
    pub(super) fn new(plan: &Plan, target: Target) -> Self {
        let examiner = Examiner::new(plan.asking, &plan.path, &plan.authorization);
        Self {
            callers: (0..plan.callers).map(|_| Caller::default()).collect(),
            pace: plan.pace,
            shared: Shared {
                target,
                examiner: RefCell::new(examiner),
                book: RefCell::new(Book {
                    next: plan.first,
                    took: Vec::new(),
                    errors: Errors::default(),
                    complaint: None,
                    resumed: 0,
                }),
            },
        }
    }

    /// Asks for so long, and then until everything is answered.
    pub(super) async fn ask_for(&mut self, time: Duration) {
        let end = Instant::now() + time;
        let shared = &self.shared;
        let callers = self.callers.iter_mut();
        match self.pace {
            Pace::Closed => {
                join_all(callers.map(|caller| caller.ask_until(shared, end))).await;
            }
            Pace::Connecting { .. } => {
                join_all(callers.map(|caller| caller.connect_until(shared, end))).await;
            }
            Pace::Open { per_second } => {
                let arrivals = Arrivals::begin(per_second, end);
                join_all(callers.map(|caller| caller.ask_as(shared, &arrivals))).await;
            }
        }
    }

    /// What has happened since the last time.
    pub(super) fn take(&mut self, time: Duration) -> Outcome {
        let mut book = self.shared.book.borrow_mut();
        let mut took = std::mem::take(&mut book.took);
        took.sort_unstable();
        Outcome {
            answers: took.len() as u64,
            seconds: time.as_secs_f64(),
            p50: quantile(&took, 0.5),
            p99: quantile(&took, 0.99),
            p999: quantile(&took, 0.999),
            errors: std::mem::take(&mut book.errors),
            complaint: book.complaint.take(),
            next: book.next,
            resumed: std::mem::take(&mut book.resumed),
            warm_up_answers: 0,
        }
    }
}

/// The smallest value that so many of the sorted ones do not exceed.
fn quantile(sorted: &[u64], part: f64) -> Duration {
    let place = (sorted.len() as f64 * part).ceil() as usize;
    let value = sorted.get(place.saturating_sub(1)).or(sorted.last());
    Duration::from_nanos(value.copied().unwrap_or_default())
}

impl Caller {
    async fn ask_until(&mut self, shared: &Shared, end: Instant) {
        while Instant::now() < end {
            self.ask(shared, Instant::now()).await;
        }
    }

    async fn ask_as(&mut self, shared: &Shared, arrivals: &Arrivals) {
        while let Some(intended) = arrivals.next().await {
            self.ask(shared, intended).await;
        }
    }

    async fn connect_until(&mut self, shared: &Shared, end: Instant) {
        while Instant::now() < end {
            let begun = Instant::now();
            if !self.connected(shared).await {
                continue;
            }
            let resumed = self.connection.as_ref().is_some_and(Connection::is_resumed);
            shared.book.borrow_mut().resumed += u64::from(resumed);
            self.ask(shared, begun).await;
            if let Some(connection) = self.connection.take() {
                // What was asked is answered; the other end may be gone.
                let _ = connection.close().await;
            }
        }
    }

    /// Asks one question, and counts from `begun` how long it took.
    async fn ask(&mut self, shared: &Shared, begun: Instant) {
        if !self.connected(shared).await {
            return;
        }
        let Some(connection) = &mut self.connection else {
            return;
        };
        let k = shared.next();
        shared.examiner.borrow_mut().write(k, &mut self.request);
        let judged = match connection.ask(&self.request).await {
            Ok(answer) => {
                let took = begun.elapsed();
                let mut examiner = shared.examiner.borrow_mut();
                examiner
                    .judge(k, answer.status, answer.body)
                    .map(|()| shared.enter(took))
            }
            Err(error) => {
                self.connection = None;
                return shared.complain(error.to_string(), |errors| errors.broken += 1);
            }
        };
        match judged {
            Ok(()) => {}
            Err(Fault::Wrong(what)) => shared.complain(what, |errors| errors.wrong += 1),
            Err(Fault::Refused(status)) => {
                let text = format!("question {k}: status {status}");
                shared.complain(text, |errors| errors.refused += 1);
            }
        }
    }

    async fn connected(&mut self, shared: &Shared) -> bool {
        if self.connection.is_some() {
            return true;
        }
        match shared.target.connect().await {
            Ok(connection) => self.connection = Some(connection),
            Err(error) => {
                shared.complain(error.to_string(), |errors| errors.broken += 1);
                tokio::time::sleep(NOT_CONNECTED).await;
            }
        }
        self.connection.is_some()
    }
}

impl Shared {
    fn next(&self) -> u64 {
        let mut book = self.book.borrow_mut();
        let k = book.next;
        book.next += 1;
        k
    }

    fn enter(&self, took: Duration) {
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.book.borrow_mut().took.push(nanoseconds);
    }

    fn complain(&self, text: String, count: impl FnOnce(&mut Errors)) {
        let mut book = self.book.borrow_mut();
        count(&mut book.errors);
        book.complaint.get_or_insert(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_a_value_that_was_measured() {
        let sorted: Vec<u64> = (1..=1000).collect();
        assert_eq!(quantile(&sorted, 0.5), Duration::from_nanos(500));
        assert_eq!(quantile(&sorted, 0.99), Duration::from_nanos(990));
        assert_eq!(quantile(&sorted, 0.999), Duration::from_nanos(999));
        assert_eq!(quantile(&[7], 0.999), Duration::from_nanos(7));
        assert_eq!(quantile(&[], 0.5), Duration::ZERO);
    }
}
