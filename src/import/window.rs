//! The part of a text that is being cut into rows, and the line it begins on.

use memchr::memchr2_iter;

use super::encoding::{Text, TextError};

/// No customer is longer. What is, is read past without being kept, so that
/// memory does not grow with what somebody put into a file.
pub(super) const LONGEST_ROW: usize = 1024 * 1024;

/// The text from the beginning of the row that is read, as far as it is known.
pub(super) struct Window {
    text: Text,
    buffer: Vec<u8>,
    at: usize,
    line: u64,
    /// Whether the last byte before `at` was a carriage return: a line feed
    /// behind it ends the same line.
    after_return: bool,
}

impl Window {
    pub(super) fn new(text: Text) -> Self {
        Self {
            text,
            buffer: Vec::new(),
            at: 0,
            line: 1,
            after_return: false,
        }
    }

    /// The line that [`Self::ahead`] begins on, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// What is known of the text.
    pub(super) fn ahead(&self) -> &[u8] {
        self.buffer.get(self.at..).unwrap_or_default()
    }

    /// Where in the file [`Self::ahead`] begins. Right for UTF-8 only: what
    /// was transcoded has other places.
    pub(super) fn offset(&self) -> u64 {
        self.text.consumed() - self.ahead().len() as u64
    }

    /// Gets to know more; `false` at the end.
    pub(super) fn more(&mut self) -> Result<bool, TextError> {
        self.buffer.drain(..self.at);
        self.at = 0;
        self.text.read_into(&mut self.buffer)
    }

    /// Moves on behind so many bytes.
    pub(super) fn consume(&mut self, count: usize) {
        let passed = self.buffer.get(self.at..self.at + count);
        let passed = passed.unwrap_or_default();
        self.line += line_ends(passed, self.after_return);
        if let Some(last) = passed.last() {
            self.after_return = *last == b'\r';
        }
        self.at += count;
    }

    /// Moves on to a byte that ends no line; `false` if there is none.
    pub(super) fn skip_line_ends(&mut self) -> Result<bool, TextError> {
        loop {
            let ends = self
                .ahead()
                .iter()
                .take_while(|byte| matches!(byte, b'\r' | b'\n'));
            let count = ends.count();
            self.consume(count);
            if !self.ahead().is_empty() {
                return Ok(true);
            }
            if !self.more()? {
                return Ok(false);
            }
        }
    }
}

/// How many lines end in a text: with a line feed, a carriage return, or both
/// in this order. `after_return` says that the byte before was one.
pub(super) fn line_ends(text: &[u8], after_return: bool) -> u64 {
    let mut count = 0;
    for at in memchr2_iter(b'\r', b'\n', text) {
        let is_second = text.get(at) == Some(&b'\n')
            && match at.checked_sub(1) {
                Some(before) => text.get(before) == Some(&b'\r'),
                None => after_return,
            };
        count += u64::from(!is_second);
    }
    count
}
