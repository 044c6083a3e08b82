//! Identities at other providers ("Social accounts claims transformations").
//! They stand in claims as JSON texts.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value as Json;

use super::{
    Row,
    given::{Given, Outcome, set},
    json_tree::Tree,
};
use crate::emulator::engine::value::Value;

pub(super) const ROWS: &[Row] = &[
    Row::new("AddItemToAlternativeSecurityIdCollection", add),
    Row::new("AddItemToUserIdentityCollection", add),
    // "The issuerUserId is the value of the key claim in base64 format."
    Row::new("CreateAlternativeSecurityId", |given| {
        let (key, provider) = (given.text("key")?, given.text("identityProvider")?);
        let id = Tree::object([
            ("type", 6.into()),
            ("identityProvider", provider.into()),
            ("key", STANDARD.encode(key).into()),
        ]);
        set("alternativeSecurityId", id.text())
    }),
    Row::new("CreateUserIdentity", |given| {
        let (user, issuer) = (given.text("issuerUserId")?, given.text("issuer")?);
        let identity = Tree::object([
            ("issuer", issuer.into()),
            ("issuerUserId", STANDARD.encode(user).into()),
        ]);
        set("userIdentity", identity.text())
    }),
    Row::new(
        "GetIdentityProvidersFromAlternativeSecurityIdCollectionTransformation",
        |given| {
            let ids = given.texts("alternativeSecurityIdCollection")?;
            set("identityProvidersCollection", issuers(&ids))
        },
    ),
    Row::new(
        "GetIssuersFromUserIdentityCollectionTransformation",
        |given| {
            let identities = given.texts("userIdentityCollection")?;
            set("issuersCollection", issuers(&identities))
        },
    ),
    Row::new("RemoveAlternativeSecurityIdByIdentityProvider", |given| {
        remove(given, &given.text("identityProvider")?)
    }),
    Row::new("RemoveUserIdentityFromCollectionByIssuer", |given| {
        remove(given, &given.text("issuer")?)
    }),
];

/// "Adds the item at the end of the collection", which is a new one where there
/// is none.
fn add(given: &Given<'_>) -> Outcome {
    let mut identities = given.may_texts("collection").unwrap_or_default();
    identities.push(given.text("item")?);
    set("collection", Value::Texts(identities))
}

fn remove(given: &Given<'_>, provider: &str) -> Outcome {
    let mut identities = given.texts("collection")?;
    identities.retain(|identity| {
        let issuer = issuer(identity);
        !issuer.is_some_and(|issuer| issuer.eq_ignore_ascii_case(provider))
    });
    set("collection", Value::Texts(identities))
}

/// In the order of the collection, each once.
fn issuers(identities: &[String]) -> Value {
    let mut issuers: Vec<String> = Vec::new();
    for issuer in identities.iter().filter_map(|identity| issuer(identity)) {
        if !issuers.contains(&issuer) {
            issuers.push(issuer);
        }
    }
    Value::Texts(issuers)
}

/// `identityProvider` of what is made here, `issuer` of what the reference
/// shows and the directory tells.
fn issuer(identity: &str) -> Option<String> {
    let identity: Json = serde_json::from_str(identity).ok()?;
    let issuer = identity.get("identityProvider").or(identity.get("issuer"));
    issuer?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::emulator::engine::{
        transformations::testing::{Trial, texts},
        value::Kind,
    };

    const LIVE: &str = r#"{"issuer":"live.com","issuerUserId":"MTA4MTQ2"}"#;
    const FACEBOOK: &str = r#"{"issuer":"facebook.com","issuerUserId":"MTIzNDU="}"#;
    const GOOGLE: &str = r#"{"type":6,"identityProvider":"google.com","key":"MQ=="}"#;

    #[test]
    fn an_alternative_security_id_is_made_of_a_provider_and_a_key() {
        let trial = Trial::new("CreateAlternativeSecurityId")
            .input("key", "12345")
            .input("identityProvider", "facebook.com")
            .output("alternativeSecurityId");
        let id: Json = serde_json::from_str(&trial.text()).unwrap();
        assert_eq!(
            id,
            json!({"type": 6, "identityProvider": "facebook.com", "key": "MTIzNDU="})
        );
        let missing = Trial::new("CreateAlternativeSecurityId")
            .missing("key")
            .input("identityProvider", "facebook.com")
            .output("alternativeSecurityId");
        assert_eq!(missing.sets(), json!({}));
    }

    #[test]
    fn a_user_identity_is_made_of_an_issuer_and_a_user() {
        let trial = Trial::new("CreateUserIdentity")
            .input("issuerUserId", "12345")
            .input("issuer", "facebook.com")
            .output("userIdentity");
        let identity: Json = serde_json::from_str(&trial.text()).unwrap();
        assert_eq!(
            identity,
            json!({"issuer": "facebook.com", "issuerUserId": "MTIzNDU="})
        );
    }

    #[test]
    fn an_identity_is_added_to_others() {
        for method in [
            "AddItemToAlternativeSecurityIdCollection",
            "AddItemToUserIdentityCollection",
        ] {
            let add = || Trial::new(method).output_as("collection", Kind::Texts);
            let second = add()
                .input("item", FACEBOOK)
                .input("collection", texts(&[LIVE]));
            assert_eq!(second.sets(), json!({"collection": [LIVE, FACEBOOK]}));
            let first = add().input("item", FACEBOOK).missing("collection");
            assert_eq!(first.sets(), json!({"collection": [FACEBOOK]}));
            let none = add().missing("item").input("collection", texts(&[LIVE]));
            assert_eq!(none.sets(), json!({}));
        }
    }

    #[test]
    fn the_providers_of_identities_are_listed() {
        let cases = [
            (
                "GetIdentityProvidersFromAlternativeSecurityIdCollectionTransformation",
                "alternativeSecurityIdCollection",
                "identityProvidersCollection",
            ),
            (
                "GetIssuersFromUserIdentityCollectionTransformation",
                "userIdentityCollection",
                "issuersCollection",
            ),
        ];
        for (method, input, output) in cases {
            let list = |items: &[&str]| {
                let trial = Trial::new(method)
                    .input(input, texts(items))
                    .output_as(output, Kind::Texts);
                trial.sets()
            };
            let two = json!({ output: ["google.com", "facebook.com"] });
            assert_eq!(list(&[GOOGLE, FACEBOOK, GOOGLE]), two);
            assert_eq!(list(&[]), json!({ output: [] }), "an empty collection");
            assert_eq!(list(&["no JSON"]), json!({ output: [] }));
        }
    }

    #[test]
    fn the_identities_at_a_provider_are_removed() {
        let remove = |method: &str, provider: &str| {
            let trial = Trial::new(method)
                .input(provider, "Facebook.com")
                .input("collection", texts(&[LIVE, FACEBOOK]))
                .output_as("collection", Kind::Texts);
            trial.sets()
        };
        let left = json!({"collection": [LIVE]});
        let method = "RemoveAlternativeSecurityIdByIdentityProvider";
        assert_eq!(remove(method, "identityProvider"), left);
        let method = "RemoveUserIdentityFromCollectionByIssuer";
        assert_eq!(remove(method, "issuer"), left);
    }
}
