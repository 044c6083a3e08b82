//! Where an import is, for whoever waits for it.

/// What an import does, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Measured in bytes of the files.
    Reading,
    /// The following in parts of what was read.
    Comparing,
    Applying,
    Indexing,
    Replacing,
    Removing,
}

/// Is told of every step, from any thread.
pub trait Progress: Send + Sync {
    /// A phase begins. `of`: how much there is, where that is known.
    fn begin(&self, phase: Phase, of: Option<u64>);
    /// So much of the phase is done, with so many rows.
    fn reached(&self, done: u64, rows: u64);
}
