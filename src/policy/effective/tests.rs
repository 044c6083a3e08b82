use super::super::set::PolicySet;
use super::super::view::{PreconditionKind, ProviderKind, SessionKind, StepKind};
use super::*;

const BASE: &str = r#"<TrustFrameworkPolicy PolicyId="base">
<BuildingBlocks>
  <ClaimsSchema><ClaimType Id="surName"><DisplayName>Surname</DisplayName><DataType>string</DataType>
    <DefaultPartnerClaimTypes><Protocol Name="OpenIdConnect" PartnerClaimType="family_name"/></DefaultPartnerClaimTypes>
    <UserInputType>TextBox</UserInputType></ClaimType></ClaimsSchema>
  <ClaimsTransformations><ClaimsTransformation Id="Make" TransformationMethod="CreateStringClaim">
    <InputParameters><InputParameter Id="value" DataType="string" Value="x"/></InputParameters>
    <OutputClaims><OutputClaim ClaimTypeReferenceId="surName" TransformationClaimType="createdClaim"/></OutputClaims>
  </ClaimsTransformation></ClaimsTransformations>
  <ContentDefinitions><ContentDefinition Id="api.page"><DataUri>urn:page</DataUri>
    <Metadata><Item Key="DisplayName">The page</Item></Metadata></ContentDefinition></ContentDefinitions>
  <Localization Enabled="true"><LocalizedResources Id="page.en"><LocalizedStrings>
    <LocalizedString ElementType="UxElement" StringId="button">Go</LocalizedString>
    <LocalizedString ElementType="ClaimType" ElementId="surName" StringId="DisplayName">Family name</LocalizedString>
  </LocalizedStrings></LocalizedResources></Localization>
</BuildingBlocks>
<ClaimsProviders>
  <ClaimsProvider><DisplayName>AAD</DisplayName><TechnicalProfiles>
    <TechnicalProfile Id="Common"><Protocol Name="Proprietary" Handler="Web.TPEngine.Providers.AzureActiveDirectoryProvider, Web.TPEngine"/>
      <Metadata><Item Key="Shared">base</Item></Metadata></TechnicalProfile>
    <TechnicalProfile Id="Read"><Metadata><Item Key="Operation">Read</Item></Metadata>
      <OutputClaims><OutputClaim ClaimTypeReferenceId="surname" PartnerClaimType="Verified.Email" Required="1"/></OutputClaims>
      <IncludeTechnicalProfile ReferenceId="common"/><UseTechnicalProfileForSessionManagement ReferenceId="SM"/></TechnicalProfile>
    <TechnicalProfile Id="SM"><Protocol Name="Proprietary" Handler="Web.TPEngine.SSO.NoopSSOSessionProvider, x"/></TechnicalProfile>
    <TechnicalProfile Id="Round"><DisplayName>r</DisplayName><IncludeTechnicalProfile ReferenceId="About"/></TechnicalProfile>
    <TechnicalProfile Id="About"><IncludeTechnicalProfile ReferenceId="Round"/></TechnicalProfile>
    <TechnicalProfile Id="Itself"><IncludeTechnicalProfile ReferenceId="Itself"/></TechnicalProfile>
    <TechnicalProfile Id="Into"><IncludeTechnicalProfile ReferenceId="Round"/></TechnicalProfile>
    <TechnicalProfile Id="Nowhere"><IncludeTechnicalProfile ReferenceId="Gone"/></TechnicalProfile>
  </TechnicalProfiles></ClaimsProvider>
</ClaimsProviders>
<UserJourneys><UserJourney Id="SignIn" DefaultCpimIssuerTechnicalProfileReferenceId="Jwt"><OrchestrationSteps>
  <OrchestrationStep Order="2" Type="SendClaims"/>
  <OrchestrationStep Order="1" Type="ClaimsExchange"><Preconditions><Precondition Type="ClaimEquals" ExecuteActionsIf="True">
    <Value>kind</Value><Value>local</Value><Action>SkipThisOrchestrationStep</Action></Precondition></Preconditions>
    <ClaimsExchanges><ClaimsExchange Id="X" TechnicalProfileReferenceId="Read"/></ClaimsExchanges></OrchestrationStep>
</OrchestrationSteps></UserJourney></UserJourneys>
</TrustFrameworkPolicy>"#;

const CHILD: &str = r#"<TrustFrameworkPolicy PolicyId="child"><BasePolicy><PolicyId>BASE</PolicyId></BasePolicy>
<ClaimsProviders><ClaimsProvider><TechnicalProfiles>
  <TechnicalProfile Id="common"><Metadata><Item Key="Shared">child</Item><Item Key="ClientId">c</Item></Metadata></TechnicalProfile>
</TechnicalProfiles></ClaimsProvider></ClaimsProviders>
<RelyingParty><DefaultUserJourney ReferenceId="signin"/><TechnicalProfile Id="PolicyProfile"><Protocol Name="OpenIdConnect"/></TechnicalProfile></RelyingParty>
</TrustFrameworkPolicy>"#;

fn child() -> Arc<Effective> {
    let set = PolicySet::from_texts([("base.xml", BASE), ("child.xml", CHILD)]);
    let file = set.with_id("child").next().unwrap().file;
    set.effective(file).unwrap()
}

#[test]
fn what_is_included_is_the_merged_profile() {
    let policy = child();
    let read = policy.technical_profile("READ").unwrap();
    assert_eq!(read.id(), "Read");
    assert_eq!(read.provider(), Some(ProviderKind::AzureActiveDirectory));
    assert_eq!(
        read.metadata("shared"),
        Some("child"),
        "the child's override of the included one"
    );
    assert_eq!(read.metadata("ClientId"), Some("c"));
    assert_eq!(read.metadata("Operation"), Some("Read"), "its own");
    assert_eq!(read.include(), Some("common"));
    let stated = policy.stated_profile("Read").unwrap();
    assert_eq!(stated.metadata("Shared"), None);
    assert_eq!(stated.provider(), None);
    let provider = policy.claims_provider_of("read").unwrap();
    assert_eq!(provider.child_text("DisplayName"), Some("AAD"));
}

#[test]
fn includes_that_go_round_or_nowhere_end() {
    let policy = child();
    let names = |id| policy.technical_profile(id).unwrap().display_name();
    assert_eq!(names("Round"), Some("r"));
    assert_eq!(names("About"), None, "one of the circle is taken without");
    assert_eq!(names("Itself"), None);
    assert_eq!(
        names("Into"),
        Some("r"),
        "what leads into a circle includes what it names"
    );
    assert_eq!(names("Nowhere"), None);
    assert_eq!(
        policy.technical_profiles().count(),
        8,
        "each has its own place"
    );
}

#[test]
fn ten_thousand_includes_in_a_row_do_not_overflow_the_stack() {
    let profiles: String = (0..10_000)
        .map(|n| {
            let next = n + 1;
            format!("<TechnicalProfile Id='p{n}'><IncludeTechnicalProfile ReferenceId='p{next}'/></TechnicalProfile>")
        })
        .collect();
    let text = format!(
        "<TrustFrameworkPolicy PolicyId='a'><ClaimsProviders><ClaimsProvider><TechnicalProfiles>{profiles}\
         <TechnicalProfile Id='p10000'><DisplayName>end</DisplayName></TechnicalProfile>\
         </TechnicalProfiles></ClaimsProvider></ClaimsProviders></TrustFrameworkPolicy>"
    );
    let set = PolicySet::from_texts([("a.xml", text.as_str())]);
    let policy = set.effective(set.files[0].file).unwrap();
    assert_eq!(
        policy.technical_profile("p0").unwrap().display_name(),
        Some("end")
    );
}

#[test]
fn a_journey_is_read_step_by_step() {
    let policy = child();
    let party = policy.relying_party().unwrap();
    let journey = policy.journey(party.default_journey().unwrap()).unwrap();
    assert_eq!(journey.id(), "SignIn");
    assert_eq!(journey.default_issuer(), Some("Jwt"));
    let steps = journey.steps();
    let kinds: Vec<_> = steps
        .iter()
        .map(|step| (step.order(), step.kind()))
        .collect();
    assert_eq!(
        kinds,
        [
            (Some(1), Some(StepKind::ClaimsExchange)),
            (Some(2), Some(StepKind::SendClaims))
        ]
    );
    let exchange = steps[0].claims_exchanges().next().unwrap();
    assert_eq!((exchange.id(), exchange.profile()), ("X", Some("Read")));
    let condition = steps[0].preconditions().next().unwrap();
    assert_eq!(condition.kind(), Some(PreconditionKind::ClaimEquals));
    assert_eq!(condition.execute_actions_if(), Some(true));
    assert_eq!(
        (condition.claim(), condition.value()),
        (Some("kind"), Some("local"))
    );
    assert_eq!(condition.action(), Some("SkipThisOrchestrationStep"));
    let sent = party.profile().unwrap();
    assert_eq!(sent.provider(), Some(ProviderKind::OpenIdConnect));
}

#[test]
fn building_blocks_are_read() {
    let policy = child();
    let claim = policy.claim_type("SURNAME").unwrap();
    assert_eq!(claim.data_type(), Some("string"));
    assert_eq!(
        claim.default_partner_name("OpenIdConnect"),
        Some("family_name")
    );
    assert_eq!(claim.default_partner_name("OAuth2"), None);
    assert_eq!(claim.user_input_type(), Some("TextBox"));
    let transformation = policy.claims_transformation("make").unwrap();
    assert_eq!(transformation.method(), Some("CreateStringClaim"));
    let parameter = transformation.input_parameters().next().unwrap();
    assert_eq!((parameter.id(), parameter.value()), ("value", Some("x")));
    let created = transformation.output_claims().next().unwrap();
    assert_eq!(created.transformation_name(), Some("createdClaim"));
    let page = policy.content_definition("api.page").unwrap();
    assert_eq!(
        (page.data_uri(), page.metadata("displayname")),
        (Some("urn:page"), Some("The page"))
    );
    let texts = policy.localized_resources("page.EN").unwrap();
    assert_eq!(
        texts.string("ClaimType", Some("surname"), "DisplayName"),
        Some("Family name")
    );
    assert_eq!(texts.string("UxElement", None, "button"), Some("Go"));
    assert_eq!(texts.string("UxElement", Some("surname"), "button"), None);
}

#[test]
fn a_claim_reference_tells_its_flags() {
    let policy = child();
    let read = policy.technical_profile("Read").unwrap();
    let claim = read.output_claims().next().unwrap();
    assert_eq!(claim.claim(), Some("surname"));
    assert!(claim.required(), "1 is true");
    assert!(!claim.always_use_default(), "off unless stated");
    assert!(claim.is_verified_email());
    assert_eq!(read.session_management(), Some("SM"));
    let session = policy.technical_profile("sm").unwrap();
    assert_eq!(
        session.provider(),
        Some(ProviderKind::Session(SessionKind::Noop))
    );
}

#[test]
fn a_profile_states_claims_of_the_included_one_anew() {
    let text = r#"<TrustFrameworkPolicy PolicyId="p"><ClaimsProviders><ClaimsProvider><TechnicalProfiles>
        <TechnicalProfile Id="Included"><OutputClaims>
          <OutputClaim ClaimTypeReferenceId="mail" PartnerClaimType="signInNames.emailAddress"/>
          <OutputClaim ClaimTypeReferenceId="name" PartnerClaimType="displayName"/></OutputClaims></TechnicalProfile>
        <TechnicalProfile Id="Own"><OutputClaims>
          <OutputClaim ClaimTypeReferenceId="id"/><OutputClaim ClaimTypeReferenceId="MAIL"/></OutputClaims>
          <IncludeTechnicalProfile ReferenceId="Included"/></TechnicalProfile>
        </TechnicalProfiles></ClaimsProvider></ClaimsProviders></TrustFrameworkPolicy>"#;
    let set = PolicySet::from_texts([("p.xml", text)]);
    let policy = set.effective(set.files[0].file).unwrap();
    let own = policy.technical_profile("Own").unwrap();
    let claims: Vec<_> = own
        .output_claims()
        .map(|claim| (claim.claim(), claim.partner_name()))
        .collect();
    assert_eq!(
        claims,
        [
            (Some("id"), None),
            (Some("MAIL"), None),
            (Some("name"), Some("displayName")),
        ]
    );
}
