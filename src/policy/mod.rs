//! B2C custom policies (Identity Experience Framework): read, merge, check,
//! build, plan and show them, without a tenant. Knows nothing of the service.

pub mod check;
pub mod finding;
pub mod source;
pub mod xml;
