//! A bar on a terminal, lines anywhere else.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::import::progress::{Phase, Progress};

/// How long nothing is said where there is no bar.
const SILENCE: Duration = Duration::from_secs(10);

/// Where an import is, shown to whoever waits for it.
#[derive(Clone)]
pub(super) struct Shown(Arc<Inner>);

struct Inner {
    bar: Option<ProgressBar>,
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    of: Option<u64>,
    begun: Instant,
    said: Instant,
}

impl Shown {
    pub(super) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(ProgressBar::no_length);
        let now = Instant::now();
        Self(Arc::new(Inner {
            bar,
            state: Mutex::new(State {
                phase: Phase::Reading,
                of: None,
                begun: now,
                said: now,
            }),
        }))
    }

    /// A line that stays.
    pub(super) fn line(&self, text: &str) {
        match &self.0.bar {
            Some(bar) => bar.suspend(|| eprintln!("{text}")),
            None => eprintln!("{text}"),
        }
    }

    pub(super) fn finish(&self) {
        if let Some(bar) = &self.0.bar {
            bar.finish_and_clear();
        }
    }
}

fn words(phase: Phase) -> &'static str {
    match phase {
        Phase::Reading => "reading",
        Phase::Comparing => "comparing",
        Phase::Applying => "applying",
        Phase::Indexing => "indexing",
        Phase::Replacing => "merging replaced numbers",
        Phase::Removing => "marking who is gone",
    }
}

fn style(of: Option<u64>) -> ProgressStyle {
    let template = match of {
        Some(_) => "{prefix:<10} {wide_bar} {percent:>3} % {msg}, {eta} left",
        None => "{prefix:<10} {spinner} {elapsed} {msg}",
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

impl Progress for Shown {
    fn begin(&self, phase: Phase, of: Option<u64>) {
        let now = Instant::now();
        *self.0.state.lock().unwrap_or_else(PoisonError::into_inner) = State {
            phase,
            of,
            begun: now,
            said: now,
        };
        match &self.0.bar {
            Some(bar) => {
                bar.set_style(style(of));
                bar.reset();
                bar.set_prefix(words(phase));
                bar.set_message("");
                match of {
                    Some(of) => bar.set_length(of),
                    None => bar.unset_length(),
                }
                bar.enable_steady_tick(Duration::from_millis(200));
            }
            None => eprintln!("{} …", words(phase)),
        }
    }

    fn reached(&self, done: u64, rows: u64) {
        let state = &mut *self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        let spent = state.begun.elapsed().as_secs_f64().max(0.001);
        let rate = grouped((rows as f64 / spent) as u64);
        match &self.0.bar {
            Some(bar) => {
                bar.set_position(done);
                bar.set_message(format!("{} rows, {rate}/s", grouped(rows)));
            }
            None if state.said.elapsed() >= SILENCE => {
                state.said = Instant::now();
                let share = match state.of {
                    Some(of) if of > 0 => format!("{} %, ", 100 * done.min(of) / of),
                    Some(_) | None => String::new(),
                };
                eprintln!(
                    "{}: {share}{} rows, {rate} rows/s",
                    words(state.phase),
                    grouped(rows)
                );
            }
            None => {}
        }
    }
}

/// 12,345,678
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_numbers_are_written_in_groups() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }
}
