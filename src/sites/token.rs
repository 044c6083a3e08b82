//! The token endpoint: the tenant's own answer, with the customer number in it.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use time::OffsetDateTime;

use super::oauth::{self, Fault, INVALID_ID_TOKEN, Label, ShownIn};
use super::request::{NamedPolicy, named_policy, ui_locales};
use super::{Current, Disbelieved, Found, RECORDING_LIMIT, Sites};
use crate::body::{self, BodyError, Media};
use crate::domain::answer::Refused;
use crate::domain::link::LinkStatus;
use crate::domain::site::Site;
use crate::linking::{Linking, Outcome};
use crate::oidc::{self, Members, TokenError, TokenReply};

/// For code exchange, verification and recording together. Each has a limit of
/// its own, and this one is above their sum.
const EXCHANGE_LIMIT: Duration = Duration::from_millis(19_500);

/// `POST /sites/{site}/token`
pub(super) async fn handle(
    request: HttpRequest,
    site: Path<String>,
    mut payload: Payload,
    sites: Current,
    linking: Data<Linking>,
) -> HttpResponse {
    let sites = sites.load_full();
    let Some(found) = sites.find(&site) else {
        return oauth::unknown_site();
    };
    let call = match read(&request, &mut payload, &sites, &found).await {
        Ok(call) => call,
        Err(fault) => return fault.into_response(),
    };
    // A code serves once. Where the client hangs up after it was sent, the
    // link is recorded all the same.
    let work = exchange(call, found, Linking::clone(&linking));
    match linking.detached(EXCHANGE_LIMIT, work).await {
        Some(reply) => reply.into_response(),
        None => oauth::temporarily_unavailable(),
    }
}

/// A call that may be passed on.
struct Call {
    policy: String,
    /// The application that redeems, as the site's settings spell it.
    client_id: String,
    authorization: Option<Vec<u8>>,
    /// Everything but our own parameters.
    form: Vec<(String, String)>,
    nonce: Option<String>,
    ui_locales: String,
}

async fn read(
    request: &HttpRequest,
    payload: &mut Payload,
    sites: &Sites,
    found: &Found,
) -> Result<Call, Fault> {
    if !Media::Form.is_announced(request.headers()) {
        return Err(Fault::InvalidRequest(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Send the parameters as application/x-www-form-urlencoded, not compressed.",
        ));
    }
    let policy = policy(request, sites, found)?;
    let authorization = authorization(request)?;
    let body = body::read(payload, body::LARGEST, body::SLOWEST)
        .await
        .map_err(unread)?;
    let mut form = parse(&body)?;
    let nonce = take(&mut form, "nonce");
    let named_locales = take(&mut form, "ui_locales");
    check_grant(&form)?;
    let client_id = client(&found.site, &form, authorization.as_deref())?;
    Ok(Call {
        policy,
        client_id,
        authorization,
        form,
        nonce,
        ui_locales: ui_locales(request, named_locales),
    })
}

const fn bad_request(description: &'static str) -> Fault {
    Fault::InvalidRequest(StatusCode::BAD_REQUEST, description)
}

fn policy(request: &HttpRequest, sites: &Sites, found: &Found) -> Result<String, Fault> {
    match named_policy(request) {
        NamedPolicy::None => sites.policy(found, None),
        NamedPolicy::One(policy) => sites.policy(found, Some(&policy)),
        NamedPolicy::Several => None,
    }
    .ok_or(bad_request(
        "p must name one policy that the tenant's settings accept.",
    ))
}

fn authorization(request: &HttpRequest) -> Result<Option<Vec<u8>>, Fault> {
    let mut headers = request.headers().get_all(AUTHORIZATION);
    match (headers.next(), headers.next()) {
        (header, None) => Ok(header.map(|value| value.as_bytes().to_vec())),
        (_, Some(_)) => Err(bad_request(
            "There must be one Authorization header at most.",
        )),
    }
}

fn unread(error: BodyError) -> Fault {
    match error {
        BodyError::TooLarge => Fault::InvalidRequest(
            StatusCode::PAYLOAD_TOO_LARGE,
            "The body is larger than 64 KiB.",
        ),
        BodyError::TooSlow => Fault::InvalidRequest(
            StatusCode::REQUEST_TIMEOUT,
            "The body did not arrive within 5 seconds.",
        ),
        BodyError::Broken => bad_request("The body ended early."),
    }
}

/// Reads the form. RFC 6749 §3.2 forbids a parameter twice: we and the tenant
/// might believe different ones.
fn parse(body: &[u8]) -> Result<Vec<(String, String)>, Fault> {
    let form: Vec<(String, String)> = url::form_urlencoded::parse(body).into_owned().collect();
    // What is no UTF-8 would be passed on changed.
    let readable = form
        .iter()
        .all(|(name, value)| !name.contains('\u{FFFD}') && !value.contains('\u{FFFD}'));
    let mut names: Vec<&str> = form.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let once = names.windows(2).all(|pair| pair[0] != pair[1]);
    if readable && once {
        Ok(form)
    } else {
        Err(bad_request("Each parameter must occur once, in UTF-8."))
    }
}

/// Takes out a parameter of ours, which the tenant does not know.
fn take(form: &mut Vec<(String, String)>, name: &str) -> Option<String> {
    let at = form.iter().position(|(own, _)| own == name)?;
    Some(form.remove(at).1)
}

fn value<'f>(form: &'f [(String, String)], name: &str) -> Option<&'f str> {
    form.iter()
        .find(|(own, _)| own == name)
        .map(|(_, value)| value.as_str())
        // RFC 6749 §3.2: without a value it counts as left out.
        .filter(|value| !value.is_empty())
}

fn check_grant(form: &[(String, String)]) -> Result<(), Fault> {
    match value(form, "grant_type") {
        Some("authorization_code" | "refresh_token") => Ok(()),
        Some(_) => Err(Fault::UnsupportedGrantType),
        None => Err(bad_request("grant_type is missing.")),
    }
}

/// The application that calls, in the form or in the Basic header. Its secret
/// is the tenant's affair.
fn client(
    site: &Site,
    form: &[(String, String)],
    authorization: Option<&[u8]>,
) -> Result<String, Fault> {
    let in_header = authorization.and_then(basic_user);
    let (shown, id) = match (in_header.as_deref(), value(form, "client_id")) {
        (Some(header), Some(form)) if header != form => {
            return Err(Fault::InvalidClient(ShownIn::Header));
        }
        (Some(header), _) => (ShownIn::Header, header),
        (None, Some(form)) => (ShownIn::Form, form),
        (None, None) => return Err(Fault::InvalidClient(ShownIn::Form)),
    };
    site.client_ids
        .iter()
        .find(|own| own.eq_ignore_ascii_case(id))
        .cloned()
        .ok_or(Fault::InvalidClient(shown))
}

/// The user of a Basic header; RFC 6749 §2.3.1 encodes it like a form.
fn basic_user(header: &[u8]) -> Option<String> {
    let (scheme, encoded) = header.split_at_checked("basic ".len())?;
    if !scheme.eq_ignore_ascii_case(b"basic ") {
        return None;
    }
    let decoded = STANDARD.decode(encoded.trim_ascii()).ok()?;
    let user = decoded.split(|byte| *byte == b':').next()?;
    let (user, _) = url::form_urlencoded::parse(user).next()?;
    Some(user.into_owned())
}

/// What is to be answered. Made in a task of its own and turned into a response
/// by the worker: a response cannot cross threads.
enum Reply {
    Granted(Members),
    /// The tenant refused, in its own words.
    PassedOn(oidc::Refusal),
    Refused(Refused),
    /// Brings the words for the person and the reference.
    InvalidIdToken(Refused),
    Unavailable,
}

impl Reply {
    fn into_response(self) -> HttpResponse {
        match self {
            Self::Granted(members) => oauth::granted(&members),
            Self::PassedOn(refusal) => oauth::passed_on(refusal),
            Self::Refused(refused) => {
                let label = Label {
                    code: refused.refusal.code(),
                    name: refused.refusal.name(),
                };
                let description = format!("No customer could be linked: {}.", label.name);
                oauth::invalid_grant(description, label, refused)
            }
            Self::InvalidIdToken(refused) => {
                let description = "The ID token that the tenant issued is not accepted.".to_owned();
                oauth::invalid_grant(description, INVALID_ID_TOKEN, refused)
            }
            Self::Unavailable => oauth::temporarily_unavailable(),
        }
    }
}

/// Redeems, verifies, records.
async fn exchange(call: Call, found: Found, linking: Linking) -> Reply {
    let redeemed = found
        .provider
        .redeem(&call.policy, call.authorization.as_deref(), &call.form)
        .await;
    match redeemed {
        Ok(TokenReply::Granted(members)) => link(call, found, members, &linking).await,
        Ok(TokenReply::Refused(refusal)) => {
            let status = refusal.status;
            tracing::info!(site = found.site.name, status, "the tenant refused a grant");
            Reply::PassedOn(refusal)
        }
        Err(error) => {
            tracing::warn!(site = found.site.name, %error, "grant not redeemed");
            Reply::Unavailable
        }
    }
}

async fn link(call: Call, found: Found, members: Members, linking: &Linking) -> Reply {
    // A refresh without the scope `openid` brings none.
    let Some(id_token) = members.text("id_token") else {
        return granted(members, "", LinkStatus::None);
    };
    let verified = found
        .provider
        .verify(
            &id_token,
            &[call.client_id].into(),
            call.nonce.as_deref(),
            OffsetDateTime::now_utc(),
        )
        .await;
    let token = match verified {
        Ok(token) => token,
        Err(error) => return unverified(members, &found.site, error, &call.ui_locales),
    };
    let recording = found.recording(token, "token", call.ui_locales);
    match linking.record(recording, RECORDING_LIMIT).await {
        Outcome::Linked { number, .. } => granted(members, number.as_str(), LinkStatus::Linked),
        Outcome::NotLinked => granted(members, "", LinkStatus::None),
        Outcome::Refused(refused) => Reply::Refused(refused),
        // The code is spent: without the tokens the person could not sign in.
        Outcome::Unavailable(_) => granted(members, "", LinkStatus::Unavailable),
    }
}

fn granted(mut members: Members, number: &str, link: LinkStatus) -> Reply {
    members.set_text("customer_id", number);
    members.set_text("customer_link", link.as_str());
    Reply::Granted(members)
}

fn unverified(members: Members, site: &Site, error: TokenError, ui_locales: &str) -> Reply {
    match Disbelieved::at(site, "token", error, ui_locales) {
        Disbelieved::Unchecked(_) => granted(members, "", LinkStatus::Unavailable),
        Disbelieved::Nobodys(refused) => Reply::Refused(refused),
        Disbelieved::Invalid(refused) => Reply::InvalidIdToken(refused),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_of_a_basic_header_is_decoded_like_a_form() {
        let basic = |scheme: &str, pair: &str| format!("{scheme} {}", STANDARD.encode(pair));
        let cases = [
            (basic("Basic", "client:secret"), Some("client")),
            (basic("basic", "client:se:cret"), Some("client")),
            (basic("Basic", "a%3Ab+c:secret"), Some("a:b c")),
            (basic("Basic", "client"), Some("client")),
            (basic("Basic", ":secret"), None),
            ("Basic ???".to_owned(), None),
            ("Basic".to_owned(), None),
            ("Bearer x".to_owned(), None),
        ];
        for (header, expected) in cases {
            let user = basic_user(header.as_bytes());
            assert_eq!(user.as_deref(), expected, "{header}");
        }
    }

    #[test]
    fn a_form_names_each_parameter_once_in_utf8() {
        assert!(parse(b"a=1&b=2").is_ok());
        assert!(parse(b"").is_ok());
        for body in ["a=1&a=1", "a=1&b=2&a=", "a&%61", "a=%FF", "%FF=a"] {
            assert!(parse(body.as_bytes()).is_err(), "{body}");
        }
    }
}
