//! it
#![expect(clippy::unwrap_used, reason = "a test that cannot set up must fail")]

mod emulator;
