//! Where a file's bytes come from: a path or standard input, plain or
//! compressed, and how much of it is read however it is packed.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::bufread::MultiGzDecoder;

use super::meter::{Measured, Meter};

/// Enough for every magic number below.
const MAGIC: usize = 6;

const CHUNK: usize = 256 * 1024;

/// The largest window that a zstd frame may ask for, as a power of two. The
/// levels up to 19 ask for no more than 8 MiB.
const ZSTD_WINDOW_LOG: u32 = 25;

/// A file to read, by the name that messages call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    File(PathBuf),
    StandardInput,
}

impl Source {
    /// `-` is standard input.
    pub fn named(name: &Path) -> Self {
        match name.as_os_str() == "-" {
            true => Self::StandardInput,
            false => Self::File(name.to_owned()),
        }
    }

    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::StandardInput => "standard input".to_owned(),
        }
    }

    /// Whether it is this file, by whatever name.
    pub fn is(&self, path: &Path) -> bool {
        let identity = |path: &Path| {
            let found = std::fs::metadata(path).ok()?;
            Some((found.dev(), found.ino()))
        };
        match self {
            Self::File(own) => {
                own == path || identity(own).is_some_and(|own| Some(own) == identity(path))
            }
            Self::StandardInput => false,
        }
    }

    /// The bytes of the file as they are stored, where that is known.
    pub fn size(&self) -> Option<u64> {
        match self {
            Self::File(path) => {
                let found = std::fs::metadata(path).ok()?;
                found.is_file().then_some(found.len())
            }
            Self::StandardInput => None,
        }
    }
}

/// How much a compressed file may unpack to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expansion {
    /// Times its stored size, once it is more than is `harmless`.
    pub ratio: u64,
    /// Bytes that may come of however little: a few kilobytes of blanks are no
    /// bomb.
    pub harmless: u64,
    /// In all.
    pub bytes: u64,
}

/// Customers compress to a fifth or a tenth. Ten thousand million of them
/// would be needed to reach the size.
impl Default for Expansion {
    fn default() -> Self {
        Self {
            ratio: 200,
            harmless: 64 << 20,
            bytes: 1 << 40,
        }
    }
}

/// How a file is packed, told by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    Plain,
    Gzip,
    Zstd,
}

/// Why a source yields nothing, or no more.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("cannot be opened: {0}")]
    Open(io::Error),
    #[error("cannot be read: {0}")]
    Read(io::Error),
    #[error("is {0}: unpack it, and give the file that is inside")]
    Unsupported(&'static str),
    #[error(
        "ends in the middle of its compressed data, after {unpacked} bytes of content: it was cut \
         off; fetch it again"
    )]
    CutOff { unpacked: u64 },
    #[error("has damaged compressed data after {unpacked} bytes of content: {reason}")]
    Damaged { unpacked: u64, reason: String },
    #[error(
        "unpacks to more than {limit}: if that is what it should be, allow more with \
         --max-expansion"
    )]
    Expands { limit: String },
}

/// A source's content, unpacked.
pub struct Content {
    inner: Unpacked,
    packing: Packing,
    /// Bytes of this source alone: several may be open at once.
    stored: Arc<AtomicU64>,
    expansion: Expansion,
    unpacked: u64,
}

enum Unpacked {
    Plain(Stored),
    Gzip(Box<MultiGzDecoder<Stored>>),
    Zstd(Box<zstd::stream::read::Decoder<'static, Stored>>),
}

type Stored = BufReader<Box<dyn Read + Send>>;

impl Content {
    pub fn open(source: &Source, expansion: Expansion, meter: &Meter) -> Result<Self, SourceError> {
        let stored: Box<dyn Read + Send> = match source {
            Source::File(path) => Box::new(open_file(path)?),
            Source::StandardInput => Box::new(io::stdin()),
        };
        Self::of(stored, expansion, meter)
    }

    /// The content of whatever can be read.
    pub fn of(
        stored: Box<dyn Read + Send>,
        expansion: Expansion,
        meter: &Meter,
    ) -> Result<Self, SourceError> {
        let measured = meter.measure(stored);
        let bytes = measured.counter();
        let (magic, counted) = peek(measured).map_err(SourceError::Read)?;
        let packing = packing(&magic)?;
        let replayed = io::Cursor::new(magic).chain(counted);
        let stored: Stored = BufReader::with_capacity(CHUNK, Box::new(replayed));
        let inner = match packing {
            Packing::Plain => Unpacked::Plain(stored),
            Packing::Gzip => Unpacked::Gzip(Box::new(MultiGzDecoder::new(stored))),
            Packing::Zstd => Unpacked::Zstd(Box::new(zstd_decoder(stored)?)),
        };
        Ok(Self {
            inner,
            packing,
            stored: bytes,
            expansion,
            unpacked: 0,
        })
    }

    pub fn packing(&self) -> Packing {
        self.packing
    }

    /// Reads some more, at least one byte unless the end was reached.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, SourceError> {
        let result = match &mut self.inner {
            Unpacked::Plain(stored) => retried(stored, buffer).map_err(SourceError::Read),
            Unpacked::Gzip(gzip) => {
                let result = retried(gzip, buffer);
                result.map_err(|error| damage(&error, self.unpacked))
            }
            Unpacked::Zstd(zstd) => {
                let result = retried(zstd, buffer);
                result.map_err(|error| damage(&error, self.unpacked))
            }
        };
        let count = result?;
        self.unpacked += count as u64;
        self.check_expansion()?;
        Ok(count)
    }

    fn check_expansion(&self) -> Result<(), SourceError> {
        let Expansion {
            ratio,
            harmless,
            bytes,
        } = self.expansion;
        if self.packing == Packing::Plain || self.unpacked <= harmless {
            return Ok(());
        }
        if self.unpacked > bytes {
            let limit = format!("{bytes} bytes");
            return Err(SourceError::Expands { limit });
        }
        if self.unpacked > self.stored.load(Ordering::Relaxed).saturating_mul(ratio) {
            let limit = format!("{ratio} times its size");
            return Err(SourceError::Expands { limit });
        }
        Ok(())
    }
}

/// A folder opens like a file and fails at the first read only.
fn open_file(path: &Path) -> Result<File, SourceError> {
    let file = File::open(path).map_err(SourceError::Open)?;
    match file.metadata() {
        Ok(found) if found.is_dir() => Err(SourceError::Open(io::Error::other("it is a folder"))),
        Ok(_) => Ok(file),
        Err(error) => Err(SourceError::Open(error)),
    }
}

fn retried(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match from.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// The first bytes, fewer only where the source has no more.
fn peek<R: Read>(mut from: Measured<R>) -> io::Result<(Vec<u8>, Measured<R>)> {
    let mut magic = Vec::with_capacity(MAGIC);
    Read::by_ref(&mut from)
        .take(MAGIC as u64)
        .read_to_end(&mut magic)?;
    Ok((magic, from))
}

fn packing(magic: &[u8]) -> Result<Packing, SourceError> {
    const OTHERS: [(&[u8], &str); 5] = [
        (b"PK\x03\x04", "a ZIP archive (or a workbook)"),
        (b"BZh", "packed with bzip2"),
        (b"\xFD7zXZ\0", "packed with xz"),
        (b"7z\xBC\xAF\x27\x1C", "a 7-Zip archive"),
        (b"\xD0\xCF\x11\xE0", "a workbook of an old kind"),
    ];
    if let Some((_, what)) = OTHERS.iter().find(|(begin, _)| magic.starts_with(begin)) {
        return Err(SourceError::Unsupported(what));
    }
    // Besides data frames, zstd has frames to skip, and a file may begin
    // with one (RFC 8878 §3.1.2).
    let is_zstd = match magic {
        [0x28, 0xB5, 0x2F, 0xFD, ..] => true,
        [first, 0x2A, 0x4D, 0x18, ..] => first & 0xF0 == 0x50,
        _ => false,
    };
    Ok(match magic {
        [0x1F, 0x8B, ..] => Packing::Gzip,
        _ if is_zstd => Packing::Zstd,
        _ => Packing::Plain,
    })
}

fn zstd_decoder(
    stored: Stored,
) -> Result<zstd::stream::read::Decoder<'static, Stored>, SourceError> {
    let mut decoder =
        zstd::stream::read::Decoder::with_buffer(stored).map_err(SourceError::Read)?;
    decoder
        .window_log_max(ZSTD_WINDOW_LOG)
        .map_err(SourceError::Read)?;
    Ok(decoder)
}

fn damage(error: &io::Error, unpacked: u64) -> SourceError {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return SourceError::CutOff { unpacked };
    }
    SourceError::Damaged {
        unpacked,
        reason: error.to_string(),
    }
}
