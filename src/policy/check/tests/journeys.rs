//! P11 to P15 and P37.

use super::{BASE, PARTY, found, in_base, middle, only, with};

/// A journey of the middle policy, on one line.
fn journey(id: &str, steps: &str) -> String {
    middle(&format!(
        "<UserJourneys><UserJourney Id=\"{id}\"><OrchestrationSteps>{steps}</OrchestrationSteps></UserJourney></UserJourneys>"
    ))
}

fn in_journey(id: &str, steps: &str) -> Vec<String> {
    found(&[("base.xml", BASE), ("middle.xml", &journey(id, steps))])
}

const READ: &str = "<OrchestrationStep Order=\"1\" Type=\"ClaimsExchange\"><ClaimsExchanges><ClaimsExchange Id=\"A\" TechnicalProfileReferenceId=\"AAD-Read\" /></ClaimsExchanges></OrchestrationStep>";
const SEND: &str = "<OrchestrationStep Order=\"2\" Type=\"SendClaims\" CpimIssuerTechnicalProfileReferenceId=\"JwtIssuer\" />";

#[test]
fn steps_have_no_gap() {
    assert_eq!(
        in_journey("Other", &format!("{READ}{SEND}")),
        Vec::<String>::new()
    );
    let gap = SEND.replace("Order=\"2\"", "Order=\"3\"");
    assert_eq!(
        in_journey("Other", &format!("{READ}{gap}")),
        ["middle.xml:6:257 P11 error `3`"]
    );
    let late = READ.replace("Order=\"1\"", "Order=\"2\"");
    assert_eq!(
        in_journey("Other", &late),
        ["middle.xml:6:87 P11 error `2`"]
    );
}

#[test]
fn a_gap_that_inherited_steps_fill_is_none() {
    let step = SEND.replace("Order=\"2\"", "Order=\"5\"");
    let found = in_journey("Join", &step);
    assert!(
        !found.iter().any(|finding| finding.contains(" P11 ")),
        "{found:?}"
    );
}

#[test]
fn several_exchanges_need_a_selection_before_them() {
    let second = READ.replace("Order=\"1\"", "Order=\"3\"");
    let middle = journey("Join", &second);
    let (set, report) = super::run(
        &[("base.xml", BASE), ("middle.xml", &middle)],
        &super::Options::default(),
    );
    let errors: Vec<_> = report.findings.iter().filter(|f| f.rule.0 != 21).collect();
    let [finding] = errors.as_slice() else {
        panic!("{errors:?}");
    };
    assert_eq!(
        super::said(&set, finding),
        "middle.xml:6:129 P12 error `ClaimsExchange`"
    );
    assert_eq!(
        finding.b2c.as_deref(),
        Some(
            "User journey \"Join\" in policy \"B2C_1A_Middle\" of tenant \"contoso.onmicrosoft.com\" has step 3 with 2 claims exchanges. It must be preceded by a claims provider selection in order to determine which claims exchange can be used."
        )
    );
    assert_eq!(
        finding.related[0].1,
        "`ReadExchange` comes from `B2C_1A_Base`"
    );
}

#[test]
fn several_exchanges_after_a_selection_are_right() {
    let base = with(
        BASE,
        "<ClaimsExchange Id=\"SignUpExchange\" TechnicalProfileReferenceId=\"SignUp\" />",
        "<ClaimsExchange Id=\"SignUpExchange\" TechnicalProfileReferenceId=\"SignUp\" /><ClaimsExchange Id=\"More\" TechnicalProfileReferenceId=\"SignUp\" />",
    );
    let base = with(
        &base,
        "<ClaimsProviderSelections>",
        "<ClaimsProviderSelections><ClaimsProviderSelection TargetClaimsExchangeId=\"More\" />",
    );
    assert_eq!(in_base(&base), Vec::<String>::new());
}

#[test]
fn a_claims_exchange_follows_a_selection() {
    let base = with(
        BASE,
        "<ClaimsProviderSelections>",
        "<ClaimsProviderSelections><ClaimsProviderSelection TargetClaimsExchangeId=\"SignUpExchange\" />",
    );
    assert_eq!(in_base(&base), Vec::<String>::new());
    let base = with(
        &base,
        "Order=\"2\" Type=\"ClaimsExchange\"",
        "Order=\"2\" Type=\"Noop\"",
    );
    assert_eq!(in_base(&base), ["base.xml:86:44 P13 error `Noop`"]);
}

#[test]
fn targets_and_validations_are_there() {
    let target = with(
        BASE,
        "<ClaimsProviderSelections>",
        "<ClaimsProviderSelections><ClaimsProviderSelection TargetClaimsExchangeId=\"SignUpExchnge\" />",
    );
    assert_eq!(
        in_base(&target),
        ["base.xml:83:86 P14 error `SignUpExchnge`"]
    );
    let finding = only(&[("base.xml", &target)]);
    assert_eq!(
        finding.mend.as_deref(),
        Some("did you mean `SignUpExchange`?")
    );
    let validation = with(
        BASE,
        "ValidationClaimsExchangeId=\"SignInExchange\"",
        "ValidationClaimsExchangeId=\"SignIn\"",
    );
    assert_eq!(in_base(&validation), ["base.xml:83:90 P14 error `SignIn`"]);
}

#[test]
fn an_exchange_is_there_once() {
    let step = READ
        .replace("Order=\"1\"", "Order=\"5\"")
        .replace("Id=\"A\"", "Id=\"ReadExchange\"");
    let found = in_journey("Join", &step);
    assert!(
        found.contains(&"middle.xml:6:148 P15 error `ReadExchange`".to_owned()),
        "{found:?}"
    );
    let elsewhere = in_journey(
        "Other",
        &format!("{READ}{SEND}").replace("Id=\"A\"", "Id=\"ReadExchange\""),
    );
    assert_eq!(elsewhere, Vec::<String>::new());
}

/// A journey that calls the sub-journeys.
fn calling(subs: &str) -> String {
    let step = "<OrchestrationStep Order=\"1\" Type=\"InvokeSubJourney\"><JourneyList><Candidate SubJourneyReferenceId=\"Sub\" /></JourneyList></OrchestrationStep>";
    let text = journey("Other", &format!("{step}{SEND}"));
    with(
        &text,
        "</UserJourneys>",
        &format!("</UserJourneys>\n<SubJourneys>{subs}</SubJourneys>"),
    )
}

#[test]
fn sub_journeys_are_there_and_send_claims_if_they_do_not_come_back() {
    let sub = |kind: &str, steps: &str| {
        format!(
            "<SubJourney Id=\"Sub\" Type=\"{kind}\"><OrchestrationSteps>{steps}</OrchestrationSteps></SubJourney>"
        )
    };
    let check = |subs: &str| found(&[("base.xml", BASE), ("middle.xml", &calling(subs))]);
    assert_eq!(check(&sub("Call", READ)), Vec::<String>::new());
    assert_eq!(
        check(&sub("Transfer", &format!("{READ}{SEND}"))),
        Vec::<String>::new()
    );
    assert_eq!(
        check(&sub("Transfer", READ)),
        ["middle.xml:7:41 P37 error `Transfer`"]
    );
    let other = sub("Call", READ).replace("Id=\"Sub\"", "Id=\"Subs\"");
    assert_eq!(check(&other), ["middle.xml:6:161 P37 error `Sub`"]);
}

#[test]
fn a_sub_journey_that_calls_another_is_a_warning() {
    let call = |id: &str| {
        format!(
            "<OrchestrationStep Order=\"1\" Type=\"InvokeSubJourney\"><JourneyList><Candidate SubJourneyReferenceId=\"{id}\" /></JourneyList></OrchestrationStep>"
        )
    };
    // One that calls itself must not keep the check busy for ever.
    let subs = format!(
        "<SubJourney Id=\"Sub\" Type=\"Call\"><OrchestrationSteps>{}</OrchestrationSteps></SubJourney>",
        call("Sub")
    );
    let party = with(
        PARTY,
        "<PolicyId>B2C_1A_Base</PolicyId>",
        "<PolicyId>B2C_1A_Middle</PolicyId>",
    );
    let party = with(&party, "ReferenceId=\"Join\"", "ReferenceId=\"Other\"");
    let party = with(
        &party,
        "ClaimTypeReferenceId=\"objectId\"",
        "ClaimTypeReferenceId=\"objectId\" DefaultValue=\"x\"",
    );
    let party = with(
        &party,
        "ClaimTypeReferenceId=\"greeting\"",
        "ClaimTypeReferenceId=\"greeting\" DefaultValue=\"x\"",
    );
    let middle = calling(&subs);
    assert_eq!(
        found(&[
            ("base.xml", BASE),
            ("middle.xml", &middle),
            ("party.xml", &party)
        ]),
        ["middle.xml:7:93 P37 warning `1`"]
    );
}
