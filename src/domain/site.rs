//! A web shop: whom it sells to, what it asks of a sign-up, what it says.

use std::collections::{BTreeMap, BTreeSet};

use time::Duration;

use super::customer::{CustomerType, LegalEntity};
use super::language::{self, Language};
use super::reference::Reference;

/// A site (Dynamics: channel, online store).
#[derive(Clone, Debug)]
pub struct Site {
    /// The name in paths and in the settings.
    pub name: String,
    /// The name in messages.
    pub display_name: String,
    pub legal_entity: LegalEntity,
    /// The name of the tenant whose people sign up here.
    pub tenant: String,
    /// The applications that this site consists of, by client id.
    pub client_ids: BTreeSet<String>,
    pub mode: Mode,
    pub rules: Rules,
    pub outage: Outage,
    pub disclosure: Disclosure,
    pub messages: Messages,
}

/// What linking does at a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nothing is decided or recorded.
    Off,
    /// Everything is decided and remembered, and everybody continues.
    Observe,
    Enforce,
}

/// What the matching rules take from the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    pub customer_type: CustomerType,
    pub unverified_email: UnverifiedEmail,
    pub customer_email: CustomerEmail,
    pub second_identity: SecondIdentity,
    /// How old the legal entity's customer feed may be before "no match" is
    /// no longer believed; `None` where nobody asks.
    pub feed_max_age: Option<Duration>,
}

/// What happens to a person whose address nobody vouches for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnverifiedEmail {
    Refuse,
    /// B2C sites only: a customer of their own, whose address never matches.
    Separate,
}

/// What is asked of the customer's own address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CustomerEmail {
    /// Any address on file may match, as in Commerce.
    Any,
    /// Only one that was proven before; an imported one is left to staff.
    Proven,
}

/// What happens when the customer already has an identity of the same issuer
/// and provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecondIdentity {
    Refuse,
    Add,
    Replace,
}

/// What a sign-up is told when the store cannot be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    Refuse,
    /// Go on without a number; the link is recorded at a later sign-in.
    Continue,
}

/// How much a refusal says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disclosure {
    /// Each refusal its own text, as in Commerce.
    Specific,
    /// One text for all of them, so that nobody can ask who is a customer.
    Uniform,
}

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    CustomerNotFound,
    MultipleCustomers,
    UnverifiedAddress,
    AlreadyLinked,
    TryAgainLater,
    /// The customer feed is behind, and the person may be on the way.
    RecordsBehind,
    /// The same where only known customers may sign up.
    NotFoundYet,
    /// Everything else, and every refusal where disclosure is uniform.
    NotPossible,
}

impl Topic {
    pub const ALL: [Self; 8] = [
        Self::CustomerNotFound,
        Self::MultipleCustomers,
        Self::UnverifiedAddress,
        Self::AlreadyLinked,
        Self::TryAgainLater,
        Self::RecordsBehind,
        Self::NotFoundYet,
        Self::NotPossible,
    ];

    /// The key in the settings and in the built-in texts.
    pub fn key(self) -> &'static str {
        match self {
            Self::CustomerNotFound => "customer_not_found",
            Self::MultipleCustomers => "multiple_customers",
            Self::UnverifiedAddress => "unverified_address",
            Self::AlreadyLinked => "already_linked",
            Self::TryAgainLater => "try_again_later",
            Self::RecordsBehind => "records_behind",
            Self::NotFoundYet => "not_found_yet",
            Self::NotPossible => "not_possible",
        }
    }
}

/// Where the person is when they read a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// On the sign-up page: no identity exists yet.
    SignUp,
    /// After sign-in: it does, and only the link is missing.
    SignedIn,
}

impl Stage {
    pub const ALL: [Self; 2] = [Self::SignUp, Self::SignedIn];

    /// The key in the settings and in the built-in texts.
    pub fn key(self) -> &'static str {
        match self {
            Self::SignUp => "sign_up",
            Self::SignedIn => "signed_in",
        }
    }
}

/// The texts of one language, one for each topic and stage. `{reference}`
/// stands for the reference; the site's name is filled in already.
pub type Texts = BTreeMap<(Topic, Stage), String>;

/// What a site says, in the languages it speaks.
#[derive(Clone, Debug)]
pub struct Messages {
    default: Language,
    texts: BTreeMap<Language, Texts>,
}

/// A set of messages that would leave somebody without an answer.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum IncompleteMessages {
    #[error("there are no messages in the default language")]
    NoDefault,
    #[error("the language `{language}` has no text for `{topic}` at stage `{stage}`")]
    Missing {
        language: String,
        topic: &'static str,
        stage: &'static str,
    },
}

impl Messages {
    /// Every language must have every text, and the default one must exist.
    pub fn new(
        default: Language,
        texts: BTreeMap<Language, Texts>,
    ) -> Result<Self, IncompleteMessages> {
        if !texts.contains_key(&default) {
            return Err(IncompleteMessages::NoDefault);
        }
        for (language, texts) in &texts {
            for topic in Topic::ALL {
                for stage in Stage::ALL {
                    if !texts.contains_key(&(topic, stage)) {
                        return Err(IncompleteMessages::Missing {
                            language: language.as_str().to_owned(),
                            topic: topic.key(),
                            stage: stage.key(),
                        });
                    }
                }
            }
        }
        Ok(Self { default, texts })
    }

    /// The text for a person who asked for `ui_locales`.
    pub fn text(
        &self,
        topic: Topic,
        stage: Stage,
        ui_locales: &str,
        reference: &Reference,
    ) -> String {
        let language = language::choose(ui_locales, |tag| self.texts.contains_key(tag));
        self.texts
            .get(language.as_ref().unwrap_or(&self.default))
            .and_then(|texts| texts.get(&(topic, stage)))
            .map(|text| text.replace("{reference}", reference.as_str()))
            .unwrap_or_default()
    }
}
