//! From policies to a tenant: what is sent to Microsoft Graph, and in which
//! order. README.md says what is read beside the policies.

pub mod templates;
