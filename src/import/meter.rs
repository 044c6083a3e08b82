//! How much of a file has been read, and the digest of its bytes.

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};

/// What one or several files, read one after another, have come to.
#[derive(Clone)]
pub struct Meter {
    shared: Arc<Shared>,
}

struct Shared {
    bytes: AtomicU64,
    digest: Mutex<Context>,
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            shared: Arc::new(Shared {
                bytes: AtomicU64::new(0),
                digest: Mutex::new(Context::new(&SHA256)),
            }),
        }
    }
}

impl Meter {
    /// Bytes read so far, as they are in the file: before they are unpacked.
    pub fn bytes(&self) -> u64 {
        self.shared.bytes.load(Ordering::Relaxed)
    }

    /// SHA-256 of all bytes read so far.
    pub fn digest(&self) -> [u8; 32] {
        let context = self
            .shared
            .digest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        digest
    }

    /// `reader`, with everything read from it counted here.
    pub fn measure<R: Read>(&self, reader: R) -> Measured<R> {
        Measured {
            reader,
            meter: self.clone(),
        }
    }
}

/// A reader whose bytes are counted.
pub struct Measured<R> {
    reader: R,
    meter: Meter,
}

impl<R: Read> Read for Measured<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        if let Some(bytes) = buffer.get(..read) {
            let shared = &self.meter.shared;
            shared
                .bytes
                .fetch_add(bytes.len() as u64, Ordering::Relaxed);
            shared
                .digest
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .update(bytes);
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_read_one_after_another_have_one_digest() {
        let meter = Meter::default();
        for part in [&b"a"[..], b"", b"bc"] {
            let mut read = Vec::new();
            meter.measure(part).read_to_end(&mut read).unwrap();
            assert_eq!(read, part);
        }
        // FIPS 180-2, appendix B.1.
        let digest: String = meter.digest().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(
            digest,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(meter.bytes(), 3);
    }
}
