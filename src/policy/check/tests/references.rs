//! P06 to P10 and P41.

use super::super::Options;
use super::{BASE, PARTY, found, in_base, in_party, middle, only, run, with};

#[test]
fn claim_types_are_declared() {
    let party = with(
        PARTY,
        "ClaimTypeReferenceId=\"greeting\"",
        "ClaimTypeReferenceId=\"greting\" DefaultValue=\"x\"",
    );
    assert_eq!(in_party(&party), ["party.xml:12:44 P06 error `greting`"]);
    let finding = only(&[("base.xml", BASE), ("party.xml", &party)]);
    assert_eq!(finding.mend.as_deref(), Some("did you mean `greeting`?"));
    assert_eq!(
        finding.b2c.as_deref(),
        Some(
            "Policy \"B2C_1A_Join\" of tenant \"contoso.onmicrosoft.com\" makes a reference to ClaimType with id \"greting\" but neither the policy nor any of its base policies contain such an element."
        )
    );
    let precondition = with(BASE, "<Value>objectId</Value>", "<Value>userId</Value>");
    assert_eq!(
        in_base(&precondition),
        ["base.xml:88:77 P06 error `userId`"]
    );
    let transformation = with(
        BASE,
        "<InputClaim ClaimTypeReferenceId=\"email\" TransformationClaimType",
        "<InputClaim ClaimTypeReferenceId=\"mail\" TransformationClaimType",
    );
    assert_eq!(
        in_base(&transformation),
        ["base.xml:12:56 P06 error `mail`"]
    );
}

#[test]
fn case_makes_no_difference_to_ids() {
    let party = with(
        PARTY,
        "ClaimTypeReferenceId=\"greeting\"",
        "ClaimTypeReferenceId=\"GREETING\"",
    );
    assert_eq!(in_party(&party), Vec::<String>::new());
}

#[test]
fn what_a_child_declares_does_not_count() {
    let base = with(
        BASE,
        "<ClaimType Id=\"newUser\"><DataType>boolean</DataType></ClaimType>",
        "",
    );
    let child = middle(
        "<BuildingBlocks><ClaimsSchema><ClaimType Id=\"newUser\"><DataType>boolean</DataType></ClaimType></ClaimsSchema></BuildingBlocks>",
    );
    let files = [("base.xml", base.as_str()), ("middle.xml", &child)];
    assert_eq!(found(&files), ["base.xml:61:48 P06 error `newUser`"]);
    let finding = only(&files);
    assert_eq!(finding.related.len(), 1, "{:?}", finding.related);
    assert!(
        finding
            .mend
            .unwrap_or_default()
            .contains("`B2C_1A_Middle` is below it")
    );
}

#[test]
fn transformations_are_declared() {
    let base = with(
        BASE,
        "<OutputClaimsTransformation ReferenceId=\"Greet\"",
        "<OutputClaimsTransformation ReferenceId=\"Greeet\"",
    );
    assert!(in_base(&base).contains(&"base.xml:45:54 P07 error `Greeet`".to_owned()));
}

#[test]
fn technical_profiles_are_declared() {
    for (from, to, place) in [
        (
            "TechnicalProfileReferenceId=\"AAD-Read\"",
            "TechnicalProfileReferenceId=\"AAD-Raed\"",
            "93:91 P08 error `AAD-Raed`",
        ),
        (
            "<ValidationTechnicalProfile ReferenceId=\"AAD-Create\"",
            "<ValidationTechnicalProfile ReferenceId=\"AAD-New\"",
            "48:54 P08 error `AAD-New`",
        ),
        (
            "SessionManagement ReferenceId=\"SM-Noop\"",
            "SessionManagement ReferenceId=\"SM-None\"",
            "33:65 P08 error `SM-None`",
        ),
        (
            "CpimIssuerTechnicalProfileReferenceId=\"JwtIssuer\"",
            "CpimIssuerTechnicalProfileReferenceId=\"Jwt\"",
            "95:95 P08 error `Jwt`",
        ),
    ] {
        let found = in_base(&with(BASE, from, to));
        assert_eq!(found, [format!("base.xml:{place}")]);
    }
}

#[test]
fn profiles_do_not_include_each_other() {
    let parts = "<ClaimsProviders><ClaimsProvider><TechnicalProfiles><TechnicalProfile Id=\"A\"><IncludeTechnicalProfile ReferenceId=\"B\" /></TechnicalProfile><TechnicalProfile Id=\"B\"><IncludeTechnicalProfile ReferenceId=\"a\" /></TechnicalProfile></TechnicalProfiles></ClaimsProvider></ClaimsProviders>";
    let middle = middle(parts);
    assert_eq!(
        found(&[("base.xml", BASE), ("middle.xml", &middle)]),
        [
            "middle.xml:6:118 P08 error `B`",
            "middle.xml:6:205 P08 error `a`"
        ]
    );
}

#[test]
fn content_definitions_are_declared() {
    let step = with(
        BASE,
        "ContentDefinitionReferenceId=\"api.signin\"",
        "ContentDefinitionReferenceId=\"api.signup\"",
    );
    assert_eq!(in_base(&step), ["base.xml:82:99 P09 error `api.signup`"]);
    let profile = with(BASE, ">api.page</Item>", ">api.pages</Item>");
    assert_eq!(in_base(&profile), ["base.xml:38:54 P09 error `api.pages`"]);
}

#[test]
fn metadata_may_name_what_a_child_declares() {
    let base = with(BASE, ">api.page</Item>", ">api.late</Item>");
    let child = middle(
        "<BuildingBlocks><ContentDefinitions><ContentDefinition Id=\"api.late\"><DataUri>urn:com:microsoft:aad:b2c:elements:contract:selfasserted:2.1.7</DataUri></ContentDefinition></ContentDefinitions></BuildingBlocks>",
    );
    let files = [("base.xml", base.as_str()), ("middle.xml", &child)];
    assert_eq!(found(&files), ["base.xml:38:54 P09 warning `api.late`"]);
}

#[test]
fn a_page_that_is_reached_has_a_data_uri() {
    let base = with(BASE, " ContentDefinitionReferenceId=\"api.signin\"", "");
    assert_eq!(in_base(&base), ["base.xml:82:35 P09 error `1`"]);
    let base = with(
        BASE,
        "<DataUri>urn:com:microsoft:aad:b2c:elements:contract:selfasserted:2.1.7</DataUri>",
        "",
    );
    assert_eq!(in_base(&base), ["base.xml:90:93 P09 error `SignUp`"]);
    // The step of a combined page may leave it to the profile.
    let base = with(BASE, " ContentDefinitionReferenceId=\"api.signin\"", "");
    let base = with(
        &base,
        "<Item Key=\"SignUpTarget\">",
        "<Item Key=\"ContentDefinitionReferenceId\">api.signin</Item><Item Key=\"SignUpTarget\">",
    );
    assert_eq!(in_base(&base), Vec::<String>::new());
}

#[test]
fn data_uris_name_pages() {
    let cases = [
        (
            "contract:selfasserted:2.1.7",
            "selfasserted:2.1.7",
            Some("urn:com:microsoft:aad:b2c:elements:selfasserted:2.1.7"),
        ),
        (
            "contract:selfasserted:2.1.7",
            "contract:selfaserted:2.1.7",
            Some("urn:com:microsoft:aad:b2c:elements:contract:selfaserted:2.1.7"),
        ),
        (
            "contract:selfasserted:2.1.7",
            "contract:selfasserted:latest",
            Some("urn:com:microsoft:aad:b2c:elements:contract:selfasserted:latest"),
        ),
        ("contract:selfasserted:2.1.7", "selfasserted:1.1.0", None),
    ];
    for (from, to, underlined) in cases {
        let expected: Vec<String> = underlined
            .map(|text| format!("base.xml:18:49 P10 error `{text}`"))
            .into_iter()
            .collect();
        assert_eq!(in_base(&with(BASE, from, to)), expected, "{to}");
    }
}

#[test]
fn display_controls_and_predicates_are_declared() {
    let control = with(
        BASE,
        "          <OutputClaimsTransformations>",
        "<OutputClaimsTransformations>",
    );
    let control = control.replacen(
        "          <OutputClaims>\n            <OutputClaim ClaimTypeReferenceId=\"email\" Required=\"true\" />",
        "<DisplayClaims><DisplayClaim DisplayControlReferenceId=\"emailControl\" /></DisplayClaims><OutputClaims>\n            <OutputClaim ClaimTypeReferenceId=\"email\" Required=\"true\" />",
        1,
    );
    assert_eq!(
        in_base(&control),
        ["base.xml:29:57 P41 error `emailControl`"]
    );
    let predicate = with(
        BASE,
        "<UserInputType>TextBox</UserInputType>",
        "<UserInputType>TextBox</UserInputType><PredicateValidationReference Id=\"strong\" />",
    );
    assert_eq!(in_base(&predicate), ["base.xml:6:128 P41 error `strong`"]);
}

#[test]
fn a_long_way_of_includes_is_refused() {
    let chain = |length: usize| {
        let profiles: String = (0..length)
            .map(|at| {
                format!(
                    r#"<TechnicalProfile Id="T{at}"><IncludeTechnicalProfile ReferenceId="T{}"/></TechnicalProfile>"#,
                    at + 1
                )
            })
            .collect();
        with(
            BASE,
            "<TechnicalProfile Id=\"SM-Noop\">",
            &format!(
                "{profiles}<TechnicalProfile Id=\"T{length}\"></TechnicalProfile><TechnicalProfile Id=\"SM-Noop\">"
            ),
        )
    };
    let refused = |length| {
        let base = chain(length);
        let (_, report) = run(&[("base.xml", &base)], &Options::default());
        let found = report.findings.iter();
        found
            .filter(|finding| finding.rule.0 == 8)
            .map(|finding| finding.message.clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(refused(50), Vec::<String>::new());
    assert_eq!(
        refused(51),
        ["technical profile `T0` includes more than 50 others, one by way of the next"]
    );
}
