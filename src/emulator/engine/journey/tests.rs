use std::sync::Arc;

use super::{End, Journey, Next, Waiting};
use crate::emulator::{
    engine::{
        session::Sso,
        trial::{TRANSFORMS, context, program_of},
    },
    params::Params,
    settings::Settings,
    state::Tenant,
    visit,
};

const PAGE: &str = r#"<Protocol Name="Proprietary" Handler="Web.TPEngine.Providers.SelfAssertedAttributeProvider, Web.TPEngine"/>"#;

/// A policy of technical profiles and steps that ends in a token.
fn journey(profiles: &str, steps: &str, parameters: &str) -> (Tenant, Journey) {
    let text = format!(
        r#"<TrustFrameworkPolicy xmlns="http://schemas.microsoft.com/online/cpim/schemas/2013/06" PolicySchemaVersion="0.3.0.0" TenantId="contoso.onmicrosoft.com" PolicyId="B2C_1A_Trial" PublicPolicyUri="http://contoso.onmicrosoft.com/B2C_1A_Trial">
  <BuildingBlocks><ClaimsSchema>
    <ClaimType Id="word"><DisplayName>Word</DisplayName><DataType>string</DataType><UserInputType>TextBox</UserInputType></ClaimType>
    <ClaimType Id="first"><DisplayName>First</DisplayName><DataType>string</DataType></ClaimType>
    <ClaimType Id="second"><DisplayName>Second</DisplayName><DataType>string</DataType></ClaimType>
    <ClaimType Id="sub"><DisplayName>Subject</DisplayName><DataType>string</DataType></ClaimType>
  </ClaimsSchema></BuildingBlocks>
  <ClaimsProviders><ClaimsProvider><Domain>played.example</Domain><DisplayName>P</DisplayName><TechnicalProfiles>
    <TechnicalProfile Id="Issuer"><DisplayName>I</DisplayName><Protocol Name="OpenIdConnect"/><OutputTokenFormat>JWT</OutputTokenFormat></TechnicalProfile>
{profiles}
  </TechnicalProfiles></ClaimsProvider></ClaimsProviders>
  <UserJourneys><UserJourney Id="J"><OrchestrationSteps>
{steps}
    <OrchestrationStep Order="3" Type="SendClaims" CpimIssuerTechnicalProfileReferenceId="Issuer"/>
  </OrchestrationSteps></UserJourney></UserJourneys>
  <RelyingParty><DefaultUserJourney ReferenceId="J"/><TechnicalProfile Id="PolicyProfile"><DisplayName>R</DisplayName><Protocol Name="OpenIdConnect"/>
    <OutputClaims><OutputClaim ClaimTypeReferenceId="sub" DefaultValue="ada"/><OutputClaim ClaimTypeReferenceId="first"/><OutputClaim ClaimTypeReferenceId="second"/></OutputClaims>
    <SubjectNamingInfo ClaimType="sub"/></TechnicalProfile></RelyingParty>
</TrustFrameworkPolicy>"#
    );
    let tenant = Tenant::trial(Settings::new("contoso"));
    let program = Arc::new(program_of(&text));
    let mut context = context();
    context.parameters = Params::parse(parameters.as_bytes());
    let trace = visit::trace(&tenant, &program, &context);
    let journey = Journey::new(program, context, Sso::default(), trace);
    (tenant, journey)
}

fn says(id: &str, claim: &str, metadata: &str, enabled: &str) -> String {
    format!(
        r#"<TechnicalProfile Id="{id}"><DisplayName>{id}</DisplayName>{TRANSFORMS}<Metadata>{metadata}</Metadata>
        <OutputClaims><OutputClaim ClaimTypeReferenceId="{claim}" DefaultValue="ran" AlwaysUseDefaultValue="true"/></OutputClaims>
        <EnabledForUserJourneys>{enabled}</EnabledForUserJourneys></TechnicalProfile>"#
    )
}

#[tokio::test]
async fn validation_profiles_that_are_not_enabled_do_not_run() {
    let on_word = r#"<Item Key="ClaimTypeOnWhichToEnable">word</Item><Item Key="ClaimValueOnWhichToEnable">go</Item>"#;
    let profiles = format!(
        r#"<TechnicalProfile Id="Page"><DisplayName>Page</DisplayName>{PAGE}
        <OutputClaims><OutputClaim ClaimTypeReferenceId="word"/><OutputClaim ClaimTypeReferenceId="first"/><OutputClaim ClaimTypeReferenceId="second"/></OutputClaims>
        <ValidationTechnicalProfiles><ValidationTechnicalProfile ReferenceId="Never"/><ValidationTechnicalProfile ReferenceId="OnWord"/></ValidationTechnicalProfiles>
        </TechnicalProfile>{}{}"#,
        says("Never", "first", "", "Never"),
        says("OnWord", "second", on_word, "OnClaimsExistence"),
    );
    let steps = r#"<OrchestrationStep Order="1" Type="ClaimsExchange"><ClaimsExchanges><ClaimsExchange Id="E" TechnicalProfileReferenceId="Page"/></ClaimsExchanges></OrchestrationStep>
        <OrchestrationStep Order="2" Type="Noop"/>"#;
    for (sent, expected) in [("word=stay", None), ("word=go", Some("ran"))] {
        let (tenant, mut journey) = journey(&profiles, steps, "");
        assert!(matches!(journey.run(&tenant).await, Next::Page), "{sent}");
        let next = journey
            .submit(&tenant, &Params::parse(sent.as_bytes()))
            .await;
        let Next::End(End::Issued(issued)) = next else {
            panic!("{sent} ends in no token");
        };
        let claim = |name: &str| issued.claims.get(name).and_then(|value| value.as_str());
        assert_eq!(
            (claim("first"), claim("second")),
            (None, expected),
            "{sent}"
        );
    }
}

#[tokio::test]
async fn a_hint_does_not_lead_to_a_provider_that_is_not_enabled() {
    let provider = |id: &str, enabled: &str| {
        format!(
            r#"<TechnicalProfile Id="{id}"><DisplayName>{id}</DisplayName><Protocol Name="OAuth2"/>
            <OutputClaims><OutputClaim ClaimTypeReferenceId="first"/></OutputClaims>
            <EnabledForUserJourneys>{enabled}</EnabledForUserJourneys></TechnicalProfile>"#
        )
    };
    let steps = r#"<OrchestrationStep Order="1" Type="ClaimsProviderSelection"><ClaimsProviderSelections>
        <ClaimsProviderSelection TargetClaimsExchangeId="Closed"/><ClaimsProviderSelection TargetClaimsExchangeId="A"/><ClaimsProviderSelection TargetClaimsExchangeId="B"/>
        </ClaimsProviderSelections></OrchestrationStep>
        <OrchestrationStep Order="2" Type="ClaimsExchange"><ClaimsExchanges>
        <ClaimsExchange Id="Closed" TechnicalProfileReferenceId="Closed"/><ClaimsExchange Id="A" TechnicalProfileReferenceId="Open"/><ClaimsExchange Id="B" TechnicalProfileReferenceId="Open"/>
        </ClaimsExchanges></OrchestrationStep>"#;
    let profiles = provider("Closed", "Never") + &provider("Open", "Always");
    let (tenant, mut journey) = journey(&profiles, steps, "domain_hint=played.example");
    assert!(matches!(journey.run(&tenant).await, Next::Page));
    let Some(Waiting::Provider(at)) = journey.waiting() else {
        panic!("not at a provider: {:?}", journey.waiting());
    };
    assert_eq!(at.exchange, "A");
}

#[tokio::test]
async fn who_begins_anew_takes_nothing_along() {
    let profiles = format!(
        r#"<TechnicalProfile Id="Page"><DisplayName>Page</DisplayName>{PAGE}<OutputClaims><OutputClaim ClaimTypeReferenceId="word"/></OutputClaims></TechnicalProfile>"#
    );
    let steps = r#"<OrchestrationStep Order="1" Type="ClaimsExchange"><ClaimsExchanges><ClaimsExchange Id="E" TechnicalProfileReferenceId="Page"/></ClaimsExchanges></OrchestrationStep>
        <OrchestrationStep Order="2" Type="Noop"/>"#;
    let (tenant, mut journey) = journey(&profiles, steps, "");
    assert!(matches!(journey.run(&tenant).await, Next::Page));
    journey.context.keep_signed_in = true;
    let token = ("access_token".to_owned(), "of somebody else".to_owned());
    journey.context.provider_tokens.extend([token]);
    assert!(matches!(journey.restart(&tenant).await, Next::Page));
    assert!(!journey.context.keep_signed_in);
    assert!(journey.context.provider_tokens.is_empty());
}
