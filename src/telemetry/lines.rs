//! Where lines of the log wait a moment, so that many of them are written at
//! once: under load a system call for each costs more than making the line.
//!
//! Nothing is lost in an ordinary end, and nothing grows: a line that finds no
//! room waits until the reader has taken what is before it. Only a process
//! that is killed outright loses the plain lines of its last moment; whatever
//! tells of trouble is written before the work goes on.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// How long a line waits for others at the most, if its reader keeps up.
const MOMENT: Duration = Duration::from_millis(50);

/// Written at once when there is so much of it.
const ENOUGH: usize = 64 * 1024;

/// Lines on their way. Cheap to clone.
#[derive(Clone)]
pub(super) struct Lines(Arc<Shared>);

struct Shared {
    waiting: Mutex<Waiting>,
    /// Told when a first line waits.
    begun: Condvar,
    /// Locked before `waiting`, so that lines keep their order.
    out: Mutex<Out>,
}

struct Waiting {
    bytes: Vec<u8>,
    /// Nobody will write later: each line is written by whoever has it.
    is_ending: bool,
}

struct Out {
    reader: Box<dyn Write + Send>,
    bytes: Vec<u8>,
}

/// Keeps lines together until it is dropped; what waits then is written.
#[must_use = "lines are written one by one as soon as it is dropped"]
pub struct Keeper(Option<Lines>);

impl Keeper {
    /// Of lines that do not wait.
    pub(super) fn of_nothing() -> Self {
        Self(None)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Some(lines) = &self.0 {
            lock(&lines.0.waiting).is_ending = true;
            lines.write();
            lines.0.begun.notify_all();
        }
    }
}

impl Lines {
    /// Begins to collect lines for `reader`. Where no thread can be had that
    /// writes them in time, none waits.
    pub(super) fn for_reader(reader: impl Write + Send + 'static) -> (Self, Keeper) {
        let lines = Self(Arc::new(Shared {
            waiting: Mutex::new(Waiting {
                bytes: Vec::new(),
                is_ending: false,
            }),
            begun: Condvar::new(),
            out: Mutex::new(Out {
                reader: Box::new(reader),
                bytes: Vec::new(),
            }),
        }));
        let later = lines.clone();
        let thread = thread::Builder::new().name("log".to_owned());
        let begun = thread.spawn(move || while later.write_in_a_moment() {});
        lock(&lines.0.waiting).is_ending = begun.is_err();
        (lines.clone(), Keeper(Some(lines)))
    }

    /// Whether to come again.
    fn write_in_a_moment(&self) -> bool {
        let waiting = lock(&self.0.waiting);
        let waiting = self
            .0
            .begun
            .wait_while(waiting, |waiting| {
                waiting.bytes.is_empty() && !waiting.is_ending
            })
            .unwrap_or_else(PoisonError::into_inner);
        if waiting.is_ending {
            return false;
        }
        drop(waiting);
        thread::sleep(MOMENT);
        self.write();
        true
    }

    fn add(&self, line: &[u8], urgency: Urgency) {
        let mut waiting = lock(&self.0.waiting);
        let is_first = waiting.bytes.is_empty();
        waiting.bytes.extend_from_slice(line);
        let at_once =
            urgency == Urgency::AtOnce || waiting.is_ending || waiting.bytes.len() >= ENOUGH;
        drop(waiting);
        if at_once {
            self.write();
        } else if is_first {
            self.0.begun.notify_one();
        }
    }

    /// Writes what waits. There is nowhere to tell that it cannot be written.
    fn write(&self) {
        let mut out = lock(&self.0.out);
        let Out { reader, bytes } = &mut *out;
        std::mem::swap(bytes, &mut lock(&self.0.waiting).bytes);
        let _ = reader.write_all(bytes);
        bytes.clear();
    }
}

/// Somebody's panic has left no line half added.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Urgency {
    InAMoment,
    AtOnce,
}

/// Takes one line; the framework passes it in one piece.
pub(super) struct Line<'a> {
    lines: &'a Lines,
    urgency: Urgency,
}

impl Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.lines.add(line, self.urgency);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        Line {
            lines: self,
            urgency: Urgency::AtOnce,
        }
    }

    fn make_writer_for(&'a self, about: &Metadata<'_>) -> Self::Writer {
        let urgency = match *about.level() {
            Level::ERROR | Level::WARN => Urgency::AtOnce,
            _ => Urgency::InAMoment,
        };
        Line {
            lines: self,
            urgency,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    /// Passes on what is written, one write at a time, and waits when as many
    /// as the channel holds have not been read.
    struct Reader(SyncSender<String>);

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let text = String::from_utf8_lossy(bytes).into_owned();
            self.0
                .send(text)
                .map_err(|_| io::ErrorKind::BrokenPipe.into())
                .map(|()| bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn lines(writes: usize) -> (Lines, Keeper, Receiver<String>) {
        let (sender, read) = sync_channel(writes);
        let (lines, keeper) = Lines::for_reader(Reader(sender));
        (lines, keeper, read)
    }

    #[test]
    fn a_line_is_written_in_a_moment_although_nothing_follows() {
        let (lines, _keeper, read) = lines(9);
        lines.add(b"one\n", Urgency::InAMoment);
        assert_eq!(read.recv_timeout(PATIENCE).as_deref(), Ok("one\n"));
        lines.add(b"two\n", Urgency::InAMoment);
        assert_eq!(read.recv_timeout(PATIENCE).as_deref(), Ok("two\n"));
    }

    #[test]
    fn what_tells_of_trouble_is_written_before_the_work_goes_on() {
        let (lines, _keeper, read) = lines(9);
        lines.add(b"one\n", Urgency::InAMoment);
        lines.add(b"trouble\n", Urgency::AtOnce);
        // Both, unless the moment of the first was over before the second.
        let written: String = read.try_iter().collect();
        assert_eq!(written, "one\ntrouble\n");
    }

    #[test]
    fn the_end_writes_what_waits_and_then_every_line() {
        let (lines, keeper, read) = lines(9);
        lines.add(b"one\n", Urgency::InAMoment);
        drop(keeper);
        assert_eq!(read.try_iter().collect::<String>(), "one\n");
        lines.add(b"two\n", Urgency::InAMoment);
        assert_eq!(read.try_recv().as_deref(), Ok("two\n"));
    }

    #[test]
    fn behind_a_reader_that_reads_nothing_lines_wait_and_are_bounded() {
        let (lines, _keeper, read) = lines(0);
        let line = vec![b'x'; 1024];
        let (told, added) = sync_channel(1024);
        let adding = lines.clone();
        let thread = thread::spawn(move || {
            for n in 0..1024 {
                adding.add(&line, Urgency::InAMoment);
                let _ = told.send(n);
            }
        });
        // 64 lines fill what may wait and 64 may be on their way; then nothing
        // more is taken, however long one looks.
        thread::sleep(MOMENT * 4);
        let taken = added.try_iter().count();
        assert!(taken <= 2 * ENOUGH / 1024, "{taken}");
        assert!(!thread.is_finished());
        let mut bytes = 0;
        while bytes < 1024 * 1024 {
            bytes += read.recv_timeout(PATIENCE).unwrap().len();
        }
        thread.join().unwrap();
        assert_eq!(bytes, 1024 * 1024);
        assert_eq!(read.try_recv(), Err(TryRecvError::Empty));
    }
}
