//! To be written.

use super::Call;
use crate::emulator::engine::{failure::Failure, mapping::Given, trace::ProfileRecord};

pub(super) async fn execute(
    call: &Call<'_>,
    _record: &mut ProfileRecord,
) -> Result<Given, Failure> {
    Err(Failure::technical("AADB2C90085", call.profile.id()))
}
