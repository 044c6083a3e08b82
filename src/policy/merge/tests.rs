//! Each rule of the table, with what comes out written by hand.

use std::fmt::Write as _;
use std::sync::Arc;

use super::super::source::Sources;
use super::super::xml::{Element, parse};
use super::merge;

fn read(text: &str) -> Arc<Element> {
    let mut sources = Sources::default();
    let file = sources.add("p.xml".into(), text);
    Arc::new(parse(file, text).unwrap().root)
}

/// On one line, attributes as they stand.
fn written(element: &Element) -> String {
    let mut out = format!("<{}", element.name);
    for attribute in &element.attributes {
        write!(out, " {}='{}'", attribute.name, attribute.value).unwrap();
    }
    if element.children.is_empty() && element.text.is_none() {
        return out + "/>";
    }
    out.push('>');
    out.push_str(element.text().unwrap_or_default());
    out.extend(element.children.iter().map(|child| written(child)));
    write!(out, "</{}>", element.name).unwrap();
    out
}

fn is_merged(why: &str, base: &str, over: &str, expected: &str) {
    assert_eq!(written(&merge(&read(base), &read(over))), expected, "{why}");
}

#[test]
fn attributes_and_texts_override() {
    is_merged(
        "attributes of both, the child's value where both have one",
        "<Item Key='a' Kept='1'>old</Item>",
        "<Item Key='b' New='2'>new</Item>",
        "<Item Key='b' Kept='1' New='2'>new</Item>",
    );
    is_merged(
        "a text that the child does not state",
        "<A>old</A>",
        "<A/>",
        "<A>old</A>",
    );
    is_merged(
        "children that occur once, each for itself",
        "<TechnicalProfile Id='a'><DisplayName>old</DisplayName>\
         <Protocol Name='OAuth2'/><IncludeInSso>false</IncludeInSso></TechnicalProfile>",
        "<TechnicalProfile Id='A'><DisplayName>new</DisplayName>\
         <Protocol Name='Proprietary' Handler='h'/>\
         <OutputTokenFormat>JWT</OutputTokenFormat></TechnicalProfile>",
        "<TechnicalProfile Id='A'><DisplayName>new</DisplayName>\
         <Protocol Name='Proprietary' Handler='h'/><IncludeInSso>false</IncludeInSso>\
         <OutputTokenFormat>JWT</OutputTokenFormat></TechnicalProfile>",
    );
}

#[test]
fn lists_merge_by_their_keys_and_the_childs_entries_come_first() {
    // The list, the item, the attribute that is its key.
    let lists = [
        ("ClaimsSchema", "ClaimType", "Id"),
        ("DefaultPartnerClaimTypes", "Protocol", "Name"),
        ("Predicates", "Predicate", "Id"),
        ("Parameters", "Parameter", "Id"),
        ("PredicateValidations", "PredicateValidation", "Id"),
        ("PredicateGroups", "PredicateGroup", "Id"),
        ("PredicateReferences", "PredicateReference", "Id"),
        ("InputValidations", "InputValidation", "Id"),
        ("ClaimsTransformations", "ClaimsTransformation", "Id"),
        ("InputParameters", "InputParameter", "Id"),
        ("ClientDefinitions", "ClientDefinition", "Id"),
        ("ContentDefinitions", "ContentDefinition", "Id"),
        ("Localization", "LocalizedResources", "Id"),
        ("LocalizedCollection", "Item", "Value"),
        ("DisplayControls", "DisplayControl", "Id"),
        ("Actions", "Action", "Id"),
        ("TechnicalProfiles", "TechnicalProfile", "Id"),
        ("Metadata", "Item", "Key"),
        ("CryptographicKeys", "Key", "Id"),
        ("InputClaims", "InputClaim", "ClaimTypeReferenceId"),
        ("InputClaims", "InputClaim", "TransformationClaimType"),
        ("OutputClaims", "OutputClaim", "ClaimTypeReferenceId"),
        ("OutputClaims", "OutputClaim", "TransformationClaimType"),
        ("PersistedClaims", "PersistedClaim", "ClaimTypeReferenceId"),
        ("DisplayClaims", "DisplayClaim", "ClaimTypeReferenceId"),
        ("DisplayClaims", "DisplayClaim", "DisplayControlReferenceId"),
        (
            "InputClaimsTransformations",
            "InputClaimsTransformation",
            "ReferenceId",
        ),
        (
            "OutputClaimsTransformations",
            "OutputClaimsTransformation",
            "ReferenceId",
        ),
        ("UserJourneys", "UserJourney", "Id"),
        ("SubJourneys", "SubJourney", "Id"),
        (
            "AuthorizationTechnicalProfiles",
            "AuthorizationTechnicalProfile",
            "ReferenceId",
        ),
        ("ClaimsExchanges", "ClaimsExchange", "Id"),
        (
            "ClaimsProviderSelections",
            "ClaimsProviderSelection",
            "TargetClaimsExchangeId",
        ),
        (
            "ClaimsProviderSelections",
            "ClaimsProviderSelection",
            "ValidationClaimsExchangeId",
        ),
        ("JourneyList", "Candidate", "SubJourneyReferenceId"),
        ("Endpoints", "Endpoint", "Id"),
        ("ContentDefinitionParameters", "Parameter", "Name"),
    ];
    for (list, item, key) in lists {
        is_merged(
            &format!("{list} by {key}"),
            &format!("<{list}><{item} {key}='a' x='1'/><{item} {key}='b' x='2'/></{list}>"),
            &format!("<{list}><{item} {key}='c' x='3'/><{item} {key}='b' y='4'/></{list}>"),
            &format!(
                "<{list}><{item} {key}='c' x='3'/><{item} {key}='b' x='2' y='4'/>\
                 <{item} {key}='a' x='1'/></{list}>"
            ),
        );
    }
}

#[test]
fn ids_are_the_same_whatever_their_case_and_values_are_not() {
    is_merged(
        "the spelling of the child is kept",
        "<OutputClaims><OutputClaim ClaimTypeReferenceId='surName' Required='true'/></OutputClaims>",
        "<OutputClaims><OutputClaim ClaimTypeReferenceId='surname'/></OutputClaims>",
        "<OutputClaims><OutputClaim ClaimTypeReferenceId='surname' Required='true'/></OutputClaims>",
    );
    is_merged(
        "two answers of a list",
        "<LocalizedCollection><Item Value='de' Text='1'/></LocalizedCollection>",
        "<LocalizedCollection><Item Value='DE' Text='2'/></LocalizedCollection>",
        "<LocalizedCollection><Item Value='DE' Text='2'/><Item Value='de' Text='1'/></LocalizedCollection>",
    );
}

#[test]
fn what_one_file_states_twice_stays_twice() {
    is_merged(
        "the first of each is the one that is meant",
        "<Metadata><Item Key='a'>1</Item><Item Key='a'>2</Item></Metadata>",
        "<Metadata><Item Key='a'>3</Item><Item Key='a'>4</Item></Metadata>",
        "<Metadata><Item Key='a'>3</Item><Item Key='a'>4</Item><Item Key='a'>2</Item></Metadata>",
    );
    is_merged(
        "without a key nothing is the same",
        "<Metadata><Item>1</Item></Metadata>",
        "<Metadata><Item>2</Item></Metadata>",
        "<Metadata><Item>2</Item><Item>1</Item></Metadata>",
    );
}

#[test]
fn texts_of_a_language_merge_by_element_and_string() {
    let strings = |items: &str| {
        format!("<LocalizedStrings>{items}</LocalizedStrings>")
            .replace("[", "<LocalizedString ")
            .replace("]", "</LocalizedString>")
    };
    is_merged(
        "type, element and string together; a missing element is one too",
        &strings(
            "[ElementType='ClaimType' ElementId='email' StringId='DisplayName'>a]\
             [ElementType='ClaimType' ElementId='city' StringId='DisplayName'>b]\
             [ElementType='UxElement' StringId='DisplayName'>c]",
        ),
        &strings(
            "[ElementType='ClaimType' ElementId='Email' StringId='DisplayName'>d]\
             [ElementType='UxElement' StringId='displayname'>e]",
        ),
        &strings(
            "[ElementType='ClaimType' ElementId='Email' StringId='DisplayName'>d]\
             [ElementType='UxElement' StringId='displayname'>e]\
             [ElementType='ClaimType' ElementId='city' StringId='DisplayName'>b]",
        ),
    );
    is_merged(
        "collections, of which an element may have several",
        "<LocalizedCollections><LocalizedCollection ElementType='ClaimType' ElementId='city' TargetCollection='Restriction'><Item Value='a'/></LocalizedCollection></LocalizedCollections>",
        "<LocalizedCollections><LocalizedCollection ElementType='ClaimType' ElementId='city' TargetCollection='Restriction'><Item Value='b'/></LocalizedCollection><LocalizedCollection ElementType='ClaimType' ElementId='city' TargetCollection='Other'/></LocalizedCollections>",
        "<LocalizedCollections><LocalizedCollection ElementType='ClaimType' ElementId='city' TargetCollection='Restriction'><Item Value='b'/><Item Value='a'/></LocalizedCollection><LocalizedCollection ElementType='ClaimType' ElementId='city' TargetCollection='Other'/></LocalizedCollections>",
    );
}

#[test]
fn validation_profiles_run_on_top_of_the_inherited_ones_and_again() {
    is_merged(
        "a restated one runs twice",
        "<ValidationTechnicalProfiles><ValidationTechnicalProfile ReferenceId='check'/>\
         <ValidationTechnicalProfile ReferenceId='write'/></ValidationTechnicalProfiles>",
        "<ValidationTechnicalProfiles><ValidationTechnicalProfile ReferenceId='rest'/>\
         <ValidationTechnicalProfile ReferenceId='write'/></ValidationTechnicalProfiles>",
        "<ValidationTechnicalProfiles><ValidationTechnicalProfile ReferenceId='rest'/>\
         <ValidationTechnicalProfile ReferenceId='write'/>\
         <ValidationTechnicalProfile ReferenceId='check'/>\
         <ValidationTechnicalProfile ReferenceId='write'/></ValidationTechnicalProfiles>",
    );
    is_merged(
        "and so in an action of a display control",
        "<ValidationClaimsExchange><ValidationClaimsExchangeTechnicalProfile TechnicalProfileReferenceId='a'/></ValidationClaimsExchange>",
        "<ValidationClaimsExchange><ValidationClaimsExchangeTechnicalProfile TechnicalProfileReferenceId='a' ContinueOnError='true'/></ValidationClaimsExchange>",
        "<ValidationClaimsExchange><ValidationClaimsExchangeTechnicalProfile TechnicalProfileReferenceId='a' ContinueOnError='true'/><ValidationClaimsExchangeTechnicalProfile TechnicalProfileReferenceId='a'/></ValidationClaimsExchange>",
    );
}

#[test]
fn journeys_merge_by_the_order_of_their_steps() {
    is_merged(
        "steps of the base stay behind the child's last one",
        "<OrchestrationSteps><OrchestrationStep Order='1' Type='A'/>\
         <OrchestrationStep Order='2' Type='ClaimsExchange'><ClaimsExchanges>\
         <ClaimsExchange Id='x' TechnicalProfileReferenceId='p'/></ClaimsExchanges></OrchestrationStep>\
         <OrchestrationStep Order='10' Type='SendClaims'/></OrchestrationSteps>",
        "<OrchestrationSteps><OrchestrationStep Order='3' Type='C'/>\
         <OrchestrationStep Order='2' Type='ClaimsExchange'><ClaimsExchanges>\
         <ClaimsExchange Id='y' TechnicalProfileReferenceId='q'/></ClaimsExchanges></OrchestrationStep>\
         </OrchestrationSteps>",
        "<OrchestrationSteps><OrchestrationStep Order='1' Type='A'/>\
         <OrchestrationStep Order='2' Type='ClaimsExchange'><ClaimsExchanges>\
         <ClaimsExchange Id='y' TechnicalProfileReferenceId='q'/>\
         <ClaimsExchange Id='x' TechnicalProfileReferenceId='p'/></ClaimsExchanges></OrchestrationStep>\
         <OrchestrationStep Order='3' Type='C'/><OrchestrationStep Order='10' Type='SendClaims'/></OrchestrationSteps>",
    );
    is_merged(
        "a number is a number, a repeat within a file stays",
        "<OrchestrationSteps><OrchestrationStep Order='1' Type='A'/></OrchestrationSteps>",
        "<OrchestrationSteps><OrchestrationStep Order='01' Type='B'/><OrchestrationStep Order='1' Type='C'/></OrchestrationSteps>",
        "<OrchestrationSteps><OrchestrationStep Order='01' Type='B'/><OrchestrationStep Order='1' Type='C'/></OrchestrationSteps>",
    );
    is_merged(
        "preconditions are added, behind the inherited ones",
        "<OrchestrationStep Order='4' Type='InvokeSubJourney'><Preconditions><Precondition Type='a'/></Preconditions><JourneyList><Candidate SubJourneyReferenceId='s'/></JourneyList></OrchestrationStep>",
        "<OrchestrationStep Order='4' Type='InvokeSubJourney'><Preconditions><Precondition Type='a'/></Preconditions></OrchestrationStep>",
        "<OrchestrationStep Order='4' Type='InvokeSubJourney'><Preconditions><Precondition Type='a'/><Precondition Type='a'/></Preconditions><JourneyList><Candidate SubJourneyReferenceId='s'/></JourneyList></OrchestrationStep>",
    );
}

#[test]
fn merge_behavior_says_what_becomes_of_the_inherited_items() {
    let base = "<Restriction><Enumeration Value='a' Text='1' SelectByDefault='true'/><Enumeration Value='b'/><Pattern RegularExpression='p' HelpText='h'/></Restriction>";
    let over = |behaviour: &str| {
        format!(
            "<Restriction{behaviour}><Enumeration Value='c'/><Enumeration Value='a' Text='2'/></Restriction>"
        )
    };
    let pattern = "<Pattern RegularExpression='p' HelpText='h'/>";
    let own = "<Enumeration Value='c'/><Enumeration Value='a' Text='2'/>";
    let cases = [
        (
            " MergeBehavior='Append'",
            format!("<Enumeration Value='b'/>{own}"),
        ),
        (
            " MergeBehavior='Prepend'",
            format!("{own}<Enumeration Value='b'/>"),
        ),
        (" MergeBehavior='ReplaceAll'", own.to_owned()),
        ("", own.to_owned()),
    ];
    for (behaviour, items) in cases {
        is_merged(
            behaviour,
            base,
            &over(behaviour),
            &format!("<Restriction{behaviour}>{items}{pattern}</Restriction>"),
        );
    }
    is_merged(
        "languages of a page",
        "<LocalizedResourcesReferences MergeBehavior='Prepend'><LocalizedResourcesReference Language='en' LocalizedResourcesReferenceId='old'/><LocalizedResourcesReference Language='fr' LocalizedResourcesReferenceId='old.fr'/></LocalizedResourcesReferences>",
        "<LocalizedResourcesReferences MergeBehavior='Append'><LocalizedResourcesReference Language='EN' LocalizedResourcesReferenceId='new'/></LocalizedResourcesReferences>",
        "<LocalizedResourcesReferences MergeBehavior='Append'><LocalizedResourcesReference Language='fr' LocalizedResourcesReferenceId='old.fr'/><LocalizedResourcesReference Language='EN' LocalizedResourcesReferenceId='new'/></LocalizedResourcesReferences>",
    );
    is_merged(
        "supported languages: to replace is the default",
        "<SupportedLanguages DefaultLanguage='en'><SupportedLanguage>en</SupportedLanguage></SupportedLanguages>",
        "<SupportedLanguages DefaultLanguage='ja'><SupportedLanguage>ja</SupportedLanguage></SupportedLanguages>",
        "<SupportedLanguages DefaultLanguage='ja'><SupportedLanguage>ja</SupportedLanguage></SupportedLanguages>",
    );
    is_merged(
        "supported languages, appended",
        "<SupportedLanguages DefaultLanguage='en'><SupportedLanguage>en</SupportedLanguage></SupportedLanguages>",
        "<SupportedLanguages MergeBehavior='Append'><SupportedLanguage>ja</SupportedLanguage></SupportedLanguages>",
        "<SupportedLanguages DefaultLanguage='en' MergeBehavior='Append'><SupportedLanguage>en</SupportedLanguage><SupportedLanguage>ja</SupportedLanguage></SupportedLanguages>",
    );
}

#[test]
fn a_technical_profile_is_the_same_in_whichever_provider_it_stands() {
    is_merged(
        "an override stays where the base has it, what is new comes first, a provider of nothing but overrides goes",
        "<ClaimsProviders><ClaimsProvider><Domain>facebook.com</Domain><TechnicalProfiles><TechnicalProfile Id='Facebook'/></TechnicalProfiles></ClaimsProvider>\
         <ClaimsProvider><TechnicalProfiles><TechnicalProfile Id='Page' x='1'/></TechnicalProfiles></ClaimsProvider></ClaimsProviders>",
        "<ClaimsProviders><ClaimsProvider><DisplayName>Mine</DisplayName><TechnicalProfiles><TechnicalProfile Id='page' y='2'/><TechnicalProfile Id='REST'/></TechnicalProfiles></ClaimsProvider>\
         <ClaimsProvider><Domain>fb.example</Domain><TechnicalProfiles><TechnicalProfile Id='Facebook' z='3'/></TechnicalProfiles></ClaimsProvider></ClaimsProviders>",
        "<ClaimsProviders><ClaimsProvider><DisplayName>Mine</DisplayName><TechnicalProfiles><TechnicalProfile Id='REST'/></TechnicalProfiles></ClaimsProvider>\
         <ClaimsProvider><Domain>fb.example</Domain><TechnicalProfiles><TechnicalProfile Id='Facebook' z='3'/></TechnicalProfiles></ClaimsProvider>\
         <ClaimsProvider><TechnicalProfiles><TechnicalProfile Id='page' x='1' y='2'/></TechnicalProfiles></ClaimsProvider></ClaimsProviders>",
    );
}

#[test]
fn the_relying_party_merges_down_the_chain() {
    is_merged(
        "the journey of the child, the session and the claims of both",
        "<TrustFrameworkPolicy PolicyId='a'><RelyingParty><DefaultUserJourney ReferenceId='old'/><UserJourneyBehaviors><SingleSignOn Scope='Tenant' KeepAliveInDays='7'/><ScriptExecution>Allow</ScriptExecution></UserJourneyBehaviors><TechnicalProfile Id='PolicyProfile'><OutputClaims><OutputClaim ClaimTypeReferenceId='a'/></OutputClaims><SubjectNamingInfo ClaimType='sub'/></TechnicalProfile></RelyingParty></TrustFrameworkPolicy>",
        "<TrustFrameworkPolicy PolicyId='b'><RelyingParty><DefaultUserJourney ReferenceId='new'/><UserJourneyBehaviors><SingleSignOn Scope='Policy'/></UserJourneyBehaviors><TechnicalProfile Id='PolicyProfile'><OutputClaims><OutputClaim ClaimTypeReferenceId='b'/></OutputClaims></TechnicalProfile></RelyingParty></TrustFrameworkPolicy>",
        "<TrustFrameworkPolicy PolicyId='b'><RelyingParty><DefaultUserJourney ReferenceId='new'/><UserJourneyBehaviors><SingleSignOn Scope='Policy' KeepAliveInDays='7'/><ScriptExecution>Allow</ScriptExecution></UserJourneyBehaviors><TechnicalProfile Id='PolicyProfile'><OutputClaims><OutputClaim ClaimTypeReferenceId='b'/><OutputClaim ClaimTypeReferenceId='a'/></OutputClaims><SubjectNamingInfo ClaimType='sub'/></TechnicalProfile></RelyingParty></TrustFrameworkPolicy>",
    );
}

#[test]
fn every_part_of_a_merged_element_knows_its_own_file() {
    let texts = [
        (
            "base.xml",
            "<Metadata>\n<Item Key='a'>1</Item>\n<Item Key='b'>2</Item></Metadata>",
        ),
        (
            "child.xml",
            "<Metadata>\n\n\n<Item Key='b' New='x'/></Metadata>",
        ),
    ];
    let mut sources = Sources::default();
    let [base, over] = texts.map(|(path, text)| {
        let file = sources.add(path.into(), text);
        Arc::new(parse(file, text).unwrap().root)
    });
    let merged = merge(&base, &over);
    let place = |span| {
        let line = sources.position(span).line;
        let path = sources.get(span.file).path().display().to_string();
        format!("{path}:{line}")
    };
    let [b, a] = merged.children.as_slice() else {
        panic!("two items: {}", written(&merged));
    };
    assert_eq!(place(b.span), "child.xml:4");
    assert_eq!(place(b.text.as_ref().unwrap().span), "base.xml:3");
    assert_eq!(place(b.attribute("New").unwrap().span), "child.xml:4");
    assert_eq!(place(a.span), "base.xml:2");
    assert!(
        Arc::ptr_eq(a, &base.children[0]),
        "what is untouched is shared"
    );
}
