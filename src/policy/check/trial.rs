//! Small policies for the tests of rules. `«` and `»` in them stand around
//! what a finding should point at.

use super::{Options, check};
use crate::policy::finding::Severity;
use crate::policy::set::PolicySet;

/// Claims that the trials use, by their types.
const CLAIMS: &str = r#"
      <ClaimType Id="email"><DisplayName>E</DisplayName><DataType>string</DataType><UserInputType>TextBox</UserInputType></ClaimType>
      <ClaimType Id="objectId"><DisplayName>O</DisplayName><DataType>string</DataType></ClaimType>
      <ClaimType Id="city"><DisplayName>C</DisplayName><DataType>string</DataType><UserInputType>TextBox</UserInputType></ClaimType>
      <ClaimType Id="age"><DisplayName>A</DisplayName><DataType>int</DataType></ClaimType>
      <ClaimType Id="isNew"><DisplayName>N</DisplayName><DataType>boolean</DataType></ClaimType>
      <ClaimType Id="extension_Tier"><DisplayName>T</DisplayName><DataType>string</DataType></ClaimType>"#;

pub(super) const SELF_ASSERTED: &str = r#"<Protocol Name="Proprietary" Handler="Web.TPEngine.Providers.SelfAssertedAttributeProvider, Web.TPEngine"/>"#;
pub(super) const REST: &str = r#"<Protocol Name="Proprietary" Handler="Web.TPEngine.Providers.RestfulProvider, Web.TPEngine"/>"#;
pub(super) const DIRECTORY: &str = r#"<Protocol Name="Proprietary" Handler="Web.TPEngine.Providers.AzureActiveDirectoryProvider, Web.TPEngine"/>"#;

/// A policy with that id over that base, if any, with what stands in it.
pub(super) fn policy(id: &str, base: Option<&str>, content: &str) -> String {
    let base = base.map_or_else(String::new, |base| {
        format!(
            "<BasePolicy><TenantId>fabrikam.onmicrosoft.com</TenantId><PolicyId>{base}</PolicyId></BasePolicy>"
        )
    });
    format!(
        r#"<TrustFrameworkPolicy xmlns="http://schemas.microsoft.com/online/cpim/schemas/2013/06" PolicySchemaVersion="0.3.0.0" TenantId="fabrikam.onmicrosoft.com" PolicyId="{id}" PublicPolicyUri="http://fabrikam.onmicrosoft.com/{id}">{base}
{content}
</TrustFrameworkPolicy>"#
    )
}

/// A relying party whose journey runs the technical profile `It`.
pub(super) fn running(profiles: &str) -> String {
    running_with("", profiles, "")
}

/// The same, with more building blocks, and preconditions on the second step.
pub(super) fn running_with(blocks: &str, profiles: &str, preconditions: &str) -> String {
    policy(
        "B2C_1A_Trial",
        None,
        &format!(
            r#"  <BuildingBlocks>
    <ClaimsSchema>{CLAIMS}
    </ClaimsSchema>{blocks}
  </BuildingBlocks>
  <ClaimsProviders><ClaimsProvider><DisplayName>P</DisplayName><TechnicalProfiles>
    <TechnicalProfile Id="Issuer"><DisplayName>I</DisplayName><Protocol Name="OpenIdConnect"/><OutputTokenFormat>JWT</OutputTokenFormat></TechnicalProfile>
{profiles}
  </TechnicalProfiles></ClaimsProvider></ClaimsProviders>
  <UserJourneys><UserJourney Id="J"><OrchestrationSteps>
    <OrchestrationStep Order="1" Type="ClaimsExchange"><ClaimsExchanges><ClaimsExchange Id="A" TechnicalProfileReferenceId="It"/></ClaimsExchanges></OrchestrationStep>
    <OrchestrationStep Order="2" Type="ClaimsExchange">{preconditions}<ClaimsExchanges><ClaimsExchange Id="B" TechnicalProfileReferenceId="It"/></ClaimsExchanges></OrchestrationStep>
    <OrchestrationStep Order="3" Type="SendClaims" CpimIssuerTechnicalProfileReferenceId="Issuer"/>
  </OrchestrationSteps></UserJourney></UserJourneys>
  <RelyingParty><DefaultUserJourney ReferenceId="J"/><TechnicalProfile Id="PolicyProfile"><DisplayName>R</DisplayName><Protocol Name="OpenIdConnect"/>
    <OutputClaims><OutputClaim ClaimTypeReferenceId="objectId" DefaultValue="{{Policy:TenantObjectId}}" AlwaysUseDefaultValue="true"/></OutputClaims>
    <SubjectNamingInfo ClaimType="objectId"/></TechnicalProfile></RelyingParty>"#
        ),
    )
}

/// Takes the marks out and says where they were.
fn marked(text: &str) -> (String, Vec<(usize, usize)>) {
    let mut plain = String::new();
    let mut places = Vec::new();
    for c in text.chars() {
        match c {
            '«' => places.push((plain.len(), 0)),
            '»' => places.last_mut().unwrap().1 = plain.len(),
            other => plain.push(other),
        }
    }
    (plain, places)
}

/// That a rule finds just these, each at its mark, in their order.
#[track_caller]
pub(super) fn finds(rule: u8, files: &[&str], expected: &[(Severity, &str)]) {
    finds_for(rule, files, &Options::default(), expected);
}

#[track_caller]
pub(super) fn finds_for(
    rule: u8,
    files: &[&str],
    options: &Options,
    expected: &[(Severity, &str)],
) {
    let texts: Vec<_> = files.iter().map(|text| marked(text)).collect();
    let names: Vec<_> = (0..texts.len()).map(|at| format!("{at}.xml")).collect();
    let set = PolicySet::from_texts(
        names
            .iter()
            .zip(&texts)
            .map(|(name, (text, _))| (name.as_str(), text.as_str())),
    );
    let marks: Vec<_> = set
        .sources
        .ids()
        .zip(&texts)
        .flat_map(|(file, (_, places))| places.iter().map(move |(from, to)| (file, *from, *to)))
        .collect();
    assert_eq!(marks.len(), expected.len(), "marks and findings");
    assert!(set.broken.is_empty(), "{:?}", set.broken);
    let report = check(&set, options);
    let found: Vec<_> = report
        .findings
        .iter()
        .filter(|finding| finding.rule.0 == rule)
        .map(|finding| {
            let span = finding.span;
            let place = (span.file, span.start as usize, span.end as usize);
            (place, finding.severity, finding.message.as_str())
        })
        .collect();
    let expected: Vec<_> = marks
        .into_iter()
        .zip(expected)
        .map(|(place, (severity, message))| (place, *severity, *message))
        .collect();
    assert_eq!(found, expected);
}
