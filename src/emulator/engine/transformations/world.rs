//! What transformations may ask for besides their claims and parameters: the
//! clock, chance, the policy's words, predicates and keys.

use secrecy::ExposeSecret;
use time::OffsetDateTime;

use super::predicates;
use crate::{
    emulator::{
        PolicyKey,
        engine::{Scene, value::Kind, words::Words},
        keys,
    },
    policy::xml::Element,
};

pub(super) trait World {
    fn now(&self) -> OffsetDateTime;

    fn random(&self) -> [u8; 16];

    /// The type that an output claim is declared with.
    fn kind(&self, claim: &str) -> Kind;

    /// What `{RelyingPartyTenantId}` and its like stand for.
    fn expression(&self, name: &str) -> String;

    /// A localized string, by its `ElementType` and `StringId`.
    fn localized(&self, element_type: &str, id: &str) -> Option<String>;

    /// The items of a claim's restriction, as texts and values.
    fn restriction(&self, claim: &str) -> Vec<(String, String)>;

    /// Whether a text fits the claim's predicates.
    fn fits(&self, claim: &str, text: &str) -> bool;

    /// The secret in a policy key.
    fn secret(&self, key: &str) -> String;
}

/// The journey, seen from a technical profile that runs in it.
pub(super) struct Live<'a> {
    scene: &'a Scene<'a>,
    profile: &'a str,
}

impl<'a> Live<'a> {
    pub(super) fn new(scene: &'a Scene<'a>, profile: &'a str) -> Self {
        Self { scene, profile }
    }

    /// Those of the content definition that the profile is associated with.
    fn words(&self) -> Words<'a> {
        let profile = self.scene.program.profile(self.profile);
        let definition =
            profile.and_then(|profile| profile.metadata("ContentDefinitionReferenceId"));
        Words::of(self.scene, definition)
    }
}

impl World for Live<'_> {
    fn now(&self) -> OffsetDateTime {
        let now = OffsetDateTime::from_unix_timestamp(self.scene.tenant.now());
        now.unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    fn random(&self) -> [u8; 16] {
        rand::random()
    }

    fn kind(&self, claim: &str) -> Kind {
        self.scene.program.kind(claim)
    }

    fn expression(&self, name: &str) -> String {
        match name {
            "TechnicalProfileId" => self.profile.to_owned(),
            _ => self.scene.tenant.domain.clone(),
        }
    }

    fn localized(&self, element_type: &str, id: &str) -> Option<String> {
        let words = self.words();
        words.of_transformation(element_type, id).map(str::to_owned)
    }

    fn restriction(&self, claim: &str) -> Vec<(String, String)> {
        let localized = self.words().items(claim);
        if !localized.is_empty() {
            let item = |(value, text, _): (&str, &str, bool)| (text.to_owned(), value.to_owned());
            return localized.into_iter().map(item).collect();
        }
        let Some(claim) = self.scene.program.claim_type(claim) else {
            return Vec::new();
        };
        let item = |item: &Element| {
            let text = item.value("Text")?.to_owned();
            Some((text, item.value("Value")?.to_owned()))
        };
        claim.enumeration().filter_map(item).collect()
    }

    fn fits(&self, claim: &str, text: &str) -> bool {
        predicates::fits(
            &self.scene.program.effective,
            claim,
            text,
            self.now().date(),
        )
    }

    /// Nobody tells the emulator the values of policy keys. It makes one up
    /// from the key's name, the same at every start.
    /// Of the tenant's policy keys; one that nobody gave is made up.
    fn secret(&self, key: &str) -> String {
        if let Some(PolicyKey::Secret(secret)) = self.scene.tenant.policy_keys.get(key) {
            return secret.expose_secret().to_owned();
        }
        keys::sha256(&format!("{} {}", self.scene.tenant.id, key))
    }
}
