//! Profiles that are not called: by their metadata, or for want of keys.

use serde_json::json;

use super::desk::{Policy, STEP, bag, notes, ok, service};
use crate::emulator::{
    Fidelity,
    engine::providers::rest::keys::{self, Kind, WhyMissing},
};

#[tokio::test]
async fn metadata_that_b2c_refuses_are_refused() {
    let local = "http://127.0.0.1:9/";
    for (why, url, mode, metadata, code, text) in [
        (
            "no authentication in production",
            local,
            "Production",
            ("AllowInsecureAuthInProduction", ""),
            "AADB2C90258",
            "Profile 'REST-Check' uses an insecure authentication mode that is only allowed in \
             production mode policies with metadata key 'AllowInsecureAuthInProduction' set to \
             true.",
        ),
        (
            "plain http",
            "http://api.contoso.invalid/",
            "Production",
            ("DebugMode", "true"),
            "AADB2C90257",
            "Profile 'REST-Check' uses http service url that is only allowed in development mode \
             policies with metadata key: AllowInsecureAuthInProduction set to true.",
        ),
        (
            "no URL",
            local,
            "Production",
            ("ServiceUrl", ""),
            "AADB2C90023",
            "Profile 'REST-Check' does not contain the required metadata key 'ServiceUrl'.",
        ),
        (
            "a URL that is none",
            "api.contoso.com/check",
            "Production",
            ("DebugMode", ""),
            "AADB2C90026",
            "Profile 'REST-Check' metadata contains the key 'ServiceUrl' which has the empty or \
             invalid URL format of 'api.contoso.com/check'.",
        ),
        (
            "no type",
            local,
            "Production",
            ("AuthenticationType", ""),
            "AADB2C90023",
            "Profile 'REST-Check' does not contain the required metadata key 'AuthenticationType'.",
        ),
        (
            "another type",
            local,
            "Development",
            ("AuthenticationType", "OAuth"),
            "AADB2C90024",
            "Profile 'REST-Check' contains the unsupported authentication type 'OAuth'. Expected \
             one of 'None', 'Basic', 'Bearer', 'ClientCertificate' or 'ApiKeyHeader'.",
        ),
        (
            "another transport",
            local,
            "Production",
            ("SendClaimsIn", "Cookie"),
            "AADB2C90029",
            "Profile 'REST-Check' contains the unsupported SendClaimsIn type 'Cookie'. Expected \
             one of 'Body', 'Form', 'Header', 'Url' or 'QueryString'.",
        ),
    ] {
        let policy = Policy {
            deployment_mode: mode,
            metadata: vec![metadata],
            ..Policy::default()
        };
        let (done, record) = policy.at(url).run_at(STEP, &bag(&[])).await;
        let failure = done.unwrap_err();
        assert_eq!(
            (failure.code.as_str(), failure.text.as_str()),
            (code, text),
            "{why}"
        );
        assert!(record.rest.is_none(), "{why}");
    }
}

#[tokio::test]
async fn what_is_for_development_runs_there_and_with_a_note_when_lenient() {
    let service = service(ok(json!({}))).await;
    for (mode, fidelity, note) in [
        ("Development", Fidelity::Strict, ""),
        ("Production", Fidelity::Lenient, "AADB2C90258"),
    ] {
        let policy = Policy {
            deployment_mode: mode,
            metadata: vec![("AllowInsecureAuthInProduction", "")],
            ..Policy::default()
        };
        let desk = policy.with(&service.uri(), |settings| settings.fidelity = fidelity);
        let (done, record) = desk.run(&bag(&[])).await;
        done.unwrap();
        let notes = notes(&record);
        assert!(notes.contains("plain http to this machine"), "{notes}");
        assert_eq!(notes.contains("AADB2C90258"), !note.is_empty(), "{notes}");
    }
}

#[tokio::test]
async fn keys_that_are_missing_are_named() {
    let basic = r#"<CryptographicKeys>
        <Key Id="BasicAuthenticationUsername" StorageReferenceId="B2C_1A_User"/>
        <Key Id="BasicAuthenticationPassword" StorageReferenceId="B2C_1A_Gone"/>
    </CryptographicKeys>"#;
    let certificate = r#"<CryptographicKeys>
        <Key Id="ClientCertificate" StorageReferenceId="B2C_1A_Secret"/></CryptographicKeys>"#;
    let api_key = r#"<CryptographicKeys>
        <Key Id="api-key" StorageReferenceId="B2C_1A_Gone"/></CryptographicKeys>"#;
    for (kind, rest, code, id, container, why) in [
        (
            "Basic",
            basic,
            "AADB2C90027",
            "BasicAuthenticationPassword",
            Some("B2C_1A_Gone"),
            WhyMissing::NotInTenant,
        ),
        (
            "ClientCertificate",
            certificate,
            "AADB2C90028",
            "ClientCertificate",
            Some("B2C_1A_Secret"),
            WhyMissing::WrongKind,
        ),
        (
            "Bearer",
            "",
            "AADB2C90025",
            "BearerAuthenticationToken",
            None,
            WhyMissing::NotStated,
        ),
        (
            "ApiKeyHeader",
            api_key,
            "AADB2C90019",
            "api-key",
            Some("B2C_1A_Gone"),
            WhyMissing::NotInTenant,
        ),
    ] {
        let policy = Policy {
            metadata: vec![("AuthenticationType", kind)],
            rest,
            ..Policy::default()
        };
        let desk = policy.at("https://api.contoso.invalid/");
        let profile = desk.program.profile("REST-Check").unwrap();
        let kind_of_key = Kind::of(&profile).unwrap();
        let keys = &desk.tenant.policy_keys;
        let missing = keys::authentication(&desk.program, &profile, kind_of_key, keys);
        let missing = missing.unwrap_err();
        assert_eq!(missing.len(), 1, "{kind}: {missing:?}");
        assert_eq!(missing[0].id, id);
        assert_eq!(missing[0].container.as_deref(), container);
        assert_eq!(missing[0].why, why);
        assert_eq!(missing[0].place.as_ref().unwrap().file, "desk.xml");
        let (done, record) = desk.run(&bag(&[])).await;
        assert_eq!(done.unwrap_err().code, code, "{kind}");
        assert!(notes(&record).contains(&missing[0].to_string()), "{kind}");
    }
}
