//! How the operator says that files are written.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;

use crate::domain::customer::CustomerType;
use crate::import::encoding::Encoding;
use crate::import::mapping::{DELIMITER, MappingProblems, delimiter};
use crate::import::profile::Profile;
use crate::import::table::Reading;

#[derive(Debug, Args)]
pub(super) struct ReadingOptions {
    /// How the system that wrote the files calls its columns
    #[arg(long, default_value = "idlink",
          value_parser = PossibleValuesParser::new(Profile::NAMES))]
    profile: String,
    /// A file that says so for any other system
    #[arg(long, value_name = "FILE", conflicts_with = "profile")]
    mapping: Option<PathBuf>,
    /// How the files are written [default: utf-8, unless they say otherwise
    /// themselves]
    #[arg(long, value_parser = PossibleValuesParser::new(encodings()))]
    encoding: Option<String>,
    /// What separates cells, a character or `tab` [default: told by the
    /// headings]
    #[arg(long, value_name = "CHARACTER", value_parser = read_delimiter)]
    delimiter: Option<u8>,
    /// What customers buy as, where the files have no column for it
    #[arg(long, value_name = "TYPE", value_parser = PossibleValuesParser::new(["b2b", "b2c"]))]
    customer_type: Option<String>,
    /// How many times its size a compressed file may unpack to
    #[arg(long, value_name = "N", default_value_t = 200)]
    max_expansion: u64,
}

fn encodings() -> Vec<&'static str> {
    Encoding::ALL.into_iter().map(Encoding::name).collect()
}

fn read_delimiter(text: &str) -> Result<u8, &'static str> {
    delimiter(text).ok_or(DELIMITER)
}

impl ReadingOptions {
    pub(super) fn reading(&self) -> Result<Reading, MappingProblems> {
        let profile = match &self.mapping {
            Some(file) => Profile::read(file)?,
            None => Profile::named(&self.profile).unwrap_or_else(Profile::idlink),
        };
        let profile = match self.customer_type.as_deref() {
            Some("b2b") => profile.with_type(CustomerType::B2b),
            Some(_) => profile.with_type(CustomerType::B2c),
            None => profile,
        };
        let mut reading = Reading::of(profile);
        reading.encoding = self
            .encoding
            .as_deref()
            .and_then(Encoding::named)
            .or(reading.encoding);
        reading.delimiter = self.delimiter.or(reading.delimiter);
        reading.expansion.ratio = self.max_expansion;
        Ok(reading)
    }
}
