//! How much of some files has been read, and the digest of their bytes.

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};

/// What one or several files have come to, in whatever turns they are read.
#[derive(Clone)]
pub struct Meter {
    shared: Arc<Shared>,
}

struct Shared {
    bytes: AtomicU64,
    /// Of each file, in the order in which they were opened.
    digests: Mutex<Vec<Context>>,
}

impl Default for Meter {
    fn default() -> Self {
        Self {
            shared: Arc::new(Shared {
                bytes: AtomicU64::new(0),
                digests: Mutex::default(),
            }),
        }
    }
}

impl Meter {
    /// Bytes read so far, as they are in the file: before they are unpacked.
    pub fn bytes(&self) -> u64 {
        self.shared.bytes.load(Ordering::Relaxed)
    }

    /// SHA-256 of what was read so far: of the file, or of the digests of
    /// several, one after another.
    pub fn digest(&self) -> [u8; 32] {
        let contexts = self.shared.lock().clone();
        let mut all = Context::new(&SHA256);
        let finished = match contexts.as_slice() {
            [one] => one.clone().finish(),
            several => {
                for one in several {
                    all.update(one.clone().finish().as_ref());
                }
                all.finish()
            }
        };
        let mut digest = [0; 32];
        digest.copy_from_slice(finished.as_ref());
        digest
    }

    /// `reader`, with everything read from it counted here.
    pub fn measure<R: Read>(&self, reader: R) -> Measured<R> {
        let mut contexts = self.shared.lock();
        contexts.push(Context::new(&SHA256));
        Measured {
            reader,
            meter: self.clone(),
            place: contexts.len() - 1,
            bytes: Arc::default(),
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Vec<Context>> {
        self.digests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reader whose bytes are counted.
pub struct Measured<R> {
    reader: R,
    meter: Meter,
    /// Of its digest among those of the meter.
    place: usize,
    bytes: Arc<AtomicU64>,
}

impl<R> Measured<R> {
    /// How many bytes have been read from this one.
    pub fn counter(&self) -> Arc<AtomicU64> {
        self.bytes.clone()
    }
}

impl<R: Read> Read for Measured<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buffer)?;
        if let Some(bytes) = buffer.get(..read) {
            let shared = &self.meter.shared;
            shared
                .bytes
                .fetch_add(bytes.len() as u64, Ordering::Relaxed);
            self.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            if let Some(context) = shared.lock().get_mut(self.place) {
                context.update(bytes);
            }
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_its_digest_and_several_have_that_of_theirs_in_whatever_turns_they_are_read() {
        let hex = |meter: &Meter| -> String {
            let digest = meter.digest();
            digest.iter().map(|byte| format!("{byte:02x}")).collect()
        };
        let meter = Meter::default();
        let mut read = Vec::new();
        let mut one = meter.measure(&b"abc"[..]);
        one.by_ref().take(1).read_to_end(&mut read).unwrap();
        let mut other = meter.measure(&b"de"[..]);
        other.read_to_end(&mut read).unwrap();
        one.read_to_end(&mut read).unwrap();
        assert_eq!(read, b"adebc");
        let count = |measured: &Measured<&[u8]>| measured.counter().load(Ordering::Relaxed);
        assert_eq!((count(&one), count(&other), meter.bytes()), (3, 2, 5));
        // `(printf abc | sha256sum; printf de | sha256sum) | xxd -r -p | sha256sum`
        assert_eq!(
            hex(&meter),
            "a72656926e9116a5496c4967420d1df4a2c7794b5581fcf16f1b792642648c10"
        );
        let single = Meter::default();
        single.measure(&b"abc"[..]).read_to_end(&mut read).unwrap();
        // FIPS 180-2, appendix B.1.
        assert_eq!(
            hex(&single),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
