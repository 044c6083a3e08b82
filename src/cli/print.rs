//! What commands print, and what becomes of it when nobody takes it.

use std::fmt;
use std::io::{self, Write};
use std::sync::OnceLock;

/// Why the first thing that could not be printed was lost.
static LOST: OnceLock<io::Error> = OnceLock::new();

/// What was to be printed is not there.
#[derive(Debug, thiserror::Error)]
#[error("not everything could be printed: {0}")]
pub(super) struct Lost(&'static io::Error);

/// Prints a line. Fails for nobody at once: half of a change, or a demo that
/// does not stop in order, would be worse than a line that nobody reads.
pub(super) fn line(text: fmt::Arguments<'_>) {
    let mut out = io::stdout().lock();
    if let Err(error) = out.write_fmt(text).and_then(|()| out.write_all(b"\n")) {
        // Only the first reason is of interest.
        let _ = LOST.set(error);
    }
}

/// Whether everything has reached its reader. One who has gone, such as
/// `head`, has read what they wanted.
pub(super) fn end() -> Result<(), Lost> {
    let flushed = io::stdout().lock().flush();
    if let Err(error) = flushed {
        let _ = LOST.set(error);
    }
    match LOST.get() {
        Some(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Lost(error)),
        Some(_) | None => Ok(()),
    }
}
