//! Requests that arrive at even distances, whether or not the ones before have
//! been answered.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// Requests that should have been sent, and by whom they are taken up.
pub(super) struct Arrivals(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    arrived: Notify,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Instant>,
    ended: bool,
}

impl Arrivals {
    /// On a thread of its own: the runtime's timers are exact to a millisecond
    /// only, which is longer than an answer takes.
    pub(super) fn begin(per_second: f64, end: Instant) -> Self {
        let shared = Arc::new(Shared::default());
        let told = Arc::clone(&shared);
        let begun = Instant::now();
        std::thread::spawn(move || told.let_in(per_second, begun, end));
        Self(shared)
    }

    /// When the one that has waited longest should have been sent; `None` when
    /// no more will come.
    pub(super) async fn next(&self) -> Option<Instant> {
        loop {
            // Made before looking, so that nothing between the two is missed.
            let arrived = self.0.arrived.notified();
            match self.0.take() {
                (Some(intended), _) => return Some(intended),
                (None, true) => return None,
                (None, false) => arrived.await,
            }
        }
    }
}

impl Shared {
    fn let_in(&self, per_second: f64, begun: Instant, end: Instant) {
        for n in 0_u32.. {
            let next = begun + Duration::from_secs_f64(f64::from(n) / per_second);
            if next >= end {
                break;
            }
            let pause = next.saturating_duration_since(Instant::now());
            if !pause.is_zero() {
                std::thread::sleep(pause);
            }
            self.change(|state| state.waiting.push_back(next));
            self.arrived.notify_one();
        }
        self.change(|state| state.ended = true);
        self.arrived.notify_waiters();
    }

    fn take(&self) -> (Option<Instant>, bool) {
        self.change(|state| (state.waiting.pop_front(), state.ended))
    }

    fn change<T>(&self, how: impl FnOnce(&mut State) -> T) -> T {
        how(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn as_many_arrive_as_should_and_each_knows_when() {
        let begun = Instant::now();
        let arrivals = Arrivals::begin(1000.0, begun + Duration::from_millis(50));
        let mut intended = Vec::new();
        while let Some(at) = arrivals.next().await {
            intended.push(at);
        }
        assert!((40..=50).contains(&intended.len()), "{}", intended.len());
        let gaps = intended.windows(2).map(|pair| pair[1] - pair[0]);
        for gap in gaps {
            // Of the plan, not of what the machine made of it.
            assert!(gap.abs_diff(Duration::from_millis(1)) < Duration::from_micros(10));
        }
    }
}
