//! P03 to P05.

use super::super::Options;
use super::{BASE, PARTY, found, found_with, in_party, middle, only, run, with};

#[test]
fn a_policy_has_the_prefix_of_custom_policies() {
    let base = with(BASE, "PolicyId=\"B2C_1A_Base\"", "PolicyId=\"B2C_1_Base\"");
    assert_eq!(
        found(&[("base.xml", &base)]),
        ["base.xml:2:163 P03 error `B2C_1_Base`"]
    );
    for right in ["b2c_1a_base", "{Settings:Prefix}Base"] {
        let base = with(
            BASE,
            "PolicyId=\"B2C_1A_Base\"",
            &format!("PolicyId=\"{right}\""),
        );
        assert_eq!(
            found(&[("base.xml", &base)]),
            Vec::<String>::new(),
            "{right}"
        );
    }
}

#[test]
fn the_tenant_is_one_in_the_whole_chain() {
    let party = with(PARTY, "<TenantId>contoso.", "<TenantId>fabrikam.");
    assert_eq!(
        in_party(&party),
        ["party.xml:3:15 P04 error `fabrikam.onmicrosoft.com`"]
    );
    let both = PARTY.replace("contoso.", "fabrikam.");
    assert_eq!(
        in_party(&both),
        ["party.xml:3:15 P04 error `fabrikam.onmicrosoft.com`"]
    );
    let open = with(
        PARTY,
        "<TenantId>contoso.onmicrosoft.com",
        "<TenantId>{Settings:Tenant}",
    );
    assert_eq!(in_party(&open), Vec::<String>::new());
}

#[test]
fn the_tenant_is_the_one_that_is_meant() {
    let options = Options {
        tenant: Some("fabrikam.onmicrosoft.com".to_owned()),
        ..Options::default()
    };
    assert_eq!(
        found_with(&[("base.xml", BASE)], &options),
        ["base.xml:2:128 P04 error `contoso.onmicrosoft.com`"]
    );
    let options = Options {
        tenant: Some("CONTOSO.onmicrosoft.com".to_owned()),
        ..Options::default()
    };
    assert_eq!(
        found_with(&[("base.xml", BASE)], &options),
        Vec::<String>::new()
    );
}

#[test]
fn a_base_is_among_the_files_or_declared() {
    let files = [("party.xml", PARTY)];
    let finding = only(&files);
    assert_eq!(found(&files), ["party.xml:4:15 P05 error `B2C_1A_Base`"]);
    assert_eq!(
        finding.b2c.as_deref(),
        Some(
            "Policy with 'policyId': 'B2C_1A_Base' and 'tenantId': 'contoso.onmicrosoft.com' cannot be found in the directory."
        )
    );
    let options = Options {
        external: vec!["b2c_1a_base".to_owned()],
        ..Options::default()
    };
    assert_eq!(found_with(&files, &options), Vec::<String>::new());
}

#[test]
fn a_mistyped_base_is_guessed() {
    let party = with(PARTY, "<PolicyId>B2C_1A_Base", "<PolicyId>B2C_1A_Bsae");
    let finding = only(&[("base.xml", BASE), ("party.xml", &party)]);
    let mend = finding.mend.unwrap_or_default();
    assert!(mend.starts_with("did you mean `B2C_1A_Base`?"), "{mend}");
}

#[test]
fn no_policy_inherits_from_itself() {
    let base = with(
        BASE,
        "  <BuildingBlocks>",
        "<BasePolicy><TenantId>contoso.onmicrosoft.com</TenantId><PolicyId>B2C_1A_Join</PolicyId></BasePolicy><BuildingBlocks>",
    );
    let found = found(&[("base.xml", &base), ("party.xml", PARTY)]);
    assert_eq!(
        found,
        [
            "base.xml:3:67 P05 error `B2C_1A_Join`",
            "party.xml:4:15 P05 error `B2C_1A_Base`",
        ]
    );
}

#[test]
fn of_bases_equally_near_the_one_that_leaves_the_fewest_errors_is_taken() {
    let other = with(BASE, "UserJourney Id=\"Join\"", "UserJourney Id=\"Leave\"");
    let middle = middle("<!-- nothing -->");
    let party = with(PARTY, "<PolicyId>B2C_1A_Base", "<PolicyId>B2C_1A_Middle");
    // It is the heir that tells the one from the other.
    let files = [
        ("a/base.xml", other.as_str()),
        ("b/base.xml", BASE),
        ("middle.xml", &middle),
        ("party.xml", &party),
    ];
    assert_eq!(found(&files), ["middle.xml:4:15 P05 warning `B2C_1A_Base`"]);
    let finding = only(&files);
    assert_eq!(
        finding.message,
        "several files hold the base policy `B2C_1A_Base`, all as near as each other: `b/base.xml` was taken, which leaves no more errors than another"
    );
    let related: Vec<_> = finding
        .related
        .iter()
        .map(|(_, said)| said.as_str())
        .collect();
    assert_eq!(related, ["this one was taken", "it may be this one"]);
}

#[test]
fn of_bases_that_leave_the_same_errors_the_first_by_path_is_taken() {
    let files = [
        ("b/base.xml", BASE),
        ("a/base.xml", BASE),
        ("party.xml", PARTY),
    ];
    assert_eq!(found(&files), ["party.xml:4:15 P05 warning `B2C_1A_Base`"]);
    let message = only(&files).message;
    assert!(message.contains("`a/base.xml` was taken"), "{message}");
}

#[test]
fn a_base_without_a_root_or_in_a_circle_is_not_taken() {
    let under = |policy: &str| {
        let base = format!(
            "<BasePolicy><TenantId>contoso.onmicrosoft.com</TenantId><PolicyId>{policy}</PolicyId></BasePolicy><BuildingBlocks>"
        );
        with(BASE, "<BuildingBlocks>", &base)
    };
    let files = [
        ("a/base.xml", under("B2C_1A_Gone")),
        ("b/base.xml", under("B2C_1A_Join")),
        ("c/base.xml", BASE.to_owned()),
        ("party.xml", PARTY.to_owned()),
    ];
    let files = files.each_ref().map(|(path, text)| (*path, text.as_str()));
    let (_, report) = run(&files, &Options::default());
    let taken = report.findings.iter().find_map(|finding| {
        let (_, after) = finding.message.split_once("all as near as each other: ")?;
        Some(after)
    });
    assert_eq!(
        taken,
        Some("`c/base.xml` was taken, which leaves no more errors than another")
    );
}

#[test]
fn what_is_to_be_filled_in_tells_nothing_against_a_base() {
    // One asks for the provider's client id, the other lacks the provider.
    let google = r#"<TechnicalProfile Id="Google"><Protocol Name="OAuth2"/></TechnicalProfile><TechnicalProfile Id="SM-Noop">"#;
    let whole = with(BASE, "<TechnicalProfile Id=\"SM-Noop\">", google);
    let party = with(
        PARTY,
        "<RelyingParty>",
        r#"<UserJourneys><UserJourney Id="Google"><OrchestrationSteps><OrchestrationStep Order="1" Type="ClaimsExchange"><ClaimsExchanges><ClaimsExchange Id="G" TechnicalProfileReferenceId="Google"/></ClaimsExchanges></OrchestrationStep><OrchestrationStep Order="2" Type="SendClaims" CpimIssuerTechnicalProfileReferenceId="JwtIssuer"/></OrchestrationSteps></UserJourney></UserJourneys><RelyingParty>"#,
    );
    let party = with(
        &party,
        "DefaultUserJourney ReferenceId=\"Join\"",
        "DefaultUserJourney ReferenceId=\"Google\"",
    );
    let files = [
        ("a/base.xml", BASE),
        ("b/base.xml", &whole),
        ("party.xml", &party),
    ];
    let (_, report) = run(&files, &Options::default());
    let rules: Vec<_> = report
        .findings
        .iter()
        .map(|finding| finding.rule.0)
        .collect();
    assert!(rules.contains(&22), "{rules:?}");
    assert!(!rules.contains(&8), "{rules:?}");
}

#[test]
fn a_base_that_is_no_xml_is_told_of_once() {
    let base = with(BASE, "</TrustFrameworkPolicy>", "");
    let files = [("base.xml", base.as_str()), ("party.xml", PARTY)];
    assert!(only(&files).message.starts_with("the file is not XML"));
}
