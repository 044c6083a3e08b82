//! Small policies and tenants for the tests of the engine.

use std::{collections::BTreeMap, sync::Arc};

use uuid::Uuid;

use super::{
    Scene, bag::Bag, context::Context, failure::Failure, profile, program::Program,
    providers::CallPlace, trace::ProfileRecord, value::Value,
};
use crate::{
    emulator::{
        audit::Dialect,
        oidc::{Authority, Request, ResponseMode, ResponseType},
        params::Params,
        settings::Settings,
        state::Tenant,
    },
    policy::set::PolicySet,
};

pub(crate) const DIRECTORY: &str = r#"<Protocol Name="Proprietary" Handler="Web.TPEngine.Providers.AzureActiveDirectoryProvider, Web.TPEngine"/>"#;
pub(crate) const TRANSFORMS: &str = r#"<Protocol Name="Proprietary" Handler="Web.TPEngine.Providers.ClaimsTransformationProtocolProvider, Web.TPEngine"/>"#;

/// A tenant, a policy and a request, before any claim is there.
pub(crate) struct Trial {
    pub(crate) tenant: Tenant,
    pub(crate) program: Program,
    pub(crate) context: Context,
}

impl Trial {
    /// `claims` is a list of `id` and `id:dataType`; technical profiles are
    /// written out.
    pub(crate) fn new(claims: &[&str], profiles: &str) -> Self {
        Self::with(claims, "", profiles, |_| {})
    }

    /// The same, with more building blocks, in a tenant that differs.
    pub(crate) fn with(
        claims: &[&str],
        blocks: &str,
        profiles: &str,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let mut settings = Settings::new("contoso");
        change(&mut settings);
        Self {
            tenant: Tenant::trial(settings),
            program: program(claims, blocks, profiles),
            context: context(),
        }
    }

    pub(crate) fn scene<'a>(&'a self, bag: &'a Bag) -> Scene<'a> {
        Scene {
            tenant: &self.tenant,
            program: &self.program,
            context: &self.context,
            bag,
        }
    }

    /// Runs a technical profile as one behind a page.
    pub(crate) async fn run(&self, id: &str, bag: &Bag) -> (Result<Bag, Failure>, ProfileRecord) {
        let found = self.program.profile(id).unwrap();
        let mut record = profile::record(&self.program, &found);
        let scene = self.scene(bag);
        let done = profile::run(scene, found, CallPlace::Validation, &mut record).await;
        (done, record)
    }
}

pub(crate) fn bag<const N: usize>(claims: [(&str, Value); N]) -> Bag {
    let mut bag = Bag::default();
    for (id, value) in claims {
        bag.set(id, value);
    }
    bag
}

/// The policy `B2C_1A_Trial` in `trial.xml`. Its journey `J` only sends claims.
pub(crate) fn program(claims: &[&str], blocks: &str, profiles: &str) -> Program {
    let claims: String = claims.iter().map(|claim| claim_type(claim)).collect();
    let text = format!(
        r#"<TrustFrameworkPolicy xmlns="http://schemas.microsoft.com/online/cpim/schemas/2013/06" PolicySchemaVersion="0.3.0.0" TenantId="contoso.onmicrosoft.com" PolicyId="B2C_1A_Trial" PublicPolicyUri="http://contoso.onmicrosoft.com/B2C_1A_Trial">
  <BuildingBlocks>
    <ClaimsSchema>{claims}</ClaimsSchema>{blocks}
  </BuildingBlocks>
  <ClaimsProviders><ClaimsProvider><DisplayName>P</DisplayName><TechnicalProfiles>
    <TechnicalProfile Id="Issuer"><DisplayName>I</DisplayName><Protocol Name="OpenIdConnect"/><OutputTokenFormat>JWT</OutputTokenFormat></TechnicalProfile>
{profiles}
  </TechnicalProfiles></ClaimsProvider></ClaimsProviders>
  <UserJourneys><UserJourney Id="J"><OrchestrationSteps>
    <OrchestrationStep Order="1" Type="SendClaims" CpimIssuerTechnicalProfileReferenceId="Issuer"/>
  </OrchestrationSteps></UserJourney></UserJourneys>
  <RelyingParty><DefaultUserJourney ReferenceId="J"/><TechnicalProfile Id="PolicyProfile"><DisplayName>R</DisplayName><Protocol Name="OpenIdConnect"/>
    <OutputClaims/><SubjectNamingInfo ClaimType="sub"/></TechnicalProfile></RelyingParty>
</TrustFrameworkPolicy>"#
    );
    program_of(&text)
}

/// A policy that is written out.
pub(crate) fn program_of(text: &str) -> Program {
    let set = PolicySet::from_texts([("trial.xml", text)]);
    assert!(set.broken.is_empty(), "{:?}", set.broken);
    let effective = set.effective(set.files[0].file).unwrap();
    Program::new(Dialect::CustomPolicy, effective, Arc::new(set.sources)).unwrap()
}

/// Claims called `…assword` are typed as passwords.
fn claim_type(claim: &str) -> String {
    let (id, data_type) = claim.split_once(':').unwrap_or((claim, "string"));
    let input = match id.to_lowercase().ends_with("password") {
        true => "<UserInputType>Password</UserInputType>",
        false => "",
    };
    format!(
        r#"<ClaimType Id="{id}"><DisplayName>{id}</DisplayName><DataType>{data_type}</DataType>{input}</ClaimType>"#
    )
}

pub(crate) fn context() -> Context {
    Context {
        journey_id: "journey".to_owned(),
        correlation_id: Uuid::from_u128(0x0b1e),
        request: Request {
            authority: Authority::B2c,
            client_id: "5d2b6e4a-90c7-4a3f-8f15-e6c1b7a2d908".to_owned(),
            redirect_uri: "https://shop.example/callback".to_owned(),
            response_type: ResponseType::Code,
            mode: ResponseMode::Query,
            scope: "openid".to_owned(),
            state: None,
            nonce: None,
            challenge: None,
            login_hint: None,
        },
        parameters: Params::default(),
        tag: "en-US".to_owned(),
        ip_address: "127.0.0.1".to_owned(),
        host: "localhost".to_owned(),
        base_url: "http://localhost:4711".to_owned(),
        started: 0,
        auth_time: 0,
        keep_signed_in: false,
        provider_tokens: BTreeMap::new(),
    }
}
