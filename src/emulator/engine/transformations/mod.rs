//! Claims transformations.

use super::{Scene, bag::Bag, failure::Failure};
use crate::policy::view::ClaimsTransformation;

/// The claims that a transformation sets. An `Assert…` that does not hold is a
/// [`Failure`].
pub(crate) fn run(
    _scene: &Scene<'_>,
    transformation: &ClaimsTransformation<'_>,
) -> Result<Bag, Failure> {
    Err(Failure::technical(
        "AADB2C90085",
        format!("'{}' is not there yet", transformation.id()),
    ))
}
