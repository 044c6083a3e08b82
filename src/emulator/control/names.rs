//! By which names this machine may be asked for what only its owner should see.

use std::net::IpAddr;

use actix_web::{
    Error,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::{StatusCode, header},
    middleware::Next,
    web,
};
use url::{Host, Url};

use super::Refused;
use crate::emulator::state::Tenant;

/// Names that nobody can register and lead here.
const RESERVED: [&str; 8] = [
    "localhost",
    "internal",
    "local",
    "test",
    "example",
    "invalid",
    "home.arpa",
    "localdomain",
];

/// Refuses requests whose `Host` is somebody's name in the public DNS: a foreign
/// web page whose name suddenly leads to this machine is of one origin with it
/// as far as browsers know. Whoever lets other machines in has names for this one.
pub(in crate::emulator) async fn check<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let is_on_loopback = request.app_config().local_addr().ip().is_loopback();
    let host = request.headers().get(header::HOST);
    let name = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    let tenant = request.app_data::<web::Data<Tenant>>();
    let is_own = tenant.is_some_and(|tenant| is_own(tenant.bases(), name));
    match is_on_loopback && !is_own && !is_nobodys(name) {
        false => next.call(request).await,
        true => {
            let text = "This machine is not asked by that name. Use localhost, or set \
                        `public_url`.";
            Err(Refused::new(StatusCode::FORBIDDEN, text).into())
        }
    }
}

fn is_own<'a>(mut bases: impl Iterator<Item = &'a str>, host: &str) -> bool {
    let asked = name_of(host);
    bases.any(|base| {
        let own = Url::parse(base).ok();
        let own = own.as_ref().and_then(Url::host_str);
        own.is_some_and(|own| asked.as_deref() == Some(own))
    })
}

/// An address, a name without a dot, or one that is reserved.
fn is_nobodys(host: &str) -> bool {
    let Some(name) = name_of(host) else {
        return host.is_empty();
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let name = name.trim_end_matches('.');
    let ends = |reserved: &str| {
        name.strip_suffix(reserved)
            .is_some_and(|before| before.ends_with('.'))
    };
    bare.parse::<IpAddr>().is_ok() || !name.contains('.') || RESERVED.into_iter().any(ends)
}

/// Without the port, in lower case.
fn name_of(host: &str) -> Option<String> {
    let url = Url::parse(&format!("http://{host}/")).ok()?;
    let host = url.host()?;
    Some(match host {
        Host::Domain(name) => name.to_owned(),
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => format!("[{address}]"),
    })
}

#[cfg(test)]
mod tests {
    use super::{is_nobodys, is_own};

    #[test]
    fn only_names_of_this_machine_are_answered() {
        let cases = [
            ("localhost:4190", true, "the usual one"),
            ("LOCALHOST", true, "in any case"),
            ("contoso.localhost:4191", true, "below it"),
            ("127.0.0.1:4190", true, "an address is its own origin"),
            ("[::1]:4190", true, "of either kind"),
            ("emulator:4190", true, "of a network of containers"),
            ("host.docker.internal:4190", true, "reserved"),
            ("", true, "HTTP/1.0"),
            ("evil.com:4190", false, "somebody's"),
            ("localhost.evil.com", false, "somebody's"),
            ("notlocalhost.com", false, "somebody's"),
            ("127.0.0.1.evil.com", false, "somebody's"),
            ("evil.com.", false, "somebody's, fully qualified"),
            (
                "evil.com/localhost",
                false,
                "no name, read by its beginning",
            ),
            ("a b", false, "no name"),
        ];
        for (host, expected, why) in cases {
            assert_eq!(is_nobodys(host), expected, "{host}: {why}");
        }
    }

    #[test]
    fn the_public_address_is_its_own() {
        let bases = || ["https://login.dev.contoso.com", "http://localhost:4190"].into_iter();
        assert!(is_own(bases(), "login.dev.contoso.com"));
        assert!(is_own(bases(), "LOGIN.dev.contoso.com:443"));
        assert!(!is_own(bases(), "contoso.com"));
    }
}
