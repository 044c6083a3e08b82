//! P16 to P19, P30 and P31.

use super::{BASE, PARTY, found, in_base, in_party, only, with};

#[test]
fn a_journey_sends_claims_by_an_issuer() {
    let none = with(
        BASE,
        "<OrchestrationStep Order=\"4\" Type=\"SendClaims\" CpimIssuerTechnicalProfileReferenceId=\"JwtIssuer\" />",
        "",
    );
    assert_eq!(in_base(&none), ["base.xml:80:22 P16 error `Join`"]);
    // Nobody runs it: it may be a part for others.
    assert_eq!(found(&[("base.xml", &none)]), Vec::<String>::new());
    let nobody = with(
        BASE,
        " CpimIssuerTechnicalProfileReferenceId=\"JwtIssuer\"",
        "",
    );
    assert_eq!(in_base(&nobody), ["base.xml:95:35 P16 error `4`"]);
    let default = with(
        &nobody,
        "<UserJourney Id=\"Join\">",
        "<UserJourney Id=\"Join\" DefaultCpimIssuerTechnicalProfileReferenceId=\"JwtIssuer\">",
    );
    assert_eq!(in_base(&default), Vec::<String>::new());
}

#[test]
fn a_relying_party_names_a_journey_that_exists() {
    let other = with(PARTY, "ReferenceId=\"Join\"", "ReferenceId=\"Jion\"");
    assert_eq!(in_party(&other), ["party.xml:7:38 P17 error `Jion`"]);
    let none = with(PARTY, "<DefaultUserJourney ReferenceId=\"Join\" />", "");
    assert_eq!(in_party(&none), ["party.xml:6:4 P17 error `RelyingParty`"]);
    let endpoint = with(
        PARTY,
        "<DefaultUserJourney ReferenceId=\"Join\" />",
        "<DefaultUserJourney ReferenceId=\"join\" /><Endpoints><Endpoint Id=\"Token\" UserJourneyReferenceId=\"Refresh\" /></Endpoints>",
    );
    assert_eq!(in_party(&endpoint), ["party.xml:7:102 P17 error `Refresh`"]);
}

#[test]
fn the_journey_may_be_named_by_a_policy_above() {
    let child = with(
        PARTY,
        "PolicyId=\"B2C_1A_Join\"",
        "PolicyId=\"B2C_1A_Child\"",
    );
    let child = with(
        &child,
        "<PolicyId>B2C_1A_Base</PolicyId>",
        "<PolicyId>B2C_1A_Join</PolicyId>",
    );
    let child = with(&child, "<DefaultUserJourney ReferenceId=\"Join\" />", "");
    let files = [
        ("base.xml", BASE),
        ("child.xml", child.as_str()),
        ("party.xml", PARTY),
    ];
    assert_eq!(found(&files), Vec::<String>::new());
}

/// The base in which no page puts out `objectId`.
fn without_object_id() -> String {
    BASE.replacen(
        "            <OutputClaim ClaimTypeReferenceId=\"objectId\" />\n",
        "",
        2,
    )
}

#[test]
fn required_claims_are_given_before() {
    let base = without_object_id();
    let party = with(
        PARTY,
        "ClaimTypeReferenceId=\"objectId\"",
        "ClaimTypeReferenceId=\"objectId\" DefaultValue=\"x\"",
    );
    let files = [("base.xml", base.as_str()), ("party.xml", &party)];
    assert_eq!(found(&files), ["base.xml:91:91 P18 error `AAD-Read`"]);
    assert_eq!(
        only(&files).b2c.as_deref(),
        Some(
            "Claim type \"objectId\" is the input claim of technical profile \"AAD-Read\" in step \"3\" of user journey \"Join\" but it is not an output claim in any of the previous steps."
        )
    );
}

#[test]
fn what_the_caller_sends_is_given() {
    let base = without_object_id();
    let party = with(
        PARTY,
        "      <OutputClaims>",
        "<InputClaims><InputClaim ClaimTypeReferenceId=\"objectId\" /></InputClaims><OutputClaims>",
    );
    assert_eq!(
        found(&[("base.xml", &base), ("party.xml", &party)]),
        Vec::<String>::new()
    );
}

#[test]
fn journeys_that_begin_with_a_token_have_its_claims() {
    let base = without_object_id();
    let party = with(
        PARTY,
        "ClaimTypeReferenceId=\"objectId\"",
        "ClaimTypeReferenceId=\"objectId\" DefaultValue=\"x\"",
    );
    let authorized = with(
        &base,
        "<UserJourney Id=\"Join\">",
        "<UserJourney Id=\"Join\"><Authorization><AuthorizationTechnicalProfiles><AuthorizationTechnicalProfile ReferenceId=\"JwtIssuer\" /></AuthorizationTechnicalProfiles></Authorization>",
    );
    assert_eq!(
        found(&[("base.xml", &authorized), ("party.xml", &party)]),
        Vec::<String>::new()
    );
}

#[test]
fn claims_of_the_token_are_given_by_a_step() {
    let party = with(
        PARTY,
        "ClaimTypeReferenceId=\"greeting\"",
        "ClaimTypeReferenceId=\"newUser\"",
    );
    // Only the profile that validates the page knows it.
    assert_eq!(in_party(&party), ["party.xml:12:44 P19 warning `newUser`"]);
    let party = with(
        &party,
        "ClaimTypeReferenceId=\"newUser\"",
        "ClaimTypeReferenceId=\"newUser\" DefaultValue=\"false\"",
    );
    assert_eq!(in_party(&party), Vec::<String>::new());
    let base = with(
        BASE,
        "<OutputClaimsTransformation ReferenceId=\"Greet\" />",
        "<OutputClaimsTransformation ReferenceId=\"None\" />",
    );
    let base = with(
        &base,
        "<ClaimsTransformation Id=\"Greet\"",
        "<ClaimsTransformation Id=\"None\"",
    );
    let base = with(
        &base,
        "<OutputClaims><OutputClaim ClaimTypeReferenceId=\"greeting\"",
        "<OutputClaims><OutputClaim ClaimTypeReferenceId=\"email\"",
    );
    assert_eq!(in_base(&base), ["party.xml:12:44 P19 error `greeting`"]);
}

#[test]
fn the_subject_is_named_as_the_token_names_it() {
    let party = with(PARTY, " PartnerClaimType=\"sub\"", "");
    assert_eq!(in_party(&party), ["party.xml:14:37 P30 error `sub`"]);
    let party = with(
        PARTY,
        "<SubjectNamingInfo ClaimType=\"sub\"",
        "<SubjectNamingInfo ClaimType=\"objectId\"",
    );
    assert_eq!(in_party(&party), ["party.xml:14:37 P30 error `objectId`"]);
    let finding = only(&[("base.xml", BASE), ("party.xml", &party)]);
    assert_eq!(
        finding.mend.as_deref(),
        Some("write `sub`: what counts is the name in the token")
    );
}

#[test]
fn the_subject_may_have_the_name_that_the_claim_type_gives_it() {
    let base = with(
        BASE,
        "<ClaimType Id=\"objectId\"><DataType>string</DataType>",
        "<ClaimType Id=\"objectId\"><DataType>string</DataType><DefaultPartnerClaimTypes><Protocol Name=\"OpenIdConnect\" PartnerClaimType=\"sub\" /></DefaultPartnerClaimTypes>",
    );
    let party = with(PARTY, " PartnerClaimType=\"sub\"", "");
    assert_eq!(
        found(&[("base.xml", &base), ("party.xml", &party)]),
        Vec::<String>::new()
    );
}

#[test]
fn an_exchange_that_nothing_leads_to_is_a_warning() {
    let base = with(
        BASE,
        "<ClaimsExchange Id=\"SignUpExchange\" TechnicalProfileReferenceId=\"SignUp\" />",
        "<ClaimsExchange Id=\"SignUpExchange\" TechnicalProfileReferenceId=\"SignUp\" /><ClaimsExchange Id=\"More\" TechnicalProfileReferenceId=\"SignUp\" />",
    );
    assert_eq!(in_base(&base), ["base.xml:90:123 P31 warning `More`"]);
}

#[test]
fn a_sign_up_link_leads_to_an_exchange_of_the_next_step() {
    let base = with(BASE, ">SignUpExchange</Item>", ">SignUpExchnge</Item>");
    assert_eq!(
        in_base(&base),
        ["base.xml:27:38 P31 warning `SignUpExchnge`"]
    );
    let hidden = with(
        &base,
        "<Item Key=\"SignUpTarget\">",
        "<Item Key=\"setting.showSignupLink\">False</Item><Item Key=\"SignUpTarget\">",
    );
    assert_eq!(in_base(&hidden), Vec::<String>::new());
}
