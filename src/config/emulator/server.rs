//! `[server]`: where the emulator listens.

use std::net::SocketAddr;

use crate::emulator::Certificates;

use super::super::address;
use super::super::reader::Section;

/// What the file says of addresses; the command decides the rest.
#[derive(Debug, Default)]
pub struct ServerSettings {
    pub listen: Option<SocketAddr>,
    pub https_listen: Option<SocketAddr>,
    /// Without any: an authority of its own.
    pub certificates: Option<Certificates>,
}

impl ServerSettings {
    pub(super) fn read(section: &Section<'_>) -> Self {
        let listen = section.parsed("listen", address::socket);
        let https_listen = section.parsed("https_listen", address::socket);
        Self {
            listen: listen.map(|found| found.value),
            https_listen: https_listen.map(|found| found.value),
            certificates: certificates(section),
        }
    }
}

fn certificates(section: &Section<'_>) -> Option<Certificates> {
    let given = ["certificate_folder", "certificate", "private_key"].map(|key| section.has(key));
    match given {
        [false, false, false] => None,
        [true, false, false] => {
            let folder = section.path("certificate_folder")?;
            Some(Certificates::OwnAuthority(folder.value))
        }
        [false, true, true] => {
            let (chain, key) = (section.file("certificate"), section.file("private_key"));
            Some(Certificates::Given {
                chain: chain?.value,
                key: key?.value,
            })
        }
        [true, _, _] => {
            section.problem("give `certificate_folder`, or `certificate` and `private_key`");
            None
        }
        [false, _, _] => {
            section.problem("`certificate` and `private_key` belong together");
            None
        }
    }
}
