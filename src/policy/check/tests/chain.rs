//! P03 to P05.

use super::super::Options;
use super::{BASE, PARTY, found, found_with, in_party, only, with};

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
fn a_base_that_may_be_either_of_two_is_not_guessed() {
    let files = [
        ("a/base.xml", BASE),
        ("b/base.xml", BASE),
        ("party.xml", PARTY),
    ];
    assert_eq!(found(&files), ["party.xml:4:15 P05 warning `B2C_1A_Base`"]);
}

#[test]
fn a_base_that_is_no_xml_is_told_of_once() {
    let base = with(BASE, "</TrustFrameworkPolicy>", "");
    let files = [("base.xml", base.as_str()), ("party.xml", PARTY)];
    assert!(only(&files).message.starts_with("the file is not XML"));
}
