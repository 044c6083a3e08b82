//! P01 and P02.

use super::{BASE, PARTY, found, in_base, in_party, middle, only, with};

#[test]
fn the_root_must_be_in_the_namespace_of_policies() {
    let base = with(BASE, "cpim/schemas/2013/06", "cpim/schemas/2014/07");
    assert_eq!(
        found(&[("base.xml", &base)]),
        ["base.xml:2:30 P01 error `http://schemas.microsoft.com/online/cpim/schemas/2014/07`"]
    );
    let none = with(
        BASE,
        " xmlns=\"http://schemas.microsoft.com/online/cpim/schemas/2013/06\"",
        "",
    );
    assert_eq!(
        found(&[("base.xml", &none)]),
        ["base.xml:2:2 P01 error `TrustFrameworkPolicy`"]
    );
}

#[test]
fn there_is_one_version_of_the_schema() {
    let base = with(BASE, "\"0.3.0.0\"", "\"0.2.0.0\"");
    assert_eq!(
        found(&[("base.xml", &base)]),
        ["base.xml:2:109 P01 error `0.2.0.0`"]
    );
}

#[test]
fn elements_come_in_their_order() {
    let party = with(
        PARTY,
        "<DefaultUserJourney ReferenceId=\"Join\" />",
        "<UserJourneyBehaviors><ScriptExecution>Allow</ScriptExecution></UserJourneyBehaviors><DefaultUserJourney ReferenceId=\"Join\" />",
    );
    let finding = only(&[("base.xml", BASE), ("party.xml", &party)]);
    assert_eq!(
        finding.message,
        "<DefaultUserJourney> may not stand here in <RelyingParty>"
    );
    assert_eq!(
        finding.b2c.as_deref(),
        Some(
            "The element 'RelyingParty' in namespace 'http://schemas.microsoft.com/online/cpim/schemas/2013/06' has invalid child element 'DefaultUserJourney' in namespace 'http://schemas.microsoft.com/online/cpim/schemas/2013/06'. List of possible elements expected: 'TechnicalProfile' in namespace 'http://schemas.microsoft.com/online/cpim/schemas/2013/06'."
        )
    );
    assert_eq!(
        finding.mend.as_deref(),
        Some("move it up, before <UserJourneyBehaviors>")
    );
    assert_eq!(
        in_party(&party),
        ["party.xml:7:91 P02 error `DefaultUserJourney`"]
    );
}

#[test]
fn an_unknown_element_is_told_from_a_misplaced_one() {
    let unknown = with(
        BASE,
        "<OutputTokenFormat>JWT</OutputTokenFormat>",
        "<OutputTokenFormt>JWT</OutputTokenFormt>",
    );
    let finding = only(&[("base.xml", &unknown)]);
    assert_eq!(
        finding.mend.as_deref(),
        Some("did you mean <OutputTokenFormat>?")
    );
    let elsewhere = with(
        BASE,
        "<OutputTokenFormat>JWT</OutputTokenFormat>",
        "<ClaimsExchange Id=\"a\" TechnicalProfileReferenceId=\"SM-Noop\" />",
    );
    let finding = only(&[("base.xml", &elsewhere)]);
    assert_eq!(
        finding.mend.as_deref(),
        Some("<ClaimsExchange> belongs into <ClaimsExchanges>")
    );
}

#[test]
fn what_is_missing_is_told_of_at_its_parent() {
    let base = with(BASE, "<Value>objectId</Value>", "");
    assert_eq!(in_base(&base), ["base.xml:88:71 P02 error `Action`"]);
    let empty = middle("<BuildingBlocks><ClaimsSchema></ClaimsSchema></BuildingBlocks>");
    assert_eq!(
        found(&[("base.xml", BASE), ("middle.xml", &empty)]),
        ["middle.xml:6:20 P02 error `ClaimsSchema`"]
    );
}

#[test]
fn attributes_are_declared_required_and_of_their_type() {
    let unknown = with(
        BASE,
        "<TechnicalProfile Id=\"AAD-Read\"",
        "<TechnicalProfile Id=\"AAD-Read\" Reference=\"x\"",
    );
    assert_eq!(
        in_base(&unknown),
        ["base.xml:64:41 P02 error `Reference=\"x\"`"]
    );
    let missing = with(
        BASE,
        "<OrchestrationStep Order=\"4\" Type=\"SendClaims\"",
        "<OrchestrationStep Order=\"4\"",
    );
    assert!(in_base(&missing).contains(&"base.xml:95:10 P02 error `OrchestrationStep`".to_owned()));
    let wrong = with(
        BASE,
        "ExecuteActionsIf=\"true\"",
        "ExecuteActionsIf=\"True\"",
    );
    assert_eq!(in_base(&wrong), ["base.xml:88:64 P02 error `True`"]);
    let other = with(
        BASE,
        "<DataType>boolean</DataType>",
        "<DataType>Boolean</DataType>",
    );
    assert_eq!(in_base(&other), ["base.xml:8:41 P02 error `Boolean`"]);
}

#[test]
fn blanks_count_where_values_are_enumerated() {
    let base = with(
        BASE,
        "<DataType>boolean</DataType>",
        "<DataType> boolean </DataType>",
    );
    let finding = only(&[("base.xml", &base)]);
    assert_eq!(
        finding.mend.as_deref(),
        Some("take the blanks and line breaks around it away")
    );
}

#[test]
fn text_stands_only_where_it_may() {
    let party = with(PARTY, "<RelyingParty>", "<RelyingParty>stray");
    assert_eq!(in_party(&party), ["party.xml:6:17 P02 error `stray`"]);
}

#[test]
fn keys_are_unique_as_they_are_written() {
    let twice = with(
        BASE,
        "<ClaimType Id=\"newUser\">",
        "<ClaimType Id=\"email\">",
    );
    let found = in_base(&twice);
    assert_eq!(found[0], "base.xml:8:22 P02 error `email`");
    let other_case = with(
        BASE,
        "<ClaimType Id=\"newUser\">",
        "<ClaimType Id=\"Email\">",
    );
    assert!(
        !in_base(&other_case)
            .iter()
            .any(|finding| finding.contains(" P02 "))
    );
    let order = with(BASE, "Order=\"3\"", "Order=\"02\"");
    assert!(in_base(&order).contains(&"base.xml:92:35 P02 error `02`".to_owned()));
}

#[test]
fn what_is_still_to_be_filled_in_is_no_fault_of_the_schema() {
    let open = BASE
        .replace("contoso.onmicrosoft.com", "{Settings:Tenant}")
        .replace(
            "ExecuteActionsIf=\"true\"",
            "ExecuteActionsIf=\"{Settings:Skip}\"",
        );
    assert_eq!(found(&[("base.xml", &open)]), Vec::<String>::new());
    let named = BASE.replace("contoso.onmicrosoft.com", "your-tenant.onmicrosoft.com");
    assert_eq!(found(&[("base.xml", &named)]), Vec::<String>::new());
}
