use std::path::PathBuf;

use super::Severity::{Error, Info, Warning};
use super::*;

fn checked(files: &[&str]) -> Result<Vec<(String, Severity, usize, String)>, NotAFlow> {
    let mut sources = Sources::default();
    let ids: Vec<_> = files
        .iter()
        .map(|text| sources.add(PathBuf::from("flow.json"), *text))
        .collect();
    let findings = check(&sources, &ids, &Attributes::default())?;
    Ok(findings
        .into_iter()
        .map(|finding| {
            let line = sources.position(finding.span).line;
            (
                finding.rule.to_string(),
                finding.severity,
                line,
                finding.pointer,
            )
        })
        .collect())
}

/// Only what is an error or a warning.
fn faults(files: &[&str]) -> Vec<(String, Severity, usize, String)> {
    let mut found = checked(files).unwrap();
    found.retain(|(_, severity, _, _)| *severity != Info);
    found
}

fn fault(
    rule: &str,
    severity: Severity,
    line: usize,
    pointer: &str,
) -> (String, Severity, usize, String) {
    (rule.to_owned(), severity, line, pointer.to_owned())
}

const FLOW: &str = r#"{
  "id": "B2C_1_signupsignin",
  "userFlowType": "signUpOrSignIn",
  "userFlowTypeVersion": 3,
  "apiConnectorConfiguration": {}
}"#;

const ASSIGNMENTS: &str = r#"{
  "@odata.context": "https://graph.microsoft.com/beta/$metadata#identity/b2cUserFlows('B2C_1_signupsignin')/userAttributeAssignments(userAttribute())",
  "value": [
    {
      "id": "email",
      "isOptional": false,
      "requiresVerification": true,
      "userInputType": "emailBox",
      "userAttribute": { "id": "email", "userFlowAttributeType": "builtIn" }
    },
    {
      "id": "givenName",
      "requiresVerification": false,
      "userInputType": "textBox"
    }
  ]
}"#;

const PROVIDERS: &str = r##"{
  "value": [
    { "@odata.type": "#microsoft.graph.builtInIdentityProvider", "id": "EmailPassword-OAUTH", "identityProviderType": "EmailPassword" }
  ]
}"##;

const CONNECTORS: &str = r##"{
  "postFederationSignup": {
    "id": "0b6c2f4e",
    "targetUrl": "https://signup.example.org/connectors/contoso/user-flow",
    "authenticationConfiguration": {
      "@odata.type": "#microsoft.graph.basicAuthentication",
      "username": "b2c", "password": "******"
    }
  },
  "postAttributeCollection": {
    "id": "0b6c2f4e",
    "targetUrl": "https://signup.example.org/connectors/contoso/user-flow",
    "authenticationConfiguration": {
      "@odata.type": "#microsoft.graph.clientCertificateAuthentication",
      "certificateList": [
        { "thumbprint": "AA", "isActive": false },
        { "thumbprint": "BB", "isActive": true }
      ]
    }
  }
}"##;

#[test]
fn a_flow_that_is_set_up_as_the_readme_says_has_notes_only() {
    let found = checked(&[FLOW, ASSIGNMENTS, PROVIDERS, CONNECTORS]).unwrap();
    // What Graph does not export: the application claims and the last step.
    assert_eq!(
        found,
        [fault("F07", Info, 1, ""), fault("F08", Info, 1, "")]
    );
}

#[test]
fn the_answers_may_come_in_one_array() {
    let one = format!("[{FLOW},\n{ASSIGNMENTS},\n{PROVIDERS},\n{CONNECTORS}]");
    assert_eq!(faults(&[&one]), []);
    let off = one.replace(
        "\"requiresVerification\": true",
        "\"requiresVerification\": false",
    );
    assert_eq!(
        faults(&[&off]),
        [fault("F01", Error, 13, "/1/value/0/requiresVerification")]
    );
}

#[test]
fn what_was_not_exported_is_said() {
    assert_eq!(
        faults(&[FLOW]),
        [
            fault("F01", Warning, 1, ""),
            fault("F02", Warning, 1, ""),
            fault("F03", Warning, 1, ""),
            fault("F04", Warning, 1, ""),
        ]
    );
    let no_address = ASSIGNMENTS
        .replace("emailBox", "textBox")
        .replace("\"email\"", "\"city\"");
    assert_eq!(
        faults(&[FLOW, &no_address, PROVIDERS, CONNECTORS]),
        [fault("F01", Warning, 1, "")]
    );
}

#[test]
fn an_address_that_nobody_verifies_is_an_error() {
    let off = ASSIGNMENTS.replace(
        "\"requiresVerification\": true",
        "\"requiresVerification\": false",
    );
    assert_eq!(
        faults(&[FLOW, &off, PROVIDERS, CONNECTORS]),
        [fault("F01", Error, 7, "/value/0/requiresVerification")]
    );
    let elsewhere = FLOW.replace(
        "\"apiConnectorConfiguration\": {}",
        "\"page\": [ { \"isEmailVerificationRequired\": false } ]",
    );
    assert_eq!(
        faults(&[&elsewhere, ASSIGNMENTS, PROVIDERS, CONNECTORS]),
        [fault(
            "F01",
            Error,
            5,
            "/page/0/isEmailVerificationRequired"
        )]
    );
}

#[test]
fn a_customer_number_that_people_type_is_an_error() {
    let typed = ASSIGNMENTS.replace(
        "\"id\": \"givenName\"",
        "\"id\": \"extension_0f2a_CustomerId\"",
    );
    assert_eq!(
        faults(&[FLOW, &typed, PROVIDERS, CONNECTORS]),
        [fault("F03", Error, 12, "/value/1/id")]
    );
    // Another attribute whose name only begins so is nobody's business.
    let other = typed.replace("_CustomerId", "_CustomerIdea");
    assert_eq!(faults(&[FLOW, &other, PROVIDERS, CONNECTORS]), []);
}

#[test]
fn a_step_without_idlink_is_an_error_where_it_decides() {
    let detached = r#"{
  "postFederationSignup": null,
  "postAttributeCollection": null
}"#;
    let social = PROVIDERS.replace(
        "\"value\": [",
        "\"value\": [ { \"id\": \"Google-OAUTH\", \"identityProviderType\": \"Google\" },",
    );
    assert_eq!(
        faults(&[FLOW, ASSIGNMENTS, &social, detached]),
        [
            fault("F04", Error, 3, "/postAttributeCollection"),
            fault("F04", Warning, 2, "/postFederationSignup"),
        ]
    );
    // Nobody federates: the early step would never be called.
    assert_eq!(
        faults(&[FLOW, ASSIGNMENTS, PROVIDERS, detached]),
        [fault("F04", Error, 3, "/postAttributeCollection")]
    );
}

#[test]
fn a_connector_calls_idlink_with_credentials() {
    let external = CONNECTORS.replace("contoso/user-flow", "contoso/external-id");
    assert_eq!(
        faults(&[FLOW, ASSIGNMENTS, PROVIDERS, &external]),
        [
            fault("F05", Error, 12, "/postAttributeCollection/targetUrl"),
            fault("F05", Error, 4, "/postFederationSignup/targetUrl"),
        ]
    );
    let plain = CONNECTORS.replacen("https://", "http://", 1);
    assert_eq!(
        faults(&[FLOW, ASSIGNMENTS, PROVIDERS, &plain]),
        [fault("F05", Error, 4, "/postFederationSignup/targetUrl")]
    );
    let inactive = CONNECTORS.replace("\"isActive\": true", "\"isActive\": false");
    assert_eq!(
        faults(&[FLOW, ASSIGNMENTS, PROVIDERS, &inactive]),
        [fault(
            "F06",
            Error,
            15,
            "/postAttributeCollection/authenticationConfiguration/certificateList"
        )]
    );
    let nobody = r#"{
  "postFederationSignup": { "id": "a" },
  "postAttributeCollection": { "@odata.id": "https://graph.microsoft.com/v1.0/identity/apiConnectors/b" }
}"#;
    let list = r#"{ "value": [
  { "id": "b", "targetUrl": "https://signup.example.org/connectors/contoso/user-flow", "authenticationConfiguration": null }
] }"#;
    assert_eq!(
        faults(&[FLOW, ASSIGNMENTS, PROVIDERS, nobody, list]),
        [
            fault("F06", Error, 2, "/value/0/authenticationConfiguration"),
            fault("F05", Warning, 2, "/postFederationSignup"),
        ]
    );
}

#[test]
fn federated_providers_are_named_and_custom_ones_warned_of() {
    let providers = r##"{ "value": [
  { "id": "EmailPassword-OAUTH", "identityProviderType": "EmailPassword" },
  { "id": "Google-OAUTH", "identityProviderType": "Google", "displayName": "Google" },
  { "@odata.type": "#microsoft.graph.openIdConnectIdentityProvider", "id": "OIDC-V1-x", "displayName": "Partner" }
] }"##;
    let found = checked(&[FLOW, ASSIGNMENTS, providers, CONNECTORS]).unwrap();
    assert_eq!(
        &found[..2],
        [
            fault("F02", Info, 3, "/value/1"),
            fault("F02", Warning, 4, "/value/2"),
        ]
    );
}

#[test]
fn application_claims_are_looked_at_where_an_export_has_them() {
    let with = |claims: &str| {
        FLOW.replace(
            "\"apiConnectorConfiguration\": {}",
            &format!("\"applicationClaims\": {claims}"),
        )
    };
    let flow = with("[ \"emails\", \"extension_0f2a_CustomerId\" ]");
    let found = checked(&[&flow, ASSIGNMENTS, PROVIDERS, CONNECTORS]).unwrap();
    assert_eq!(
        found,
        [
            fault("F07", Info, 5, "/applicationClaims"),
            fault("F08", Info, 1, "")
        ]
    );
    let flow = with("[ \"emails\" ]");
    assert_eq!(
        faults(&[&flow, ASSIGNMENTS, PROVIDERS, CONNECTORS]),
        [fault("F07", Error, 5, "/applicationClaims")]
    );
}

#[test]
fn a_flow_that_creates_no_accounts_is_remarked_upon() {
    let edit = FLOW.replace("signUpOrSignIn", "profileUpdate");
    assert_eq!(
        faults(&[&edit, ASSIGNMENTS, PROVIDERS, CONNECTORS]),
        [fault("F09", Warning, 3, "/userFlowType")]
    );
}

const EXTERNAL: &str = r##"{
  "@odata.type": "#microsoft.graph.externalUsersSelfServiceSignUpEventsFlow",
  "id": "0313cc37",
  "onInteractiveAuthFlowStart": { "isSignUpAllowed": true },
  "onAuthenticationMethodLoadStart": {
    "identityProviders": [
      { "id": "EmailPassword-OAUTH", "identityProviderType": "EmailPassword" }
    ]
  },
  "onAttributeCollection": {
    "attributeCollectionPage": { "views": [ { "inputs": [
      { "attribute": "email", "hidden": true, "editable": false },
      { "attribute": "displayName", "hidden": false, "editable": true }
    ] } ] }
  },
  "onAttributeCollectionStart": {
    "customExtension": { "id": "start" }
  },
  "onAttributeCollectionSubmit": {
    "customExtension": { "id": "submit" }
  }
}"##;

const EXTENSIONS: &str = r##"{ "value": [
  { "id": "start",
    "endpointConfiguration": { "targetUrl": "https://signup.example.org/connectors/aurora/external-id" },
    "authenticationConfiguration": { "resourceId": "api://signup.example.org/d4a1" } },
  { "id": "submit",
    "endpointConfiguration": { "targetUrl": "https://signup.example.org/connectors/aurora/external-id" },
    "authenticationConfiguration": { "resourceId": "api://signup.example.org/d4a1" } }
] }"##;

const LISTENERS: &str = r##"{ "value": [
  { "@odata.type": "#microsoft.graph.onTokenIssuanceStartListener",
    "handler": { "customExtension": { "id": "submit" } } }
] }"##;

#[test]
fn an_external_id_flow_that_is_set_up_right_has_a_note_only() {
    assert_eq!(
        checked(&[EXTERNAL, EXTENSIONS, LISTENERS]).unwrap(),
        [fault(
            "F01",
            Info,
            7,
            "/onAuthenticationMethodLoadStart/identityProviders/0"
        )]
    );
    // As Graph's reference shows the answer.
    let wrapped = format!("{{ \"value\": {EXTERNAL} }}");
    assert_eq!(faults(&[&wrapped, EXTENSIONS, LISTENERS]), []);
}

#[test]
fn faults_of_an_external_id_flow_are_found() {
    let editable = EXTERNAL.replace("\"editable\": false", "\"editable\": true");
    assert_eq!(
        faults(&[&editable, EXTENSIONS, LISTENERS]),
        [fault(
            "F01",
            Error,
            12,
            "/onAttributeCollection/attributeCollectionPage/views/0/inputs/0/attribute"
        )]
    );
    let typed = EXTERNAL.replace("\"displayName\"", "\"extension_0f2a_customerid\"");
    assert_eq!(
        faults(&[&typed, EXTENSIONS, LISTENERS]),
        [fault(
            "F03",
            Error,
            13,
            "/onAttributeCollection/attributeCollectionPage/views/0/inputs/1/attribute"
        )]
    );
    let detached = EXTERNAL
        .replace(
            "{\n    \"customExtension\": { \"id\": \"start\" }\n  }",
            "null",
        )
        .replace(
            "{\n    \"customExtension\": { \"id\": \"submit\" }\n  }",
            "null",
        );
    assert_eq!(
        faults(&[&detached, EXTENSIONS, LISTENERS]),
        [
            fault("F04", Error, 17, "/onAttributeCollectionSubmit"),
            fault("F04", Warning, 16, "/onAttributeCollectionStart"),
        ]
    );
    let elsewhere = EXTENSIONS.replacen("connectors/aurora/external-id", "hook", 1);
    assert_eq!(
        faults(&[EXTERNAL, &elsewhere, LISTENERS]),
        [fault(
            "F05",
            Error,
            3,
            "/value/0/endpointConfiguration/targetUrl"
        )]
    );
    let other = LISTENERS.replace("onTokenIssuanceStartListener", "onEmailOtpSendListener");
    assert_eq!(
        faults(&[EXTERNAL, EXTENSIONS, &other]),
        [fault("F08", Error, 1, "")]
    );
    assert_eq!(
        faults(&[EXTERNAL, LISTENERS]),
        [
            fault(
                "F05",
                Warning,
                20,
                "/onAttributeCollectionSubmit/customExtension"
            ),
            fault(
                "F05",
                Warning,
                17,
                "/onAttributeCollectionStart/customExtension"
            ),
            fault("F05", Warning, 3, "/value/0/handler/customExtension"),
        ]
    );
}

/// What would make it green is not in it: each is said.
#[test]
fn what_an_external_id_export_leaves_open_is_said() {
    assert_eq!(
        faults(&[EXTERNAL, EXTENSIONS]),
        [fault("F08", Warning, 1, "")]
    );
    let page = "/onAttributeCollection/attributeCollectionPage";
    let nameless = EXTERNAL.replace("\"attribute\": \"email\"", "\"attribute\": null");
    assert_eq!(
        faults(&[&nameless, EXTENSIONS, LISTENERS]),
        [
            fault(
                "F03",
                Warning,
                12,
                &format!("{page}/views/0/inputs/0/attribute")
            ),
            fault("F01", Warning, 11, page),
        ]
    );
    let detached = LISTENERS.replace("{ \"id\": \"submit\" }", "null");
    assert_eq!(
        faults(&[EXTERNAL, EXTENSIONS, &detached]),
        [fault("F05", Warning, 3, "/value/0/handler/customExtension")]
    );
    let nowhere = EXTENSIONS.replacen(
        "\"https://signup.example.org/connectors/aurora/external-id\"",
        "null",
        1,
    );
    assert_eq!(
        faults(&[EXTERNAL, &nowhere, LISTENERS]),
        [fault(
            "F05",
            Warning,
            3,
            "/value/0/endpointConfiguration/targetUrl"
        )]
    );
}

#[test]
fn what_a_b2c_export_leaves_open_is_said() {
    let nowhere = CONNECTORS.replacen(
        "\"https://signup.example.org/connectors/contoso/user-flow\"",
        "null",
        1,
    );
    assert_eq!(
        faults(&[FLOW, ASSIGNMENTS, PROVIDERS, &nowhere]),
        [fault("F05", Warning, 4, "/postFederationSignup/targetUrl")]
    );
    let unknown = FLOW.replace("  \"userFlowType\": \"signUpOrSignIn\",\n", "");
    assert_eq!(
        faults(&[&unknown, ASSIGNMENTS, PROVIDERS, CONNECTORS]),
        [fault("F09", Warning, 1, "")]
    );
}

/// A page of a list is not the list: the attribute that people may type could
/// be on the next one.
#[test]
fn an_export_that_was_cut_short_is_no_approval() {
    let next = "https://graph.microsoft.com/beta/identity/b2cUserFlows/B2C_1_signupsignin/userAttributeAssignments?$skiptoken=x";
    let cut = ASSIGNMENTS.replacen("{", &format!("{{\n  \"@odata.nextLink\": \"{next}\","), 1);
    assert_eq!(
        faults(&[FLOW, &cut, PROVIDERS, CONNECTORS]),
        [fault("F03", Warning, 2, "/@odata.nextLink")]
    );
    // Of a list within the flow.
    let cut = FLOW.replacen(
        "{",
        "{\n  \"identityProviders@odata.nextLink\": \"https://graph.microsoft.com/x\",",
        1,
    );
    assert_eq!(
        faults(&[&cut, ASSIGNMENTS, PROVIDERS, CONNECTORS]),
        [fault(
            "F02",
            Warning,
            2,
            "/identityProviders@odata.nextLink"
        )]
    );
}

/// The verified address of one flow says nothing about another.
#[test]
fn parts_of_another_flow_are_an_error() {
    let other = ASSIGNMENTS.replace(
        "b2cUserFlows('B2C_1_signupsignin')",
        "b2cUserFlows('B2C_1_old')",
    );
    assert_eq!(
        faults(&[FLOW, &other, PROVIDERS, CONNECTORS]),
        [fault("F03", Error, 2, "/@odata.context")]
    );
    let array = format!("[{FLOW},\n{other},\n{PROVIDERS},\n{CONNECTORS}]");
    assert_eq!(
        faults(&[&array]),
        [fault("F03", Error, 8, "/1/@odata.context")]
    );
    let shouted = ASSIGNMENTS.replace("'B2C_1_signupsignin'", "'B2C_1_SignUpSignIn'");
    assert_eq!(faults(&[FLOW, &shouted, PROVIDERS, CONNECTORS]), []);
}

#[test]
fn what_is_no_flow_is_refused() {
    let malformed = checked(&["{\n  \"id\": \"B2C_1_x\",\n  \"userFlowType\" }"]).unwrap_err();
    assert_eq!(malformed.to_string(), "expected `:` at line 3, column 18");
    assert_eq!(checked(&["{\"a\": 1}"]).unwrap_err(), NotAFlow::NoFlow);
    assert_eq!(checked(&["[]"]).unwrap_err(), NotAFlow::NoFlow);
    assert_eq!(checked(&["7"]).unwrap_err(), NotAFlow::NoFlow);
    assert_eq!(checked(&[FLOW, FLOW]).unwrap_err(), NotAFlow::Several(2));
}

#[test]
fn every_rule_is_explained() {
    for id in 1..=9 {
        let rule = rule(&format!("F{id:02}")).unwrap();
        assert_eq!(rule.id.0, id);
    }
    assert!(rule("F10").is_none() && rule("P01").is_none());
}

#[test]
fn an_export_may_be_written_by_power_shell() {
    let marked: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(FLOW.encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    assert_eq!(text(&marked).as_deref(), Some(FLOW));
    assert_eq!(text("\u{feff}{}".as_bytes()).as_deref(), Some("{}"));
    assert_eq!(text(FLOW.as_bytes()).as_deref(), Some(FLOW));
    assert_eq!(text(b"{\"id\": \"\xff\"}"), None);
}
