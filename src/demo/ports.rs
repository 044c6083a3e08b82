//! The demo's six ports, in a row. They are chosen at the first start and
//! stay: links carry the tenant's issuer, and that carries its port.

use std::io;
use std::net::{Ipv4Addr, TcpListener};

use super::place::{Place, PlaceError};

/// Nobody has registered these.
const USUAL: u16 = 4180;

/// Below the ports that Linux gives to outgoing connections (32768), so that
/// no connection of anybody's can be in the way at the next start.
const FREE: std::ops::Range<u16> = 20_000..32_000;

const KEPT: &str = "ports";
const TRIES: usize = 100;

/// Six ports in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports(u16);

/// Ports that are ours, and the shops' listeners. As long as these are held,
/// no other demo takes the rest of the row.
#[derive(Debug)]
pub struct Claim {
    pub ports: Ports,
    pub trade: TcpListener,
    pub shop: TcpListener,
}

#[derive(Debug, thiserror::Error)]
pub enum PortError {
    #[error(
        "port {port}, which this demo has for its {what}, is taken by another program. Stop that \
         program (`ss -ltnp` lists who listens where), or begin anew with other ports: \
         idlink demo --data-dir OTHER-FOLDER"
    )]
    Taken { port: u16, what: &'static str },
    #[error("port {port} cannot be listened on: {source}")]
    Refused { port: u16, source: io::Error },
    #[error(
        "this demo has had the ports from {kept} on since its first start, and they cannot change: \
         links carry them. For other ports, begin anew in another folder (--data-dir)"
    )]
    Settled { kept: u16 },
    #[error("no six free ports in a row were found from {} to {}", FREE.start, FREE.end)]
    NoneFree,
    #[error("{0} is no port that six in a row could begin with: 1024 to 65530, or 0 for any free")]
    NoSuchPort(u16),
    #[error(transparent)]
    Place(#[from] PlaceError),
}

impl Ports {
    fn starting_at(first: u16) -> Option<Self> {
        (1024..=u16::MAX - 5)
            .contains(&first)
            .then_some(Self(first))
    }

    pub fn trade(self) -> u16 {
        self.0
    }

    pub fn shop(self) -> u16 {
        self.0 + 1
    }

    pub fn tenant(self) -> u16 {
        self.0 + 2
    }

    pub fn service(self) -> u16 {
        self.0 + 3
    }

    pub fn management(self) -> u16 {
        self.0 + 4
    }

    pub fn external(self) -> u16 {
        self.0 + 5
    }

    /// Takes them all for a moment, and keeps the shops'.
    fn claim(self) -> Result<Claim, PortError> {
        let claim = Claim {
            ports: self,
            trade: listen(self.trade(), "B2B shop")?,
            shop: listen(self.shop(), "B2C shop")?,
        };
        listen(self.tenant(), "mock B2C tenant")?;
        listen(self.service(), "connector")?;
        listen(self.management(), "health and metrics")?;
        listen(self.external(), "mock External ID tenant")?;
        Ok(claim)
    }
}

/// The ports of the first start; at the first start `wanted` ones (0: any free
/// ones), or the usual ones, or free ones when these are taken.
pub fn claim(place: &Place, wanted: Option<u16>) -> Result<Claim, PortError> {
    let kept = place.kept(KEPT)?.and_then(|text| text.trim().parse().ok());
    if let Some(ports) = kept.and_then(Ports::starting_at) {
        return match wanted {
            Some(first) if first != 0 && first != ports.0 => {
                Err(PortError::Settled { kept: ports.0 })
            }
            _ => ports.claim(),
        };
    }
    let claim = match wanted {
        Some(0) => any_free(),
        Some(first) => Ports::starting_at(first)
            .ok_or(PortError::NoSuchPort(first))?
            .claim(),
        None => Ports(USUAL).claim().or_else(|_| any_free()),
    }?;
    place.keep(KEPT, &format!("{}\n", claim.ports.0))?;
    Ok(claim)
}

fn any_free() -> Result<Claim, PortError> {
    (0..TRIES)
        .find_map(|_| Ports(rand::random_range(FREE)).claim().ok())
        .ok_or(PortError::NoneFree)
}

fn listen(port: u16, what: &'static str) -> Result<TcpListener, PortError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => PortError::Taken { port, what },
        _ => PortError::Refused { port, source },
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn ports_are_chosen_once_and_stay() {
        let folder = std::env::temp_dir().join(format!("idlink-ports-{}", std::process::id()));
        drop(fs::remove_dir_all(&folder));
        let place = Place::open(&folder).unwrap();
        let first = claim(&place, Some(0)).unwrap();
        let ports = first.ports;
        let taken = claim(&place, None).unwrap_err().to_string();
        assert!(taken.contains(&ports.trade().to_string()), "{taken}");
        drop(first);
        assert_eq!(claim(&place, None).unwrap().ports, ports);
        let other = claim(&place, Some(ports.trade() + 1)).unwrap_err();
        assert!(matches!(other, PortError::Settled { .. }), "{other}");
        fs::remove_dir_all(&folder).unwrap();
    }
}
