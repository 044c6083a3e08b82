//! RESTful profiles out of XML, called for real. What is on the wire is written
//! out by hand.

mod certificates;
mod crowd;
mod desk;
mod outcomes;
mod refusals;
mod rules;
mod traces;
mod wire;
