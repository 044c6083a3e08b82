mod changing;
mod creating;
mod finding;

use serde_json::json;
use uuid::Uuid;

use crate::emulator::{
    FederatedIdentity, Fidelity, SeedUser, Settings,
    directory::{Key, User},
    engine::{
        bag::Bag,
        failure::{Failure, PageText},
        trial::{DIRECTORY, Trial, bag},
        value::{Kind, Value},
    },
};

const ADA: &str = "0c1d9c8e-6f53-4d39-8b3e-1f0a4c4b6f10";
const OTHER_APP: &str = "5d2b6e4a-90c7-4a3f-8f15-e6c1b7a2d908";
const FACEBOOK: &str = r#"{"type":6,"identityProvider":"facebook.com","key":"MTIzNDU="}"#;

const CLAIMS: [&str; 27] = [
    "email",
    "newPassword",
    "objectId",
    "newUser:boolean",
    "userPrincipalName",
    "displayName",
    "givenName",
    "surname",
    "signInNames.emailAddress",
    "signInNames.userName",
    "alternativeSecurityId",
    "alternativeSecurityIds:alternativeSecurityIdCollection",
    "otherMails:stringCollection",
    "passwordPolicies",
    "accountEnabled:boolean",
    "forceChangePasswordNextLogin:boolean",
    "extension_Tier",
    "extension_Points:int",
    "extension_Agreed:boolean",
    "extension_When:dateTime",
    "dateOfBirth:date",
    "ageGroup",
    "consentProvidedForMinor",
    "legalAgeGroupClassification",
    "refreshTokensValidFromDateTime:dateTime",
    "authenticationSource",
    "city",
];

/// A profile of the directory: metadata items behind the operation, the key,
/// what is written, what is told.
fn profile(operation: &str, items: &str, key: &str, persisted: &str, outputs: &str) -> String {
    let list = |what: &str, names: &str| -> String {
        let claims = names.split_whitespace().map(|name| {
            let (claim, partner) = name.split_once('>').unwrap_or((name, ""));
            let (partner, default) = partner.split_once('=').unwrap_or((partner, ""));
            let attribute = |name: &str, value: &str| match value {
                "" => String::new(),
                value => format!(r#" {name}="{value}""#),
            };
            format!(
                r#"<{what} ClaimTypeReferenceId="{claim}"{}{}/>"#,
                attribute("PartnerClaimType", partner),
                attribute("DefaultValue", default),
            )
        });
        claims.collect()
    };
    format!(
        r#"<TechnicalProfile Id="It"><DisplayName>D</DisplayName>{DIRECTORY}
        <Metadata><Item Key="Operation">{operation}</Item>{items}</Metadata>
        <InputClaims>{}</InputClaims><PersistedClaims>{}</PersistedClaims>
        <OutputClaims>{}</OutputClaims></TechnicalProfile>"#,
        list("InputClaim", key),
        list("PersistedClaim", persisted),
        list("OutputClaim", outputs),
    )
}

fn item(key: &str, value: &str) -> String {
    format!(r#"<Item Key="{key}">{value}</Item>"#)
}

fn raises(what: &str) -> String {
    item(&format!("RaiseErrorIfClaimsPrincipal{what}"), "true")
}

fn ada() -> SeedUser {
    SeedUser {
        object_id: Some(ADA.parse().unwrap()),
        email: Some("ada@post.example".to_owned()),
        password: Some("Summer2026".to_owned()),
        attributes: [
            ("displayName".to_owned(), json!("Ada")),
            ("surname".to_owned(), json!("Lovelace")),
        ]
        .into(),
        ..SeedUser::default()
    }
}

fn trial(profile: &str, seed: Vec<SeedUser>) -> Trial {
    Trial::with(&CLAIMS, "", profile, |settings| settings.seed = seed)
}

fn lenient(profile: &str, seed: Vec<SeedUser>) -> Trial {
    let change = |settings: &mut Settings| {
        settings.seed = seed;
        settings.fidelity = Fidelity::Lenient;
    };
    Trial::with(&CLAIMS, "", profile, change)
}

async fn run(trial: &Trial, bag: &Bag) -> Result<Bag, Failure> {
    trial.run("It", bag).await.0
}

fn user(trial: &Trial, id: &str) -> User {
    let state = trial.tenant.state();
    state.directory.get(id.parse().unwrap()).unwrap().clone()
}

fn words(failure: &Failure) -> (&str, &str) {
    match &failure.page {
        PageText::Named { key, default, .. } => (key, default),
        other => panic!("{other:?}"),
    }
}

fn sign_up() -> String {
    profile(
        "Write",
        &raises("AlreadyExists"),
        "email>signInNames.emailAddress",
        "email>signInNames.emailAddress newPassword>password displayName>=unknown givenName \
         passwordPolicies>=DisablePasswordExpiration",
        "objectId newUser>newClaimsPrincipalCreated userPrincipalName signInNames.emailAddress \
         displayName authenticationSource>=localAccountAuthentication",
    )
}

fn typed(email: &str, password: &str) -> Bag {
    bag([("email", email.into()), ("newPassword", password.into())])
}
