//! Looking up the names of hosts so that a name that nobody knows can be told
//! from a service that is down.

use std::{error::Error, io};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The machine's own resolver.
pub(super) struct Names;

/// In the chain of errors of a call whose host is not known.
#[derive(Debug, thiserror::Error)]
#[error("the name could not be looked up")]
struct Unresolved(#[source] io::Error);

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            // The port is put in by whoever connects.
            match tokio::net::lookup_host((name.as_str(), 0)).await {
                Ok(found) => {
                    let addresses: Vec<_> = found.collect();
                    Ok(Box::new(addresses.into_iter()) as Addrs)
                }
                Err(error) => Err(Unresolved(error).into()),
            }
        })
    }
}

pub(super) fn is_unresolved(error: &reqwest::Error) -> bool {
    let mut source = error.source();
    while let Some(error) = source {
        if error.is::<Unresolved>() {
            return true;
        }
        source = error.source();
    }
    false
}
