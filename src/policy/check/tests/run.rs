//! The run as a whole: once for what several see, in order, and comments.

use super::super::Options;
use super::{BASE, PARTY, found, found_with, in_party, run, with};

#[test]
fn what_several_relying_parties_see_is_told_once() {
    let base = with(BASE, " ContentDefinitionReferenceId=\"api.signin\"", "");
    let second = PARTY.replace("B2C_1A_Join", "B2C_1A_Join2");
    let files = [
        ("base.xml", base.as_str()),
        ("party.xml", PARTY),
        ("second.xml", &second),
    ];
    assert_eq!(found(&files), ["base.xml:82:35 P09 error `1`"]);
    let (_, report) = run(&files, &Options::default());
    assert_eq!((report.policies, report.relying_parties), (3, 2));
    assert!(report.has_errors());
}

#[test]
fn findings_come_in_the_order_of_the_files() {
    let base = with(
        BASE,
        "ClaimTypeReferenceId=\"newUser\"",
        "ClaimTypeReferenceId=\"newUsr\"",
    );
    let base = with(
        &base,
        "TransformationMethod=\"CopyClaim\"",
        "TransformationMethod=\"CopyClaim\" X=\"\"",
    );
    let party = with(PARTY, "ReferenceId=\"Join\"", "ReferenceId=\"Jion\"");
    assert_eq!(
        found(&[("base.xml", &base), ("party.xml", &party)]),
        [
            "base.xml:11:73 P02 error `X=\"\"`",
            "base.xml:61:48 P06 error `newUsr`",
            "party.xml:7:38 P17 error `Jion`",
        ]
    );
}

#[test]
fn files_without_a_relying_party_are_looked_at_too() {
    let base = with(BASE, "Order=\"3\"", "Order=\"5\"");
    assert_eq!(
        found(&[("base.xml", &base)]),
        ["base.xml:95:35 P11 error `4`"]
    );
}

const FAULT: &str = "<OutputClaim ClaimTypeReferenceId=\"nowhere\" DefaultValue=\"x\" />";

fn party(lines: &str) -> String {
    with(
        PARTY,
        "<OutputClaim ClaimTypeReferenceId=\"greeting\" />",
        lines,
    )
}

#[test]
fn a_comment_with_a_reason_lets_what_follows_pass() {
    let above = party(&format!(
        "<!-- idlink-allow P06: declared by hand -->\n{FAULT}"
    ));
    assert_eq!(in_party(&above), Vec::<String>::new());
    let behind = party(&format!(
        "{FAULT} <!-- idlink-allow p06: declared by hand -->"
    ));
    assert_eq!(in_party(&behind), Vec::<String>::new());
    let around = with(
        &party(FAULT),
        "<RelyingParty>",
        "<!-- idlink-allow P19, P06: declared by hand -->\n<!-- another comment -->\n<RelyingParty>",
    );
    assert_eq!(
        in_party(&around),
        ["party.xml:6:3 P00 warning `<!-- idlink-allow P19, P06: declared by hand -->`"],
        "P19 has nothing to let pass"
    );
    let (_, report) = run(
        &[("base.xml", BASE), ("party.xml", &above)],
        &Options::default(),
    );
    assert_eq!(report.allowed.len(), 1);
}

#[test]
fn a_comment_above_the_root_holds_for_the_file() {
    let whole = format!(
        "<!-- idlink-allow P06: declared by hand -->\n{}",
        party(FAULT)
    );
    assert_eq!(in_party(&whole), Vec::<String>::new());
}

#[test]
fn a_comment_reaches_no_further_than_the_next_element() {
    let before = party(&format!(
        "<!-- idlink-allow P06: declared by hand -->\n<OutputClaim ClaimTypeReferenceId=\"greeting\" />\n{FAULT}"
    ));
    assert_eq!(
        in_party(&before),
        [
            "party.xml:12:9 P00 warning `<!-- idlink-allow P06: declared by hand -->`",
            "party.xml:14:36 P06 error `nowhere`",
        ]
    );
    let behind = party(&format!(
        "<!-- idlink-allow P19: declared by hand -->\n{FAULT}"
    ));
    assert_eq!(in_party(&behind)[1], "party.xml:13:36 P06 error `nowhere`");
}

#[test]
fn comments_that_say_too_little_are_told_of() {
    for (comment, place) in [
        ("<!-- idlink-allow P06 -->", "12:9"),
        ("<!-- idlink-allow P06: -->", "12:9"),
    ] {
        let party = party(&format!("{comment}\n{FAULT}"));
        assert_eq!(
            in_party(&party),
            [format!("party.xml:{place} P00 warning `{comment}`")]
        );
    }
    let unknown = party(&format!("<!-- idlink-allow P99, P06: why -->\n{FAULT}"));
    assert_eq!(
        in_party(&unknown),
        ["party.xml:12:9 P00 warning `<!-- idlink-allow P99, P06: why -->`"]
    );
    let nothing = with(
        PARTY,
        "      </OutputClaims>",
        "<!-- idlink-allow P06: why -->\n      </OutputClaims>",
    );
    assert_eq!(
        in_party(&nothing),
        ["party.xml:13:1 P00 warning `<!-- idlink-allow P06: why -->`"]
    );
}

#[test]
fn a_comment_on_a_rule_for_built_files_waits_for_the_build() {
    let text = with(
        PARTY,
        "<RelyingParty>",
        "<!-- idlink-allow P33: a sample -->\n<RelyingParty>",
    );
    assert_eq!(in_party(&text), Vec::<String>::new());
    let built = Options {
        built: true,
        ..Options::default()
    };
    assert_eq!(
        found_with(&[("base.xml", BASE), ("party.xml", &text)], &built),
        ["party.xml:6:3 P00 warning `<!-- idlink-allow P33: a sample -->`"]
    );
}
