//! Our policies from one end to the other: `idlink emulate` runs the files as
//! they are shipped, their calls reach a service with a database, people go
//! through the pages, and sites redeem the codes.

mod accounts;
mod browser;
mod crowd;
mod desk;
mod federated;
mod local;
mod outages;
mod sessions;
