//! Where a simulation is: a bar on a terminal, nothing anywhere else.

use std::cell::Cell;
use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// How many steps lie between two looks at the bar.
const STRIDE: u64 = 8192;

pub(super) struct Bar {
    bar: Option<ProgressBar>,
    steps: Cell<u64>,
}

impl Bar {
    pub(super) fn new() -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        Self {
            bar: is_terminal.then(ProgressBar::no_length),
            steps: Cell::new(0),
        }
    }

    /// A phase that is measured in bytes.
    pub(super) fn begin_bytes(&self, name: &'static str, of: Option<u64>) {
        match of {
            Some(of) => self.begin(
                name,
                Some(of),
                "{prefix:<9} {wide_bar} {percent:>3} % {msg}",
            ),
            None => self.begin(name, None, "{prefix:<9} {spinner} {elapsed} {msg}"),
        }
    }

    /// A phase that is measured in rows.
    pub(super) fn begin_rows(&self, name: &'static str, of: u64) {
        self.begin(
            name,
            Some(of),
            "{prefix:<9} {wide_bar} {percent:>3} % {msg}",
        );
    }

    /// A phase of which nobody knows how long it takes.
    pub(super) fn begin_unknown(&self, name: &'static str) {
        self.begin(name, None, "{prefix:<9} {spinner} {elapsed}");
    }

    fn begin(&self, name: &'static str, of: Option<u64>, template: &str) {
        let Some(bar) = &self.bar else {
            return;
        };
        let style = ProgressStyle::with_template(template);
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_prefix(name);
        bar.set_message("");
        bar.reset();
        if let Some(of) = of {
            bar.set_length(of);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
    }

    /// So much is done, with so many rows.
    pub(super) fn reached(&self, done: u64, rows: u64) {
        self.steps.set(self.steps.get() + 1);
        let Some(bar) = &self.bar else {
            return;
        };
        if !self.steps.get().is_multiple_of(STRIDE) {
            return;
        }
        bar.set_position(done);
        let seconds = bar.elapsed().as_secs_f64().max(0.001);
        let left = bar.eta().as_secs();
        bar.set_message(format!(
            "{:.0} rows/s, {left} s left",
            rows as f64 / seconds
        ));
    }

    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
