//! How the parts of a child policy are laid over those of its base.
//!
//! Attributes override; the text of an element overrides; children that occur
//! once merge in turn. What stands in lists merges by the table [`RULES`].
//! B2C publishes no such table: it is put together from Microsoft's documents,
//! from what published policies rely on, and from issue threads.

use std::collections::HashMap;
use std::sync::Arc;

use super::xml::Element;

/// How the items of a list in a child meet those of the base.
#[derive(Clone, Copy, Debug)]
enum Rule {
    /// An item of the base with the same key is merged with and moves to where
    /// the child states it: the child's items come first, in its order ("new
    /// output claims render before inherited ones; to control the order
    /// restate all").
    Keyed(Key),
    /// The child's items on top, and nothing is taken for a repeat: what is
    /// restated runs twice (add-api-connector; samples#452).
    OnTop,
    /// The child's items behind those of the base.
    Behind,
    /// By the number `Order`, merged and sorted.
    Ordered,
    /// As `MergeBehavior` of the list says; an item with the same key is
    /// stated anew, not merged.
    Behaviour(Key),
    /// By the technical profiles in them: see [`providers`].
    Providers,
}

/// What tells that two items are the same one. Compared without regard to
/// case, except where values of claims are meant.
#[derive(Clone, Copy, Debug)]
enum Key {
    /// The first of these attributes that the item has.
    First(&'static [&'static str]),
    /// All of these attributes together.
    All(&'static [&'static str]),
    /// An attribute, its case included.
    Exact(&'static str),
    /// What is written in the item.
    Text,
}

const ID: Rule = Rule::Keyed(Key::First(&["Id"]));
const REFERENCE: Rule = Rule::Keyed(Key::First(&["ReferenceId"]));
/// Of a transformation the same claim may be given under two names.
const CLAIM: Rule = Rule::Keyed(Key::First(&[
    "TransformationClaimType",
    "ClaimTypeReferenceId",
]));

/// The lists of a policy: the element around, the item, the rule.
const RULES: &[(&str, &str, Rule)] = &[
    // Building blocks.
    ("ClaimsSchema", "ClaimType", ID),
    (
        "DefaultPartnerClaimTypes",
        "Protocol",
        Rule::Keyed(Key::First(&["Name"])),
    ),
    (
        "Restriction",
        "Enumeration",
        Rule::Behaviour(Key::Exact("Value")),
    ),
    ("Predicates", "Predicate", ID),
    (
        "Parameters",
        "Parameter",
        Rule::Keyed(Key::First(&["Id", "Name"])),
    ),
    ("PredicateValidations", "PredicateValidation", ID),
    ("PredicateGroups", "PredicateGroup", ID),
    ("PredicateReferences", "PredicateReference", ID),
    ("InputValidations", "InputValidation", ID),
    ("ClaimsTransformations", "ClaimsTransformation", ID),
    ("InputParameters", "InputParameter", ID),
    ("ClientDefinitions", "ClientDefinition", ID),
    ("ContentDefinitions", "ContentDefinition", ID),
    (
        "LocalizedResourcesReferences",
        "LocalizedResourcesReference",
        Rule::Behaviour(Key::First(&["Language"])),
    ),
    (
        "SupportedLanguages",
        "SupportedLanguage",
        Rule::Behaviour(Key::Text),
    ),
    ("Localization", "LocalizedResources", ID),
    (
        "LocalizedCollections",
        "LocalizedCollection",
        Rule::Keyed(Key::All(&["ElementType", "ElementId", "TargetCollection"])),
    ),
    (
        "LocalizedCollection",
        "Item",
        Rule::Keyed(Key::Exact("Value")),
    ),
    (
        "LocalizedStrings",
        "LocalizedString",
        Rule::Keyed(Key::All(&["ElementType", "ElementId", "StringId"])),
    ),
    ("DisplayControls", "DisplayControl", ID),
    ("Actions", "Action", ID),
    (
        "ValidationClaimsExchange",
        "ValidationClaimsExchangeTechnicalProfile",
        Rule::OnTop,
    ),
    // Technical profiles, and what else has claims.
    ("ClaimsProviders", "ClaimsProvider", Rule::Providers),
    ("TechnicalProfiles", "TechnicalProfile", ID),
    ("Metadata", "Item", Rule::Keyed(Key::First(&["Key"]))),
    ("CryptographicKeys", "Key", ID),
    ("InputClaims", "InputClaim", CLAIM),
    ("OutputClaims", "OutputClaim", CLAIM),
    ("PersistedClaims", "PersistedClaim", CLAIM),
    (
        "DisplayClaims",
        "DisplayClaim",
        Rule::Keyed(Key::First(&[
            "ClaimTypeReferenceId",
            "DisplayControlReferenceId",
        ])),
    ),
    (
        "InputClaimsTransformations",
        "InputClaimsTransformation",
        REFERENCE,
    ),
    (
        "OutputClaimsTransformations",
        "OutputClaimsTransformation",
        REFERENCE,
    ),
    (
        "ValidationTechnicalProfiles",
        "ValidationTechnicalProfile",
        Rule::OnTop,
    ),
    // Journeys.
    ("UserJourneys", "UserJourney", ID),
    ("SubJourneys", "SubJourney", ID),
    (
        "AuthorizationTechnicalProfiles",
        "AuthorizationTechnicalProfile",
        REFERENCE,
    ),
    ("OrchestrationSteps", "OrchestrationStep", Rule::Ordered),
    ("Preconditions", "Precondition", Rule::Behind),
    ("ClaimsExchanges", "ClaimsExchange", ID),
    (
        "ClaimsProviderSelections",
        "ClaimsProviderSelection",
        Rule::Keyed(Key::First(&[
            "TargetClaimsExchangeId",
            "ValidationClaimsExchangeId",
        ])),
    ),
    (
        "JourneyList",
        "Candidate",
        Rule::Keyed(Key::First(&["SubJourneyReferenceId"])),
    ),
    // Relying party.
    ("Endpoints", "Endpoint", ID),
    (
        "ContentDefinitionParameters",
        "Parameter",
        Rule::Keyed(Key::First(&["Name"])),
    ),
];

type Elements = Vec<Arc<Element>>;

/// Lays `over` over `base`. Parts that only one of them has are shared with it.
///
/// A merged element says that it stands where `over` states it; its attributes,
/// texts and children say each for itself where they come from.
pub fn merge(base: &Arc<Element>, over: &Arc<Element>) -> Arc<Element> {
    let mut attributes = base.attributes.clone();
    for attribute in &over.attributes {
        let same = attributes
            .iter_mut()
            .find(|own| own.name == attribute.name && own.namespace == attribute.namespace);
        match same {
            Some(own) => *own = attribute.clone(),
            None => attributes.push(attribute.clone()),
        }
    }
    let mut bases = by_name(&base.children);
    let mut overs = by_name(&over.children);
    let mut children = Elements::new();
    for name in names(&base.children).chain(names(&over.children)) {
        // Each name once: the second time nothing is left.
        let base = bases.remove(name).unwrap_or_default();
        let over_items = overs.remove(name).unwrap_or_default();
        children.extend(merge_items(over, name, base, over_items));
    }
    Arc::new(Element {
        name: over.name.clone(),
        span: over.span,
        name_span: over.name_span,
        attributes,
        children,
        text: over.text.clone().or_else(|| base.text.clone()),
        namespace: over.namespace.clone(),
    })
}

/// The lists of claims of a technical profile.
const CLAIM_LISTS: [&str; 4] = [
    "InputClaims",
    "OutputClaims",
    "PersistedClaims",
    "DisplayClaims",
];

/// Lays a technical profile over the one that it includes.
///
/// As [`merge`], but for a claim that it states itself: that is stated anew. A
/// public sample (username-signup-or-signin, its password reset) can only work
/// so: it takes a claim as it is that the included profile takes by another
/// name.
pub fn include(included: &Arc<Element>, own: &Arc<Element>) -> Arc<Element> {
    let children = included.children.iter().map(|list| {
        let restated = own.children.iter().find(|other| other.name == list.name);
        match restated.filter(|_| CLAIM_LISTS.contains(&&*list.name)) {
            Some(restated) => without(list, restated),
            None => list.clone(),
        }
    });
    let included = Arc::new(Element {
        children: children.collect(),
        ..Element::clone(included)
    });
    merge(&included, own)
}

/// The list without the claims that another list has.
fn without(list: &Arc<Element>, other: &Element) -> Arc<Element> {
    let claim = |item: &Element| item.value("ClaimTypeReferenceId").map(folded);
    let has = |item: &Element| {
        let own = claim(item);
        own.is_some() && other.children.iter().any(|other| claim(other) == own)
    };
    let children = list.children.iter().filter(|item| !has(item));
    Arc::new(Element {
        children: children.cloned().collect(),
        ..Element::clone(list)
    })
}

fn names(children: &[Arc<Element>]) -> impl Iterator<Item = &str> {
    children.iter().map(|child| &*child.name)
}

fn by_name(children: &[Arc<Element>]) -> HashMap<&str, Elements> {
    let mut groups: HashMap<&str, Elements> = HashMap::new();
    for child in children {
        groups.entry(&child.name).or_default().push(child.clone());
    }
    groups
}

/// Merges the children of one name. `list` is the element around them, as the
/// child policy has it.
fn merge_items(list: &Element, name: &str, base: Elements, over: Elements) -> Elements {
    if over.is_empty() {
        return base;
    }
    if base.is_empty() {
        return over;
    }
    let rule = RULES
        .iter()
        .find(|(parent, item, _)| **parent == *list.name && *item == name);
    match rule.map(|(_, _, rule)| *rule) {
        Some(Rule::Keyed(key)) => keyed(&base, &over, &|item| key.of(item)),
        Some(Rule::OnTop) => over.into_iter().chain(base).collect(),
        Some(Rule::Behind) => base.into_iter().chain(over).collect(),
        Some(Rule::Ordered) => {
            let mut steps = keyed(&base, &over, &|step| Some(order_key(step)));
            steps.sort_by_key(|step| order(step));
            steps
        }
        Some(Rule::Behaviour(key)) => behave(list, key, base, over),
        Some(Rule::Providers) => providers(&base, &over),
        // What occurs once.
        None if base.len() == 1 && over.len() == 1 => vec![merge(&base[0], &over[0])],
        // A list that the content model does not know.
        None => over,
    }
}

/// The child's items, each merged with the one of the base that has its key,
/// and then the rest of the base. Repeats within one file stay what they are:
/// to tell of them is the checker's business.
fn keyed(
    base: &[Arc<Element>],
    over: &[Arc<Element>],
    key: &dyn Fn(&Element) -> Option<String>,
) -> Elements {
    let mut left: Vec<Option<&Arc<Element>>> = base.iter().map(Some).collect();
    let places = first_places(base, key);
    let mut merged = Elements::with_capacity(base.len() + over.len());
    for item in over {
        let place = key(item).and_then(|key| places.get(&key).copied());
        let inherited = place.and_then(|place| left.get_mut(place)?.take());
        merged.push(match inherited {
            Some(inherited) => merge(inherited, item),
            None => item.clone(),
        });
    }
    merged.extend(left.into_iter().flatten().cloned());
    merged
}

fn first_places(
    items: &[Arc<Element>],
    key: &dyn Fn(&Element) -> Option<String>,
) -> HashMap<String, usize> {
    let mut places = HashMap::new();
    for (place, item) in items.iter().enumerate() {
        if let Some(key) = key(item) {
            places.entry(key).or_insert(place);
        }
    }
    places
}

/// The default is to replace: the schema says so of `SupportedLanguages`, and
/// has one type for all three lists.
fn behave(list: &Element, key: Key, base: Elements, over: Elements) -> Elements {
    let stated = |item: &Arc<Element>| {
        let own = key.of(item);
        own.is_some() && over.iter().any(|other| key.of(other) == own)
    };
    let kept = || base.iter().filter(|item| !stated(item)).cloned();
    match list.value("MergeBehavior") {
        Some("Append") => kept().chain(over.iter().cloned()).collect(),
        Some("Prepend") => over.iter().cloned().chain(kept()).collect(),
        _ => over,
    }
}

/// The providers of the base, in which each technical profile that the child
/// states too is merged in its place, behind the child's providers with what is
/// new in them.
///
/// Ids of technical profiles are one space for the whole policy, and the
/// grouping says nothing but `Domain`, by which a `domain_hint` finds the
/// provider: one that the child states beside an override holds.
fn providers(base: &[Arc<Element>], over: &[Arc<Element>]) -> Elements {
    let mut places: HashMap<String, (usize, usize)> = HashMap::new();
    for (at, provider) in base.iter().enumerate() {
        for (index, profile) in profiles(provider).enumerate() {
            if let Some(id) = id(profile) {
                places.entry(id).or_insert((at, index));
            }
        }
    }
    let mut overrides: HashMap<(usize, usize), Arc<Element>> = HashMap::new();
    let mut domains: HashMap<usize, Arc<Element>> = HashMap::new();
    let mut merged = Elements::new();
    for provider in over {
        let mut own = Elements::new();
        for profile in profiles(provider) {
            match id(profile).and_then(|id| places.remove(&id)) {
                Some(place) => {
                    overrides.insert(place, profile.clone());
                    let domain = provider.children.iter().find(|c| &*c.name == "Domain");
                    domains.extend(domain.map(|domain| (place.0, domain.clone())));
                }
                None => own.push(profile.clone()),
            }
        }
        if own.len() == profiles(provider).count() {
            merged.push(provider.clone());
        } else if !own.is_empty() {
            merged.push(with_profiles(provider, None, own));
        }
    }
    for (at, provider) in base.iter().enumerate() {
        let mut touched = false;
        let own = profiles(provider).enumerate().map(|(index, profile)| {
            match overrides.remove(&(at, index)) {
                Some(over) => {
                    touched = true;
                    merge(profile, &over)
                }
                None => profile.clone(),
            }
        });
        let own = own.collect();
        merged.push(if touched {
            with_profiles(provider, domains.remove(&at), own)
        } else {
            provider.clone()
        });
    }
    merged
}

fn profiles(provider: &Element) -> impl Iterator<Item = &Arc<Element>> {
    let lists = provider.children.iter();
    lists
        .filter(|list| &*list.name == "TechnicalProfiles")
        .flat_map(|list| list.children.iter())
        .filter(|profile| &*profile.name == "TechnicalProfile")
}

/// A provider as it was, with other technical profiles.
fn with_profiles(
    provider: &Element,
    domain: Option<Arc<Element>>,
    profiles: Elements,
) -> Arc<Element> {
    let mut provider = provider.clone();
    let mut profiles = Some(profiles);
    for child in &mut provider.children {
        if &*child.name == "TechnicalProfiles" {
            let mut list = Element::clone(child);
            list.children = profiles.take().unwrap_or_default();
            *child = Arc::new(list);
        }
    }
    if let Some(domain) = domain {
        provider.children.retain(|child| &*child.name != "Domain");
        provider.children.insert(0, domain);
    }
    Arc::new(provider)
}

/// An id as it is compared: B2C takes no notice of case.
pub fn folded(id: &str) -> String {
    id.trim().to_lowercase()
}

fn id(element: &Element) -> Option<String> {
    element.value("Id").map(folded)
}

fn order_key(step: &Element) -> String {
    match order(step) {
        Some(order) => order.to_string(),
        None => step.value("Order").map(folded).unwrap_or_default(),
    }
}

/// The number of a step; those without one come first.
fn order(step: &Element) -> Option<u32> {
    step.value("Order")?.trim().parse().ok()
}

impl Key {
    fn of(self, item: &Element) -> Option<String> {
        match self {
            Self::First(names) => names.iter().find_map(|name| {
                let value = item.value(name)?;
                Some(format!("{name}={}", folded(value)))
            }),
            Self::All(names) => {
                let values = names.iter().map(|name| item.value(name).map(folded));
                Some(
                    values
                        .map(Option::unwrap_or_default)
                        .collect::<Vec<_>>()
                        .join("\n"),
                )
            }
            Self::Exact(name) => item.value(name).map(str::to_owned),
            Self::Text => item.text().map(folded),
        }
    }
}

#[cfg(test)]
mod tests;
