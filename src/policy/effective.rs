//! A policy together with all that it inherits.

use std::collections::HashMap;
use std::sync::Arc;

use super::merge::{self, folded, merge};
use super::source::FileId;
use super::view::{
    ClaimType, ClaimsTransformation, ContentDefinition, DisplayControl, LocalizedResources,
    Predicate, PredicateValidation, RelyingParty, SubJourney, TechnicalProfile, UserJourney,
};
use super::xml::Element;

/// The policy that B2C runs: a base with each of its children laid over it.
///
/// What the policies of a chain have in common is one tree in memory, not one a
/// policy. Every part tells by its span which file it stands in.
#[derive(Clone, Debug)]
pub struct Effective {
    /// `TrustFrameworkPolicy`, merged. Its own attributes are the child's.
    pub root: Arc<Element>,
    /// The files, the base first.
    pub chain: Vec<FileId>,
    claim_types: Arc<Catalogue>,
    predicates: Arc<Catalogue>,
    predicate_validations: Arc<Catalogue>,
    claims_transformations: Arc<Catalogue>,
    content_definitions: Arc<Catalogue>,
    display_controls: Arc<Catalogue>,
    localized_resources: Arc<Catalogue>,
    technical_profiles: Arc<Profiles>,
    journeys: Arc<Catalogue>,
    sub_journeys: Arc<Catalogue>,
}

/// The elements of one kind, by id.
#[derive(Debug, Default)]
struct Catalogue {
    /// The lists they were taken from.
    lists: Vec<Arc<Element>>,
    items: Vec<Arc<Element>>,
    places: HashMap<String, usize>,
}

/// The technical profiles, with what they include.
#[derive(Debug, Default)]
struct Profiles {
    /// As they are stated.
    stated: Catalogue,
    /// Beside each, what it is together with all that it includes.
    resolved: Vec<Arc<Element>>,
    /// Beside each, the claims provider around it.
    providers: Vec<Arc<Element>>,
}

impl Effective {
    /// The policy at the root of a chain.
    pub(super) fn of_root(root: Arc<Element>, file: FileId) -> Self {
        Self::index(root, vec![file], None)
    }

    /// A policy over its base.
    pub(super) fn over(base: &Self, own: &Arc<Element>, file: FileId) -> Self {
        let chain = base.chain.iter().copied().chain([file]).collect();
        Self::index(merge(&base.root, own), chain, Some(base))
    }

    /// What is the base's still is indexed already.
    fn index(root: Arc<Element>, chain: Vec<FileId>, base: Option<&Self>) -> Self {
        let catalogue = |part: &str, list: &str, item: &str, of: fn(&Self) -> &Arc<Catalogue>| {
            Catalogue::of(lists(&root, part, list), item, base.map(of))
        };
        let journeys = |part: &str, item: &str, of: fn(&Self) -> &Arc<Catalogue>| {
            Catalogue::of(children(&root, part), item, base.map(of))
        };
        let blocks = "BuildingBlocks";
        Self {
            claim_types: catalogue(blocks, "ClaimsSchema", "ClaimType", |e| &e.claim_types),
            predicates: catalogue(blocks, "Predicates", "Predicate", |e| &e.predicates),
            predicate_validations: catalogue(
                blocks,
                "PredicateValidations",
                "PredicateValidation",
                |e| &e.predicate_validations,
            ),
            claims_transformations: catalogue(
                blocks,
                "ClaimsTransformations",
                "ClaimsTransformation",
                |e| &e.claims_transformations,
            ),
            content_definitions: catalogue(
                blocks,
                "ContentDefinitions",
                "ContentDefinition",
                |e| &e.content_definitions,
            ),
            display_controls: catalogue(blocks, "DisplayControls", "DisplayControl", |e| {
                &e.display_controls
            }),
            localized_resources: catalogue(blocks, "Localization", "LocalizedResources", |e| {
                &e.localized_resources
            }),
            technical_profiles: Profiles::of(&root, base.map(|base| &base.technical_profiles)),
            journeys: journeys("UserJourneys", "UserJourney", |e| &e.journeys),
            sub_journeys: journeys("SubJourneys", "SubJourney", |e| &e.sub_journeys),
            root,
            chain,
        }
    }

    /// `PolicyId` of the policy itself.
    pub fn policy_id(&self) -> Option<&str> {
        self.root.value("PolicyId")
    }

    /// The technical profile with what it includes.
    pub fn technical_profile(&self, id: &str) -> Option<TechnicalProfile<'_>> {
        let place = self.technical_profiles.stated.place(id)?;
        self.profile_at(place)
    }

    /// All technical profiles, each with what it includes.
    pub fn technical_profiles(&self) -> impl Iterator<Item = TechnicalProfile<'_>> {
        let count = self.technical_profiles.resolved.len();
        (0..count).filter_map(|place| self.profile_at(place))
    }

    fn profile_at(&self, place: usize) -> Option<TechnicalProfile<'_>> {
        Some(TechnicalProfile {
            element: self.technical_profiles.resolved.get(place)?,
        })
    }

    /// The technical profile as the chain states it, without what it includes.
    pub fn stated_profile(&self, id: &str) -> Option<TechnicalProfile<'_>> {
        let element = self.technical_profiles.stated.get(id)?;
        Some(TechnicalProfile { element })
    }

    /// The `ClaimsProvider` around a technical profile.
    pub fn claims_provider_of(&self, id: &str) -> Option<&Element> {
        let place = self.technical_profiles.stated.place(id)?;
        let provider = self.technical_profiles.providers.get(place)?;
        Some(provider)
    }

    pub fn claim_type(&self, id: &str) -> Option<ClaimType<'_>> {
        self.claim_types
            .get(id)
            .map(|element| ClaimType { element })
    }

    pub fn claim_types(&self) -> impl Iterator<Item = ClaimType<'_>> {
        self.claim_types.all().map(|element| ClaimType { element })
    }

    pub fn predicate(&self, id: &str) -> Option<Predicate<'_>> {
        self.predicates.get(id).map(|element| Predicate { element })
    }

    pub fn predicates(&self) -> impl Iterator<Item = Predicate<'_>> {
        self.predicates.all().map(|element| Predicate { element })
    }

    pub fn predicate_validation(&self, id: &str) -> Option<PredicateValidation<'_>> {
        let element = self.predicate_validations.get(id)?;
        Some(PredicateValidation { element })
    }

    pub fn predicate_validations(&self) -> impl Iterator<Item = PredicateValidation<'_>> {
        let all = self.predicate_validations.all();
        all.map(|element| PredicateValidation { element })
    }

    pub fn claims_transformation(&self, id: &str) -> Option<ClaimsTransformation<'_>> {
        let element = self.claims_transformations.get(id)?;
        Some(ClaimsTransformation { element })
    }

    pub fn claims_transformations(&self) -> impl Iterator<Item = ClaimsTransformation<'_>> {
        let all = self.claims_transformations.all();
        all.map(|element| ClaimsTransformation { element })
    }

    pub fn content_definition(&self, id: &str) -> Option<ContentDefinition<'_>> {
        let element = self.content_definitions.get(id)?;
        Some(ContentDefinition { element })
    }

    pub fn content_definitions(&self) -> impl Iterator<Item = ContentDefinition<'_>> {
        let all = self.content_definitions.all();
        all.map(|element| ContentDefinition { element })
    }

    pub fn display_control(&self, id: &str) -> Option<DisplayControl<'_>> {
        let element = self.display_controls.get(id)?;
        Some(DisplayControl { element })
    }

    pub fn display_controls(&self) -> impl Iterator<Item = DisplayControl<'_>> {
        let all = self.display_controls.all();
        all.map(|element| DisplayControl { element })
    }

    pub fn localized_resources(&self, id: &str) -> Option<LocalizedResources<'_>> {
        let element = self.localized_resources.get(id)?;
        Some(LocalizedResources { element })
    }

    pub fn all_localized_resources(&self) -> impl Iterator<Item = LocalizedResources<'_>> {
        let all = self.localized_resources.all();
        all.map(|element| LocalizedResources { element })
    }

    pub fn journey(&self, id: &str) -> Option<UserJourney<'_>> {
        self.journeys.get(id).map(|element| UserJourney { element })
    }

    pub fn journeys(&self) -> impl Iterator<Item = UserJourney<'_>> {
        self.journeys.all().map(|element| UserJourney { element })
    }

    pub fn sub_journey(&self, id: &str) -> Option<SubJourney<'_>> {
        let element = self.sub_journeys.get(id)?;
        Some(SubJourney { element })
    }

    pub fn sub_journeys(&self) -> impl Iterator<Item = SubJourney<'_>> {
        self.sub_journeys
            .all()
            .map(|element| SubJourney { element })
    }

    /// What the chain says of the relying party. The policy itself need not be
    /// one: see [`PolicyFile::is_relying_party`](super::set::PolicyFile).
    pub fn relying_party(&self) -> Option<RelyingParty<'_>> {
        let element = self.root.child("RelyingParty")?;
        Some(RelyingParty { element })
    }
}

impl Catalogue {
    fn of(lists: Vec<Arc<Element>>, item: &str, base: Option<&Arc<Self>>) -> Arc<Self> {
        match base {
            Some(base) if same(&base.lists, &lists) => base.clone(),
            _ => {
                let items: Vec<_> = lists.iter().flat_map(|list| named(list, item)).collect();
                Arc::new(Self {
                    places: places(&items),
                    lists,
                    items,
                })
            }
        }
    }

    fn place(&self, id: &str) -> Option<usize> {
        self.places.get(&folded(id)).copied()
    }

    fn get(&self, id: &str) -> Option<&Element> {
        self.items.get(self.place(id)?).map(|item| &**item)
    }

    fn all(&self) -> impl Iterator<Item = &Element> {
        self.items.iter().map(|item| &**item)
    }
}

impl Profiles {
    fn of(root: &Element, base: Option<&Arc<Self>>) -> Arc<Self> {
        let lists = children(root, "ClaimsProviders");
        if let Some(base) = base.filter(|base| same(&base.stated.lists, &lists)) {
            return base.clone();
        }
        let mut items = Vec::new();
        let mut providers = Vec::new();
        for provider in lists.iter().flat_map(|list| named(list, "ClaimsProvider")) {
            for list in named(&provider, "TechnicalProfiles") {
                for profile in named(&list, "TechnicalProfile") {
                    items.push(profile);
                    providers.push(provider.clone());
                }
            }
        }
        let stated = Catalogue {
            places: places(&items),
            lists,
            items,
        };
        Arc::new(Self {
            resolved: include(&stated),
            stated,
            providers,
        })
    }
}

/// Technical profiles that include one the next. Published policies have four;
/// the checker refuses more (P08).
pub const MOST_INCLUDES: usize = 50;

/// Each technical profile over the one that it includes, which is itself taken
/// with what *it* includes: its own content wins. Those that include each other
/// in a circle, which B2C refuses, are taken without.
fn include(stated: &Catalogue) -> Vec<Arc<Element>> {
    let included = |place: usize| {
        let profile = stated.items.get(place)?;
        let reference = profile.child("IncludeTechnicalProfile")?;
        stated.place(reference.value("ReferenceId")?)
    };
    let mut resolved: Vec<Option<Arc<Element>>> = vec![None; stated.items.len()];
    for start in 0..stated.items.len() {
        // A loop, since hostile files may include a hundred thousand times.
        let mut path = Vec::new();
        let mut places_in_path = HashMap::new();
        let mut next = Some(start);
        while let Some(place) = next.filter(|place| resolved[*place].is_none()) {
            if let Some(first) = places_in_path.insert(place, path.len()) {
                for place in path.drain(first..) {
                    resolved[place] = stated.items.get(place).cloned();
                }
                break;
            }
            path.push(place);
            next = included(place);
        }
        let mut whole = next.and_then(|place| resolved[place].clone());
        for place in path.into_iter().rev() {
            whole = over(whole, stated.items.get(place));
            resolved[place].clone_from(&whole);
        }
    }
    resolved.into_iter().flatten().collect()
}

fn over(base: Option<Arc<Element>>, own: Option<&Arc<Element>>) -> Option<Arc<Element>> {
    match (base, own) {
        (Some(base), Some(own)) => Some(merge::include(&base, own)),
        (base, own) => base.or_else(|| own.cloned()),
    }
}

/// The first of each id: a repeat within one file is the checker's business.
fn places(items: &[Arc<Element>]) -> HashMap<String, usize> {
    let mut places = HashMap::new();
    for (place, item) in items.iter().enumerate() {
        if let Some(id) = item.value("Id") {
            places.entry(folded(id)).or_insert(place);
        }
    }
    places
}

fn named(parent: &Element, name: &str) -> Vec<Arc<Element>> {
    let children = parent.children.iter();
    children
        .filter(|child| *child.name == *name)
        .cloned()
        .collect()
}

fn children(root: &Element, part: &str) -> Vec<Arc<Element>> {
    named(root, part)
}

fn lists(root: &Element, part: &str, list: &str) -> Vec<Arc<Element>> {
    let parts = named(root, part);
    parts.iter().flat_map(|part| named(part, list)).collect()
}

fn same(one: &[Arc<Element>], other: &[Arc<Element>]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| Arc::ptr_eq(a, b))
}

#[cfg(test)]
mod tests;
