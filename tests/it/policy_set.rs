//! The policies that are shipped (`policies/custom`, `policies/base`): they fit
//! the service, they hold when something is wrong, and they can be built.

mod calls;
mod journeys;
mod pages;
mod tools;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use idlink::policy::effective::Effective;
use idlink::policy::set::PolicySet;
use idlink::policy::view::{ProviderKind, TechnicalProfile};
use idlink::policy::xml::Element;
use serde_json::Value;

/// Relying parties of the set.
const LOCAL: &str = "B2C_1A_Idlink_SignUpOrSignIn_Local";
const SOCIAL: &str = "B2C_1A_Idlink_SignUpOrSignIn_Social";

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("policies")
        .join(name)
}

/// The policies below a folder: where each stands there, and its text.
fn texts(name: &str) -> Vec<(String, String)> {
    fn walk(top: &Path, folder: &Path, texts: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(top, &path, texts);
            } else if path.extension().is_some_and(|extension| extension == "xml") {
                let below = path.strip_prefix(top).unwrap().display().to_string();
                texts.push((below, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut texts = Vec::new();
    walk(&folder(name), &folder(name), &mut texts);
    texts.sort();
    texts
}

fn json(path: &str) -> Value {
    let text = fs::read_to_string(folder(path)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The settings of an environment, `Tenant` among them.
fn settings(set: &str, environment: &str) -> BTreeMap<String, String> {
    let file = json(&format!("{set}/appsettings.json"));
    let environments = file["Environments"].as_array().unwrap();
    let found = environments.iter().find(|one| one["Name"] == environment);
    let found = found.unwrap();
    let mut settings: BTreeMap<String, String> =
        serde_json::from_value(found["PolicySettings"].clone()).unwrap();
    let tenant = found["Tenant"].as_str().unwrap();
    settings.insert("Tenant".to_owned(), tenant.to_owned());
    settings
}

/// The placeholders of a text, by what stands behind `{Settings:`.
fn placeholders(text: &str) -> BTreeSet<String> {
    text.split("{Settings:")
        .skip(1)
        .map(|rest| rest.split('}').next().unwrap().to_owned())
        .collect()
}

fn filled(text: &str, settings: &BTreeMap<String, String>) -> String {
    settings
        .iter()
        .fold(text.to_owned(), |text, (name, value)| {
            text.replace(&format!("{{Settings:{name}}}"), value)
        })
}

/// The set on our own base, as it is built for an environment.
fn built(environment: &str) -> PolicySet {
    put_together(environment, &|_, text| text)
}

/// The set for production on our own base, each file of which was changed.
fn built_on(change: &dyn Fn(&str, String) -> String) -> PolicySet {
    put_together("Production", change)
}

fn put_together(environment: &str, change: &dyn Fn(&str, String) -> String) -> PolicySet {
    let mut files = Vec::new();
    for set in ["base", "custom"] {
        let settings = settings(set, environment);
        for (path, text) in texts(set) {
            let text = if set == "base" {
                change(&path, text)
            } else {
                text
            };
            files.push((format!("{set}/{path}"), filled(&text, &settings)));
        }
    }
    PolicySet::from_texts(files.iter().map(|(path, text)| (&**path, &**text)))
}

fn effective(set: &PolicySet, id: &str) -> Arc<Effective> {
    let file = set.with_id(id).next().unwrap().file;
    assert!(set.chain(file).is_ok(), "{id}");
    set.effective(file).unwrap()
}

/// Both relying parties of production.
fn relying_parties() -> [Arc<Effective>; 2] {
    let set = built("Production");
    [LOCAL, SOCIAL].map(|id| effective(&set, id))
}

fn profile<'a>(policy: &'a Effective, id: &str) -> TechnicalProfile<'a> {
    policy.technical_profile(id).unwrap()
}

/// The calls to idlink: what is only included is none.
fn calls(policy: &Effective) -> Vec<TechnicalProfile<'_>> {
    policy
        .technical_profiles()
        .filter_map(|stated| policy.technical_profile(stated.id()))
        .filter(|profile| profile.provider() == Some(ProviderKind::Rest))
        .filter(|profile| profile.metadata("ServiceUrl").is_some())
        .collect()
}

fn visit(element: &Element, look: &mut impl FnMut(&Element)) {
    look(element);
    for child in &element.children {
        visit(child, look);
    }
}

#[test]
fn every_setting_has_a_value_in_every_environment_and_is_used() {
    for set in ["custom", "base"] {
        let keys = fs::read_to_string(folder(set).join("keys.json")).unwrap();
        let used: BTreeSet<String> = texts(set)
            .iter()
            .flat_map(|(_, text)| placeholders(text))
            .chain(placeholders(&keys))
            .collect();
        for environment in ["Development", "Production"] {
            let settings = settings(set, environment);
            let known: BTreeSet<String> = settings.keys().cloned().collect();
            assert_eq!(known, used, "{set} {environment}");
            for (name, value) in settings {
                let plain = !value.is_empty() && !value.contains(['&', '<', '"', '{']);
                assert!(plain, "{set} {environment} {name}");
            }
        }
    }
}

#[test]
fn a_policys_file_names_its_tenant_and_address_by_settings_alone() {
    for set in ["custom", "base"] {
        for (path, text) in texts(set) {
            assert!(!text.contains("onmicrosoft.com"), "{path}");
            assert!(!text.contains("contoso"), "{path}");
            assert!(!text.contains('\r') && !text.contains('\t'), "{path}");
        }
    }
}

#[test]
fn both_environments_can_be_read_and_every_chain_ends_at_the_base() {
    for environment in ["Development", "Production"] {
        let set = built(environment);
        assert_eq!(set.broken.len(), 0, "{environment}");
        for (id, expected) in [
            (
                LOCAL,
                [
                    "B2C_1A_TrustFrameworkBase",
                    "B2C_1A_TrustFrameworkLocalization",
                    "B2C_1A_TrustFrameworkExtensions",
                    "B2C_1A_Idlink_CustomerLink",
                    "B2C_1A_Idlink_CustomerLink_Local",
                    LOCAL,
                ],
            ),
            (
                SOCIAL,
                [
                    "B2C_1A_TrustFrameworkBase",
                    "B2C_1A_TrustFrameworkLocalization",
                    "B2C_1A_TrustFrameworkExtensions",
                    "B2C_1A_Idlink_CustomerLink",
                    "B2C_1A_Idlink_CustomerLink_Social",
                    SOCIAL,
                ],
            ),
        ] {
            let file = set.with_id(id).next().unwrap().file;
            let chain = set.chain(file).unwrap();
            let ids: Vec<_> = chain.iter().filter_map(|file| file.policy_id()).collect();
            assert_eq!(ids, expected, "{environment}");
        }
    }
}

/// Policies refer to secrets; they and the list of keys hold none.
#[test]
fn every_policy_key_is_on_a_list_that_holds_no_secret() {
    let mut listed = BTreeSet::new();
    for set in ["custom", "base"] {
        let settings = settings(set, "Production");
        for key in json(&format!("{set}/keys.json"))["keys"]
            .as_array()
            .unwrap()
        {
            let members: BTreeSet<&str> = key.as_object().unwrap().keys().map(|m| &**m).collect();
            let known = BTreeSet::from(["id", "kind", "use", "kty", "environment", "description"]);
            assert!(members.is_subset(&known), "{key}");
            let kind = key["kind"].as_str().unwrap();
            assert_eq!(key.get("environment").is_some(), kind == "secret", "{key}");
            assert_eq!(key.get("kty").is_some(), kind == "generate", "{key}");
            listed.insert(filled(key["id"].as_str().unwrap(), &settings));
        }
    }
    let mut named = BTreeSet::new();
    for policy in relying_parties() {
        visit(&policy.root, &mut |element| {
            named.extend(element.value("StorageReferenceId").map(str::to_owned));
        });
    }
    assert_eq!(named, listed);
    assert!(listed.contains("B2C_1A_IdlinkPassword"));
}

/// What the starter pack's `LocalAccounts` declares, of what our files name.
const IN_EVERY_BASE: [&str; 28] = [
    "AAD-UserReadUsingObjectId",
    "DefaultWeb",
    "JwtIssuer",
    "LocalAccountDiscoveryUsingEmailAddress",
    "LocalAccountSignUpWithLogonEmail",
    "LocalAccountWritePasswordUsingObjectId",
    "RedeemRefreshToken",
    "RefreshTokenReadAndSetup",
    "SM-AAD",
    "SM-Noop",
    "SelfAsserted-LocalAccountSignin-Email",
    "api.localaccountpasswordreset",
    "api.localaccountpasswordreset.en",
    "api.localaccountsignup",
    "api.localaccountsignup.en",
    "api.signuporsignin",
    "api.signuporsignin.en",
    "authenticationSource",
    "displayName",
    "email",
    "givenName",
    "identityProvider",
    "newPassword",
    "objectId",
    "reenterPassword",
    "signInNames.emailAddress",
    "surname",
    "tenantId",
];

/// What only `SocialAndLocalAccounts` has.
const IN_SOCIAL_BASES: [&str; 8] = [
    "AAD-UserReadUsingAlternativeSecurityId-NoError",
    "AAD-UserWriteUsingAlternativeSecurityId",
    "Facebook-OAUTH",
    "SelfAsserted-Social",
    "api.socialccountsignup",
    "api.socialccountsignup.en",
    "issuerUserId",
    "alternativeSecurityId",
];

/// Every attribute that refers to something by its id.
const REFERENCES: [&str; 10] = [
    "ReferenceId",
    "ClaimTypeReferenceId",
    "TechnicalProfileReferenceId",
    "ContentDefinitionReferenceId",
    "CpimIssuerTechnicalProfileReferenceId",
    "SubJourneyReferenceId",
    "UserJourneyReferenceId",
    "LocalizedResourcesReferenceId",
    "ElementId",
    "Id",
];

/// The ids that files name, and those that are spelt out in them for the first
/// time: with what makes them whole (a protocol, a data type, a page).
fn named_and_declared(files: &[&str]) -> (BTreeSet<String>, BTreeSet<String>) {
    let settings = settings("custom", "Production");
    let (mut named, mut declared) = (BTreeSet::new(), BTreeSet::new());
    let texts = texts("custom");
    for (path, text) in texts.iter().filter(|(path, _)| files.contains(&&**path)) {
        let set = PolicySet::from_texts([(&**path, &*filled(text, &settings))]);
        visit(&set.files[0].document.root, &mut |element| {
            let id = element.value("Id").unwrap_or_default().to_owned();
            let whole = match &*element.name {
                "TechnicalProfile" => ["Protocol", "IncludeTechnicalProfile"]
                    .iter()
                    .any(|part| element.child(part).is_some()),
                "ClaimType" => element.child("DataType").is_some(),
                "ContentDefinition" => element.child("DataUri").is_some(),
                "LocalizedResources" => id.ends_with(".ja") || id.contains(".customerlink."),
                "UserJourney" | "SubJourney" | "ClaimsTransformation" => true,
                // Ids of another kind: local to their step, key or input.
                "ClaimsExchange" | "Key" | "InputParameter" | "Endpoint" => return,
                _ => false,
            };
            if whole {
                declared.insert(id);
            }
            for attribute in REFERENCES {
                named.extend(element.value(attribute).map(str::to_owned));
            }
            if &*element.name == "Value" && !matches!(element.text(), Some("allow")) {
                named.extend(element.text().map(str::to_owned));
            }
        });
    }
    (named, declared)
}

/// The set stands on either base because it names nothing that only one has.
#[test]
fn the_local_files_name_only_what_every_base_has() {
    let shared = "shared/TrustFrameworkExtensions_CustomerLink.xml";
    let own = |id: &&String| !["PolicyProfile", "localAccountAuthentication"].contains(&&***id);
    let local = [
        shared,
        "local/CustomerLink_Local.xml",
        "rp/SignUpOrSignIn_Local.xml",
    ];
    let social = [
        shared,
        "social/CustomerLink_Social.xml",
        "rp/SignUpOrSignIn_Social.xml",
    ];
    let (named, declared) = named_and_declared(&local);
    let foreign: BTreeSet<_> = named.difference(&declared).filter(own).collect();
    let inherited: Vec<_> = foreign.iter().map(|id| &***id).collect();
    for id in &inherited {
        let known = IN_EVERY_BASE.contains(id) || ["signInName", "password"].contains(id);
        assert!(known, "{id}");
    }
    assert!(inherited.contains(&"LocalAccountSignUpWithLogonEmail"));

    let (named, declared) = named_and_declared(&social);
    for id in named.difference(&declared).filter(own) {
        let known = IN_EVERY_BASE.contains(&&**id)
            || IN_SOCIAL_BASES.contains(&&**id)
            || ["signInName", "password", "socialIdpAuthentication"].contains(&&**id);
        assert!(known, "{id}");
    }
}

/// The number is record-link's alone to tell: nothing keeps it, nothing else
/// sets it.
#[test]
fn no_directory_and_no_session_keeps_the_number() {
    let own = ["customerId", "customerLink"];
    for policy in relying_parties() {
        let mut told = BTreeSet::new();
        for stated in policy.technical_profiles() {
            let profile = profile(&policy, stated.id());
            for claim in profile.persisted_claims() {
                assert!(!own.contains(&claim.claim().unwrap()), "{}", profile.id());
            }
            for claim in profile.output_claims() {
                if own.contains(&claim.claim().unwrap()) {
                    told.insert(profile.id().to_owned());
                }
            }
        }
        told.remove("REST-CustomerLink-RecordFederated");
        let expected = ["REST-CustomerLink-RecordLocal", "RefreshTokenReadAndSetup"];
        assert_eq!(told, expected.map(str::to_owned).into());
    }
}
