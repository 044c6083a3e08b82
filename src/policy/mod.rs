//! B2C custom policies (Identity Experience Framework): read, merge, check,
//! build, plan and show them, without a tenant. Knows nothing of the service.

pub mod build;
pub mod check;
pub mod effective;
mod encoding;
pub mod finding;
mod folder;
pub mod merge;
pub mod plan;
pub mod report;
pub mod set;
pub mod show;
pub mod source;
pub mod user_flow;
pub mod view;
pub mod xml;
