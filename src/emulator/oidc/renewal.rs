//! What a refresh token of External ID leads to: the journey's end once more, so
//! that tokens tell what is known of the account and what its extension says
//! today.

use std::sync::Arc;

use uuid::Uuid;

use super::{Mistake, OAuthError};
use crate::emulator::{
    audit::Dialect,
    engine::{
        bag::Bag,
        context::Context,
        issue::Issued,
        journey::{End, Journey, Next},
        program::Program,
    },
    params::Params,
    state::{Tenant, random_id},
    visit,
};

/// What it begins with.
#[derive(Clone)]
pub(in crate::emulator) struct Renewal {
    context: Context,
    /// Who signed in.
    who: Bag,
}

impl Renewal {
    /// B2C takes the values of the journey again: there is nothing to renew.
    pub(super) fn of(program: &Program, context: &Context, issued: &Issued) -> Option<Arc<Self>> {
        match program.dialect {
            Dialect::UserFlow | Dialect::CustomPolicy => None,
            Dialect::ExternalId => Some(Arc::new(Self {
                context: context.clone(),
                who: issued.who.clone(),
            })),
        }
    }

    pub(super) async fn run(
        &self,
        tenant: &Tenant,
        program: &Arc<Program>,
    ) -> Result<Issued, OAuthError> {
        let context = Context {
            journey_id: random_id(),
            correlation_id: Uuid::new_v4(),
            parameters: Params::parse(b"grant_type=refresh_token"),
            started: tenant.now(),
            ..self.context.clone()
        };
        let authority = context.request.authority;
        let trace = visit::trace(tenant, program, &context);
        let mut journey = Journey::renewing(program.clone(), context, self.who.clone(), trace);
        let next = journey.run(tenant).await;
        tenant.put_trace(journey.trace.clone());
        match next {
            Next::End(End::Issued(issued)) => Ok(issued),
            Next::End(End::Error(error) | End::Technical(error)) => Err(error),
            Next::End(End::Blocked { .. }) | Next::Page => {
                Err(Mistake::Internal.worded(tenant, authority))
            }
        }
    }
}
