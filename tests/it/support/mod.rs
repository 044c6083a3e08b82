//! What the tests stand on.

pub(crate) mod business;
pub(crate) mod external;
pub(crate) mod pooler;
pub(crate) mod postgres;
pub(crate) mod program;
pub(crate) mod service;
pub(crate) mod tenant;
pub(crate) mod wire;
