//! What a RESTful profile says of its call: where it goes, what it carries, and
//! whether B2C would place it at all.

use serde_json::{Map, Value as Json};
use url::{Host, Url};

use super::{
    super::Call,
    failures::Refusal,
    keys::{self, Kind},
    masking::{self, Secrets},
};
use crate::{
    emulator::{
        ClaimKind, OutputClaim, PolicyAuthentication, ScalarVariant, SendClaimsIn, UrlVariant,
        engine::{
            mapping::Input,
            resolvers::{has_resolver, resolve},
            secrets::is_secret_name,
            trace::{Note, NoteLevel, ProfileRecord},
            value::Value,
        },
        policy_call::{
            judge::{PartnerNames, Reading, Success, Taken},
            request::Sending,
        },
        settings::Fidelity,
    },
    policy::merge::folded,
};

const ALLOW_INSECURE: &str = "AllowInsecureAuthInProduction";
const CLAIM_AS_TOKEN: &str = "UseClaimAsBearerToken";
const CLAIM_AS_PAYLOAD: &str = "ClaimUsedForRequestPayload";

pub(super) struct Setup {
    pub(super) service_url: String,
    pub(super) authentication: PolicyAuthentication,
    pub(super) secrets: Secrets,
    send_claims_in: SendClaimsIn,
    claims: Map<String, Json>,
    payload: Option<String>,
}

impl Setup {
    pub(super) fn of(call: &Call<'_>, record: &mut ProfileRecord) -> Result<Self, Refusal> {
        let masked = masked(call);
        mask_inputs(&masked, record);
        let mut reader = Reader { call, record };
        let service_url = reader.service_url()?;
        let send_claims_in = reader.send_claims_in()?;
        let kind = Kind::of(&call.profile)?;
        reader.is_allowed(&service_url, kind)?;
        let authentication = reader.authentication(kind)?;
        let payload = reader.payload(send_claims_in);
        let claims = reader.claims(send_claims_in, &service_url);
        let secrets = secrets(call, &service_url, &authentication, &masked);
        Ok(Self {
            service_url,
            authentication,
            secrets,
            send_claims_in,
            claims,
            payload,
        })
    }

    pub(super) fn sending(&self) -> Sending<'_> {
        Sending {
            service_url: &self.service_url,
            send_claims_in: self.send_claims_in,
            authentication: &self.authentication,
            claims: &self.claims,
            scalars: ScalarVariant::Native,
            url_values: UrlVariant::Escaped,
            payload: self.payload.as_deref(),
        }
    }

    /// What the request tells, for rules that look at it.
    pub(super) fn members(&self) -> Map<String, Json> {
        let payload = self.payload.as_deref();
        let payload = payload.and_then(|text| serde_json::from_str(text).ok());
        payload.unwrap_or_else(|| self.claims.clone())
    }

    pub(super) fn reading<'a>(&self, call: &Call<'_>, claims: &'a [OutputClaim]) -> Reading<'a> {
        let paths = call.profile.metadata_flag("ResolveJsonPathsInJsonTokens");
        Reading {
            taken: Taken::These(claims),
            names: match paths {
                Some(true) => PartnerNames::Paths,
                Some(false) | None => PartnerNames::Members,
            },
            success: Success::Any2xx,
            fidelity: call.scene.tenant.fidelity,
        }
    }
}

/// Input claims that are not to be seen. Tokens and secrets are no passwords to
/// the policy, but are to whoever reads its trace.
fn masked(call: &Call<'_>) -> Vec<String> {
    let token = call.profile.metadata(CLAIM_AS_TOKEN);
    let inputs = call.inputs.iter().filter(|input| {
        call.scene.program.is_masked(&input.claim)
            || token.is_some_and(|claim| is(input, claim.trim()))
            || is_text(input) && is_secret_name(&input.name)
    });
    inputs.map(|input| input.claim.clone()).collect()
}

fn mask_inputs(masked: &[String], record: &mut ProfileRecord) {
    for input in &mut record.inputs {
        if masked.contains(&input.claim) {
            input.value = masking::mask();
        }
    }
}

/// Output claims that come out of the reply, without their defaults: those are
/// the same for every provider.
pub(super) fn output_claims(call: &Call<'_>) -> Vec<OutputClaim> {
    let references = call.profile.output_claims();
    let from_reply = references.filter(|reference| !reference.always_use_default());
    let claims = from_reply.filter_map(|reference| {
        let claim = reference.claim()?;
        let declared = call.scene.program.claim_type(claim);
        Some(OutputClaim {
            name: claim.to_owned(),
            partner: reference.partner_name().map(str::to_owned),
            default: None,
            kind: kind(declared.and_then(|declared| declared.data_type())),
        })
    });
    claims.collect()
}

fn kind(data_type: Option<&str>) -> ClaimKind {
    let data_type = data_type.unwrap_or_default().trim().to_ascii_lowercase();
    match data_type.as_str() {
        "boolean" => ClaimKind::Boolean,
        "int" => ClaimKind::Int,
        "long" => ClaimKind::Long,
        name if name.ends_with("collection") => ClaimKind::StringCollection,
        _ => ClaimKind::String,
    }
}

fn secrets(
    call: &Call<'_>,
    service_url: &str,
    authentication: &PolicyAuthentication,
    masked: &[String],
) -> Secrets {
    let mut secrets = Secrets::default();
    match authentication {
        PolicyAuthentication::None | PolicyAuthentication::ClientCertificate { .. } => {}
        PolicyAuthentication::Basic { password, .. } => secrets.add(password),
        PolicyAuthentication::Bearer { token } => secrets.add(token),
        PolicyAuthentication::ApiKeyHeader { name, value } => {
            secrets.add_header(name);
            secrets.add(value);
        }
    }
    secrets.add_query(service_url);
    let inputs = call.inputs.iter();
    for input in inputs.filter(|input| masked.contains(&input.claim)) {
        secrets.add(&input.value.text());
    }
    // A payload may hold them deep inside.
    for (claim, value) in call.scene.bag.iter() {
        if call.scene.program.is_masked(claim) {
            secrets.add(&value.text());
        }
    }
    for input in call.inputs {
        if let Ok(inside) = serde_json::from_str::<Json>(&input.value.text()) {
            secrets.add_members(&inside, &|name| call.scene.program.is_masked(name));
        }
    }
    secrets
}

struct Reader<'a, 'r> {
    call: &'a Call<'a>,
    record: &'r mut ProfileRecord,
}

impl Reader<'_, '_> {
    fn note(&mut self, level: NoteLevel, text: String) {
        let place = self.record.place.clone();
        self.record.notes.push(Note { level, text, place });
    }

    fn is_lenient(&self) -> bool {
        self.call.scene.tenant.fidelity == Fidelity::Lenient
    }

    fn service_url(&mut self) -> Result<String, Refusal> {
        let profile = self.call.profile;
        let written = profile
            .metadata("ServiceUrl")
            .ok_or_else(|| Refusal::no_metadata(profile.id(), "ServiceUrl"))?
            .trim();
        if !has_resolver(written) {
            return Ok(written.to_owned());
        }
        let flag = profile.metadata_flag("IncludeClaimResolvingInClaimsHandling");
        if flag == Some(true) || self.is_lenient() {
            let resolved = resolve(written, &self.call.scene);
            return Ok(resolved.unwrap_or_default().into_owned());
        }
        self.note(
            NoteLevel::Warning,
            "ServiceUrl has a claim resolver, which is only looked up with \
             IncludeClaimResolvingInClaimsHandling: it is taken as it is written."
                .to_owned(),
        );
        Ok(written.to_owned())
    }

    fn send_claims_in(&mut self) -> Result<SendClaimsIn, Refusal> {
        let profile = self.call.profile;
        let written = profile.metadata("SendClaimsIn").unwrap_or("Body").trim();
        Ok(match written.to_ascii_lowercase().as_str() {
            "body" => SendClaimsIn::Body,
            "form" => SendClaimsIn::Form,
            "header" => SendClaimsIn::Header,
            "url" => SendClaimsIn::Url,
            "querystring" => SendClaimsIn::QueryString,
            _ => {
                let text = format!(
                    "Profile '{}' contains the unsupported SendClaimsIn type '{written}'. Expected \
                     one of 'Body', 'Form', 'Header', 'Url' or 'QueryString'.",
                    profile.id()
                );
                return Err(Refusal::new("AADB2C90029", text));
            }
        })
    }

    /// Plain http and no authentication are for development.
    fn is_allowed(&mut self, service_url: &str, kind: Kind) -> Result<(), Refusal> {
        let profile = self.call.profile;
        let root = &self.call.scene.program.effective.root;
        let mode = root.value("DeploymentMode").unwrap_or("Production");
        let is_production = !mode.eq_ignore_ascii_case("Development");
        match plain_http(service_url) {
            PlainHttp::No => {}
            PlainHttp::Loopback => self.note(
                NoteLevel::Info,
                "ServiceUrl is plain http to this machine, which is fine here. B2C calls https \
                 only (AADB2C90257)."
                    .to_owned(),
            ),
            PlainHttp::Elsewhere if is_production => self.insecure(
                "AADB2C90257",
                format!(
                    "Profile '{}' uses http service url that is only allowed in development mode \
                     policies with metadata key: {ALLOW_INSECURE} set to true.",
                    profile.id()
                ),
            )?,
            PlainHttp::Elsewhere => {}
        }
        let is_allowed = profile.metadata_flag(ALLOW_INSECURE).unwrap_or(false);
        match kind {
            Kind::None if is_production && !is_allowed => self.insecure(
                "AADB2C90258",
                format!(
                    "Profile '{}' uses an insecure authentication mode that is only allowed in \
                     production mode policies with metadata key '{ALLOW_INSECURE}' set to true.",
                    profile.id()
                ),
            ),
            Kind::None
            | Kind::Basic
            | Kind::Bearer
            | Kind::ClientCertificate
            | Kind::ApiKeyHeader => Ok(()),
        }
    }

    fn insecure(&mut self, code: &'static str, text: String) -> Result<(), Refusal> {
        if self.is_lenient() {
            self.note(
                NoteLevel::Warning,
                format!("{code}: {text} Called all the same: --lenient."),
            );
            return Ok(());
        }
        Err(Refusal::new(code, text))
    }

    fn authentication(&mut self, kind: Kind) -> Result<PolicyAuthentication, Refusal> {
        let (profile, program) = (self.call.profile, self.call.scene.program);
        let tenant = self.call.scene.tenant;
        if kind == Kind::Bearer
            && let Some(claim) = profile.metadata(CLAIM_AS_TOKEN)
        {
            let token = self.token(claim)?;
            return Ok(PolicyAuthentication::Bearer { token });
        }
        let found = keys::authentication(program, &profile, kind, &tenant.policy_keys);
        found.map_err(|missing| {
            for key in &missing {
                self.record.notes.push(Note {
                    level: NoteLevel::Warning,
                    text: format!("{key}."),
                    place: key.place.clone(),
                });
            }
            match missing.first() {
                Some(first) => keys::refusal(program, &profile, kind, &tenant.domain, first),
                None => Refusal::basic_credentials(profile.id()),
            }
        })
    }

    fn token(&mut self, claim: &str) -> Result<String, Refusal> {
        let token = self.claim(claim, CLAIM_AS_TOKEN).ok_or_else(|| {
            let available = self.call.inputs.iter().map(|input| input.claim.as_str());
            let available = available.collect::<Vec<_>>().join(", ");
            let text = format!(
                "Claim '{claim}' specified for the bearer token is not present in the available \
                 claims. Available claims '{available}'."
            );
            Refusal::new("AADB2C90194", text)
        })?;
        match token.is_empty() {
            true => {
                let text =
                    format!("Claim '{claim}' specified for the bearer token is null or empty.");
                Err(Refusal::new("AADB2C90195", text))
            }
            false => Ok(token),
        }
    }

    /// The value of an input claim that a metadata item names.
    fn claim(&mut self, claim: &str, item: &str) -> Option<String> {
        let claim = claim.trim();
        if let Some(input) = self.call.inputs.iter().find(|input| is(input, claim)) {
            return Some(input.value.text());
        }
        let value = self.call.scene.bag.get(claim).map(Value::text)?;
        let text = format!("{item} names {claim}, which is no input claim of the profile");
        match self.is_lenient() {
            true => {
                self.note(
                    NoteLevel::Warning,
                    format!("{text}. Taken all the same: --lenient."),
                );
                Some(value)
            }
            false => {
                self.note(NoteLevel::Warning, format!("{text}: it is not taken."));
                None
            }
        }
    }

    /// "The claim's value is sent as it is."
    fn payload(&mut self, send_claims_in: SendClaimsIn) -> Option<String> {
        let claim = self.call.profile.metadata(CLAIM_AS_PAYLOAD)?;
        if send_claims_in != SendClaimsIn::Body {
            let text = format!("{CLAIM_AS_PAYLOAD} counts with SendClaimsIn Body only.");
            self.note(NoteLevel::Warning, text);
            return None;
        }
        let payload = self.claim(claim, CLAIM_AS_PAYLOAD);
        if payload.is_none() {
            let text = format!("{claim} has no value, so that the request has no body.");
            self.note(NoteLevel::Warning, text);
        }
        Some(payload.unwrap_or_default())
    }

    fn claims(&mut self, send_claims_in: SendClaimsIn, service_url: &str) -> Map<String, Json> {
        let call = self.call;
        let token = call.profile.metadata(CLAIM_AS_TOKEN);
        let mut claims = Map::new();
        for input in call.inputs {
            // It has its place in the header already.
            let is_token = token.is_some_and(|claim| is(input, claim.trim()));
            let has_place = service_url.contains(&format!("{{{}}}", input.name));
            if send_claims_in == SendClaimsIn::Url && is_token && !has_place {
                continue;
            }
            let value = match (&input.value, send_claims_in) {
                (Value::Texts(texts), SendClaimsIn::Form | SendClaimsIn::QueryString)
                    if self.is_lenient() =>
                {
                    let text = format!("The collection {} was sent as one text.", input.claim);
                    self.note(NoteLevel::Warning, text);
                    Json::from(texts.join(","))
                }
                (value, _) => value.to_json(),
            };
            claims.insert(input.name.clone(), value);
        }
        claims
    }
}

fn is(input: &Input, name: &str) -> bool {
    folded(&input.claim) == folded(name) || folded(&input.name) == folded(name)
}

fn is_text(input: &Input) -> bool {
    matches!(input.value, Value::Text(_))
}

enum PlainHttp {
    No,
    Loopback,
    Elsewhere,
}

fn plain_http(url: &str) -> PlainHttp {
    let Ok(url) = Url::parse(url) else {
        return PlainHttp::No;
    };
    if url.scheme() != "http" {
        return PlainHttp::No;
    }
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match is_loopback {
        true => PlainHttp::Loopback,
        false => PlainHttp::Elsewhere,
    }
}
