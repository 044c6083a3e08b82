//! The encodings a file may be in, and how its text becomes UTF-8. What does
//! not fit is an error with its place, never a substitute character.

use encoding_rs::{Decoder, DecoderResult, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::source::{Content, SourceError};

const CHUNK: usize = 64 * 1024;

/// How much of a file is looked at to see whether its encoding can be what it
/// is said to be.
const SAMPLE: usize = 256 * 1024;

/// What a file is encoded in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Utf8,
    Utf16Le,
    Utf16Be,
    Windows1252,
}

impl Encoding {
    pub const ALL: [Self; 4] = [Self::Utf8, Self::Utf16Le, Self::Utf16Be, Self::Windows1252];

    /// As an option spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Utf16Le => "utf-16le",
            Self::Utf16Be => "utf-16be",
            Self::Windows1252 => "windows-1252",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|encoding| encoding.name().eq_ignore_ascii_case(name))
    }

    fn mark(self) -> &'static [u8] {
        match self {
            Self::Utf8 => b"\xEF\xBB\xBF",
            Self::Utf16Le => b"\xFF\xFE",
            Self::Utf16Be => b"\xFE\xFF",
            Self::Windows1252 => b"",
        }
    }

    /// What a byte order mark says.
    fn marked(begin: &[u8]) -> Option<Self> {
        [Self::Utf8, Self::Utf16Le, Self::Utf16Be]
            .into_iter()
            .find(|encoding| begin.starts_with(encoding.mark()))
    }
}

/// Why a content is not text.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    #[error(transparent)]
    Source(#[from] SourceError),
    /// `line` is the reader's to say: it is the one who counts them.
    #[error("byte {byte} is not {}: {}", .encoding.name(), hint(*.encoding))]
    Malformed { encoding: Encoding, byte: u64 },
    #[error("begins with the mark of {}, but {} was named", .marked.name(), .named.name())]
    Contradiction { named: Encoding, marked: Encoding },
    #[error("looks like {}: name its encoding with --encoding", .0.name())]
    Unmarked(Encoding),
    #[error(
        "looks like utf-8 (byte {0}), but windows-1252 was named: every letter with an accent \
         would become two wrong ones"
    )]
    NotWindows1252(u64),
}

fn hint(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Utf8 => {
            "name the encoding with --encoding, or export the file as UTF-8; windows-1252 is what \
             Excel and older systems in Western Europe write"
        }
        Encoding::Utf16Le | Encoding::Utf16Be | Encoding::Windows1252 => {
            "name another encoding with --encoding, or export the file as UTF-8"
        }
    }
}

/// A content as UTF-8, except that a file in UTF-8 is passed on as it is:
/// whoever splits it into rows looks at every byte anyway.
pub struct Text {
    content: Content,
    encoding: Encoding,
    /// `None` for UTF-8, and when everything is decoded.
    decoder: Option<Decoder>,
    /// Bytes that were read and not yet handed on.
    ahead: Vec<u8>,
    /// How many of them were.
    at: usize,
    /// How many bytes of the content lie before `ahead[at]`.
    consumed: u64,
    has_ended: bool,
}

impl Text {
    /// `named` is what somebody says; a byte order mark must agree with it.
    pub fn new(content: Content, named: Option<Encoding>) -> Result<Self, TextError> {
        let mut text = Self {
            content,
            encoding: Encoding::Utf8,
            decoder: None,
            ahead: Vec::new(),
            at: 0,
            consumed: 0,
            has_ended: false,
        };
        text.fill_to(SAMPLE)?;
        text.encoding = encoding_of(&text.ahead, named)?;
        if text.ahead.starts_with(text.encoding.mark()) {
            text.skip(text.encoding.mark().len());
        }
        text.decoder = match text.encoding {
            Encoding::Utf8 => None,
            Encoding::Utf16Le => Some(UTF_16LE.new_decoder_without_bom_handling()),
            Encoding::Utf16Be => Some(UTF_16BE.new_decoder_without_bom_handling()),
            Encoding::Windows1252 => Some(WINDOWS_1252.new_decoder_without_bom_handling()),
        };
        Ok(text)
    }

    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// How many bytes of the content have become text, or were a mark.
    pub fn consumed(&self) -> u64 {
        self.consumed
    }

    /// Appends some more text; `false` at the end.
    pub fn read_into(&mut self, text: &mut Vec<u8>) -> Result<bool, TextError> {
        match self.encoding {
            Encoding::Utf8 => self.pass_on(text),
            Encoding::Utf16Le | Encoding::Utf16Be | Encoding::Windows1252 => self.transcode(text),
        }
    }

    fn pass_on(&mut self, text: &mut Vec<u8>) -> Result<bool, TextError> {
        let ahead = self.ahead.get(self.at..).unwrap_or_default();
        if !ahead.is_empty() {
            text.extend_from_slice(ahead);
            self.skip(self.ahead.len() - self.at);
            return Ok(true);
        }
        // Once is enough: the bytes ahead are read when the file is opened.
        self.ahead = Vec::new();
        self.at = 0;
        let begin = text.len();
        text.resize(begin + CHUNK, 0);
        let result = self.content.read(text.get_mut(begin..).unwrap_or_default());
        text.truncate(begin + *result.as_ref().unwrap_or(&0));
        let count = result?;
        self.consumed += count as u64;
        Ok(count > 0)
    }

    fn transcode(&mut self, text: &mut Vec<u8>) -> Result<bool, TextError> {
        loop {
            if self.at == self.ahead.len() {
                self.ahead.clear();
                self.at = 0;
                self.fill_to(CHUNK)?;
            }
            let input = self.ahead.get(self.at..).unwrap_or_default();
            let Some(decoder) = &mut self.decoder else {
                return Ok(false);
            };
            let is_end = input.is_empty();
            if let Some(at) = undefined_byte(self.encoding, input) {
                return Err(self.malformed(self.consumed + at as u64));
            }
            let begin = text.len();
            // At the end there may be a unit that was cut in two.
            let room = decoder.max_utf8_buffer_length_without_replacement(input.len());
            text.resize(begin + room.unwrap_or(4 * CHUNK), 0);
            let room = text.get_mut(begin..).unwrap_or_default();
            let (result, read, written) =
                decoder.decode_to_utf8_without_replacement(input, room, is_end);
            text.truncate(begin + written);
            self.skip(read);
            if let DecoderResult::Malformed(length, behind) = result {
                let back = u64::from(length) + u64::from(behind);
                return Err(self.malformed(self.consumed.saturating_sub(back)));
            }
            if is_end {
                self.decoder = None;
            }
            if written > 0 {
                return Ok(true);
            }
        }
    }

    fn malformed(&self, byte: u64) -> TextError {
        TextError::Malformed {
            encoding: self.encoding,
            byte,
        }
    }

    fn skip(&mut self, count: usize) {
        self.at += count;
        self.consumed += count as u64;
    }

    /// Reads until so much lies ahead, or to the end.
    fn fill_to(&mut self, wanted: usize) -> Result<(), TextError> {
        let mut filled = 0;
        self.ahead.resize(wanted, 0);
        while filled < wanted && !self.has_ended {
            let room = self.ahead.get_mut(filled..).unwrap_or_default();
            match self.content.read(room)? {
                0 => self.has_ended = true,
                count => filled += count,
            }
        }
        self.ahead.truncate(filled);
        Ok(())
    }
}

fn encoding_of(sample: &[u8], named: Option<Encoding>) -> Result<Encoding, TextError> {
    let encoding = match (named, Encoding::marked(sample)) {
        (Some(named), Some(marked)) if named != marked => {
            return Err(TextError::Contradiction { named, marked });
        }
        (Some(encoding), _) | (None, Some(encoding)) => return named_right(encoding, sample),
        (None, None) => Encoding::Utf8,
    };
    match utf16_without_mark(sample) {
        Some(encoding) => Err(TextError::Unmarked(encoding)),
        None => Ok(encoding),
    }
}

fn named_right(encoding: Encoding, sample: &[u8]) -> Result<Encoding, TextError> {
    if encoding == Encoding::Windows1252
        && let Some(byte) = first_letter_of_utf8(sample)
    {
        return Err(TextError::NotWindows1252(byte as u64));
    }
    Ok(encoding)
}

/// The place of the first character beyond ASCII, where all of them are
/// UTF-8: in any other encoding hardly two bytes in a row would be.
fn first_letter_of_utf8(sample: &[u8]) -> Option<usize> {
    let sound = match std::str::from_utf8(sample) {
        Ok(_) => sample,
        // The sample may end in the middle of a character.
        Err(error) if error.error_len().is_none() => sample.get(..error.valid_up_to())?,
        Err(_) => return None,
    };
    sound.iter().position(|byte| !byte.is_ascii())
}

/// Text in UTF-16 is full of NULs wherever it is ASCII, as headers are.
fn utf16_without_mark(sample: &[u8]) -> Option<Encoding> {
    const LOOKED_AT: usize = 64;
    let begin = sample.get(..sample.len().min(LOOKED_AT))?;
    let zeros = |odd: usize| {
        let of_parity = begin.iter().skip(odd).step_by(2);
        of_parity.filter(|&&byte| byte == 0).count()
    };
    let (even, odd, half) = (zeros(0), zeros(1), begin.len() / 2);
    match (even, odd) {
        _ if half < 2 => None,
        (0, odd) if odd * 2 > half => Some(Encoding::Utf16Le),
        (even, 0) if even * 2 > half => Some(Encoding::Utf16Be),
        _ => None,
    }
}

/// Windows-1252 leaves five bytes undefined, and the decoder would pass them
/// on as control characters.
fn undefined_byte(encoding: Encoding, input: &[u8]) -> Option<usize> {
    if encoding != Encoding::Windows1252 {
        return None;
    }
    input
        .iter()
        .position(|byte| matches!(byte, 0x81 | 0x8D | 0x8F | 0x90 | 0x9D))
}
