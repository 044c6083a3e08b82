//! RESTful technical profiles ("Define a RESTful technical profile"). The
//! request and the judgement of the reply are those of scripted calls
//! (`policy_call`); here they are fed from a profile.

mod failures;
mod keys;
mod masking;
mod setup;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value as Json};

use self::{
    failures::{Refusal, Telltale},
    masking::Secrets,
    setup::Setup,
};
use super::Call;
use crate::emulator::{
    audit::{Audit, Dialect},
    engine::{
        failure::Failure,
        mapping::Given,
        trace::{Note, NoteLevel, ProfileRecord, RestRecord},
    },
    exchange::{Call as Placed, Exchange, Outgoing, Patience, Treatment},
    policy_call::{
        judge::{Judgement, Verdict, judge},
        request::outgoing,
        trouble::Trouble,
    },
    rest_rules::Asked,
};

pub(super) async fn execute(call: &Call<'_>, record: &mut ProfileRecord) -> Result<Given, Failure> {
    let setup = Setup::of(call, record).map_err(|refusal| refusal.failure(call))?;
    let built = outgoing(&setup.sending());
    let (outgoing, left_out) =
        built.map_err(|unsendable| Refusal::unsendable(call, &unsendable).failure(call))?;
    for text in left_out {
        warn(record, text);
    }
    let (placed, mut judgement, injected) = place(call, &setup, &outgoing).await?;
    let told = Exchanged {
        setup: &setup,
        outgoing: &outgoing,
        placed: &placed,
        injected: &injected,
    };
    told.record(call, &mut judgement, record);
    for text in judgement.warnings {
        warn(record, text);
    }
    if let Some(text) = judgement.remark {
        note(record, NoteLevel::Info, text);
    }
    match judgement.verdict {
        Verdict::Continue(claims) => Ok(Given::claims(claims)),
        Verdict::Failed(trouble) => Err(Telltale::of(call, &setup.service_url).failure(&trouble)),
    }
}

fn warn(record: &mut ProfileRecord, text: String) {
    note(record, NoteLevel::Warning, text);
}

fn note(record: &mut ProfileRecord, level: NoteLevel, text: String) {
    record.notes.push(Note {
        level,
        text,
        place: record.place.clone(),
    });
}

/// The call, what it means, and what the tenant's rules did to it.
async fn place(
    call: &Call<'_>,
    setup: &Setup,
    outgoing: &Outgoing,
) -> Result<(Placed, Judgement, Vec<String>), Failure> {
    let tenant = call.scene.tenant;
    let client = tenant.policy_client(&setup.authentication);
    let client =
        client.map_err(|unsendable| Refusal::unsendable(call, &unsendable).failure(call))?;
    let mut injected = Vec::new();
    let Some(http) = client else {
        let judgement = Judgement::of(Trouble::NoCertificate);
        return Ok((Placed::not_placed(), judgement, injected));
    };
    let (limit_ms, retry_on) = {
        let state = tenant.state();
        (
            state.variants.rest_time_limit_ms,
            state.variants.retry_on.clone(),
        )
    };
    let patience = Patience {
        limit_ms,
        retries: 1,
        retry_on: &retry_on,
    };
    let members = setup.members();
    let asked = Asked {
        profile: call.profile.id(),
        url: &outgoing.url,
        members: &members,
        limit_ms,
    };
    let treatment = || match tenant.state().rest_rules.take(&asked) {
        Some((treatment, told)) => {
            injected.push(told);
            treatment
        }
        None => Treatment::none(),
    };
    let placed = outgoing.place_treated(&http, &patience, treatment).await;
    let claims = setup::output_claims(call);
    let judgement = judge(&placed.exchange, &setup.reading(call, &claims));
    Ok((placed, judgement, injected))
}

/// A call that is over, for whoever reads of it.
struct Exchanged<'a> {
    setup: &'a Setup,
    outgoing: &'a Outgoing,
    placed: &'a Placed,
    injected: &'a [String],
}

impl Exchanged<'_> {
    fn record(&self, call: &Call<'_>, judgement: &mut Judgement, record: &mut ProfileRecord) {
        let secrets = self.secrets(call);
        let texts = judgement.warnings.iter_mut().chain(&mut judgement.remark);
        for warning in texts {
            *warning = secrets.masked(warning);
        }
        let body = self.outgoing.body.as_deref();
        let body = body.map(|body| secrets.bounded(&String::from_utf8_lossy(body)));
        let (content_type, reply) = match &self.placed.exchange {
            Exchange::Reply {
                content_type, body, ..
            } => (
                content_type.clone(),
                Some(secrets.bounded(&String::from_utf8_lossy(body))),
            ),
            Exchange::TimedOut { .. }
            | Exchange::NotConnected { .. }
            | Exchange::NotResolved { .. }
            | Exchange::Broken
            | Exchange::TooLong => (None, None),
        };
        let injected = self.injected.join("; ");
        let rest = RestRecord {
            method: self.outgoing.method.to_string(),
            url: secrets.masked(&self.outgoing.url),
            request_headers: secrets.headers(&self.outgoing.headers),
            request_body: body,
            attempts: self.placed.attempts,
            status: self.placed.exchange.status(),
            reply_content_type: content_type,
            reply_body: reply,
            trouble: judgement
                .verdict
                .detail()
                .map(|trouble| secrets.masked(&trouble)),
            injected: (!injected.is_empty()).then(|| secrets.masked(&injected)),
            took_us: u64::try_from(self.placed.took.as_micros()).unwrap_or(u64::MAX),
        };
        self.audit(call, judgement, &secrets, &rest);
        record.rest = Some(rest);
    }

    /// Those of the request, and what the reply calls secret.
    fn secrets(&self, call: &Call<'_>) -> Secrets {
        let mut secrets = self.setup.secrets.clone();
        if let Exchange::Reply { body, .. } = &self.placed.exchange
            && let Ok(reply) = serde_json::from_slice::<Json>(body)
        {
            secrets.add_members(&reply, &|name| {
                call.profile.output_claims().any(|reference| {
                    let claim = reference.claim().unwrap_or_default();
                    reference.partner_name().unwrap_or(claim) == name
                        && call.scene.program.is_masked(claim)
                })
            });
        }
        secrets
    }

    fn audit(&self, call: &Call<'_>, judgement: &Judgement, secrets: &Secrets, rest: &RestRecord) {
        let tenant = call.scene.tenant;
        let entry = Audit::of(Dialect::CustomPolicy, self.placed, &rest.url, &[]);
        tenant.audit(Audit {
            time: tenant.timestamp(),
            flow: call.scene.program.id.clone(),
            step: call.profile.id().to_owned(),
            correlation_id: Some(call.scene.context.correlation_id),
            judgement: failures::outcome_name(call, &judgement.verdict),
            error_code: judgement.verdict.error_code(),
            detail: rest.trouble.clone(),
            warnings: judgement
                .warnings
                .iter()
                .chain(&judgement.remark)
                .cloned()
                .collect(),
            claims: match &judgement.verdict {
                Verdict::Continue(claims) => seen(claims, call, secrets),
                Verdict::Failed(_) => Map::new(),
            },
            request_body: rest.request_body.clone().unwrap_or_default(),
            reply_body: rest.reply_body.clone(),
            ..entry
        });
    }
}

fn seen(claims: &Map<String, Json>, call: &Call<'_>, secrets: &Secrets) -> Map<String, Json> {
    let seen = claims.iter().map(|(claim, value)| {
        let value = match call.scene.program.is_masked(claim) {
            true => masking::mask(),
            false => secrets.masked_json(value),
        };
        (claim.clone(), value)
    });
    seen.collect()
}
