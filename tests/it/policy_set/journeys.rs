//! The journeys: what is asked before what is written, and what happens when
//! an answer is missing.

use std::collections::{BTreeMap, BTreeSet};

use idlink::policy::effective::Effective;
use idlink::policy::view::{OrchestrationStep, PreconditionKind, StepKind};

use super::{LOCAL, SOCIAL, built_on, effective, profile, relying_parties};

fn steps(policy: &Effective) -> Vec<OrchestrationStep<'_>> {
    let party = policy.relying_party().unwrap();
    let journey = policy.journey(party.default_journey().unwrap()).unwrap();
    journey.steps()
}

/// The profiles that a page is validated by, in their order.
fn validation(policy: &Effective, page: &str) -> Vec<String> {
    let page = profile(policy, page);
    for validation in page.validation_profiles() {
        assert!(!validation.continue_on_error(), "{}", page.id());
        assert_eq!(validation.preconditions().count(), 0, "{}", page.id());
    }
    page.validation_profiles()
        .map(|validation| validation.profile().unwrap().to_owned())
        .collect()
}

/// Whether a step is passed over, by the documented rules: the first
/// precondition that holds decides, and one about the value of a claim that is
/// missing does not count ("UserJourneys: Preconditions").
fn passed_over(step: &OrchestrationStep<'_>, bag: &BTreeMap<&str, &str>) -> bool {
    step.preconditions().any(|precondition| {
        assert_eq!(precondition.action(), Some("SkipThisOrchestrationStep"));
        let claim = bag.get(precondition.claim().unwrap());
        let if_so = precondition.execute_actions_if().unwrap();
        match precondition.kind().unwrap() {
            PreconditionKind::ClaimsExist => claim.is_some() == if_so,
            PreconditionKind::ClaimEquals => {
                claim.is_some_and(|claim| (Some(*claim) == precondition.value()) == if_so)
            }
        }
    })
}

/// The profiles that run with these claims in the bag, whatever each of them
/// adds: where a step has several, the one that `chosen` names.
fn run<'a>(policy: &'a Effective, chosen: &str, claims: &[(&'a str, &'a str)]) -> Vec<&'a str> {
    let bag: BTreeMap<&str, &str> = claims.iter().copied().collect();
    let mut run = Vec::new();
    for step in steps(policy) {
        if passed_over(&step, &bag) {
            continue;
        }
        run.extend(step.sub_journeys().map(|(id, _)| id));
        let exchanges: Vec<_> = step.claims_exchanges().collect();
        let choice = exchanges.iter().find(|exchange| exchange.id() == chosen);
        let exchange = match &*exchanges {
            [only] => Some(only),
            _ => choice,
        };
        run.extend(exchange.map(|exchange| exchange.profile().unwrap()));
    }
    run
}

const SIGN_IN: &str = "SelfAsserted-LocalAccountSignin-Email";
const SIGN_UP: &str = "LocalAccountSignUpWithLogonEmail";
const READ: &str = "AAD-UserReadUsingObjectId";
const FIND: &str = "AAD-UserReadUsingAlternativeSecurityId-NoError";
const WRITE: &str = "AAD-UserWriteUsingAlternativeSecurityId";
const KEEP: &str = "CustomerLink-KeepProviderAddress";
const KEEP_OWN: &str = "CustomerLink-KeepDirectoryAddress";
const OUTCOME: &str = "REST-CustomerLink-Outcome";
const BLOCKED: &str = "SelfAsserted-CustomerLink-Blocked";
const PAGE: &str = "SelfAsserted-Social";
const RECORD_LOCAL: &str = "REST-CustomerLink-RecordLocal";
const RECORD_FEDERATED: &str = "REST-CustomerLink-RecordFederated";

const OBJECT_ID: (&str, &str) = ("objectId", "e90b7d3c-6a4e-45f1-9b1c-0d4f7c2a8e66");
const LOCAL_ACCOUNT: (&str, &str) = ("authenticationSource", "localAccountAuthentication");
const PROVIDER: (&str, &str) = ("authenticationSource", "socialIdpAuthentication");
const SIGN_IN_NAME: (&str, &str) = ("signInNames.emailAddress", "mina.k@mail.example");
const EMAIL: (&str, &str) = ("email", "mina.k@mail.example");

#[test]
fn idlink_is_asked_before_anything_is_written_and_nothing_runs_twice() {
    let [local, social] = relying_parties();
    for policy in [&local, &social] {
        assert_eq!(
            validation(policy, SIGN_UP),
            [
                "REST-CustomerLink-CheckLocal",
                "AAD-UserWriteUsingLogonEmail"
            ]
        );
    }
    assert_eq!(
        validation(&social, PAGE),
        ["REST-CustomerLink-CheckFederated", WRITE]
    );
    // Whoever sends the form without its button is asked about as well.
    assert_eq!(
        validation(&social, BLOCKED),
        ["REST-CustomerLink-CheckFederated"]
    );
}

#[test]
fn nobody_signs_up_with_an_address_that_no_code_was_sent_to() {
    for policy in relying_parties() {
        let page = profile(&policy, SIGN_UP);
        assert_eq!(page.metadata_flag("EnforceEmailVerification"), Some(true));
        let email = page
            .output_claims()
            .find(|claim| claim.claim() == Some("email"));
        let email = email.unwrap();
        assert!(email.is_verified_email() && email.required());
    }
}

/// A base whose sign-up page lost the code that is sent: the shipped set asks
/// for it all the same.
#[test]
fn a_base_that_verifies_nothing_does_not_let_anybody_in() {
    let set = built_on(&|path, text| {
        let careless = text.replace(" PartnerClaimType=\"Verified.Email\"", "").replace(
            "<Item Key=\"ContentDefinitionReferenceId\">api.localaccountsignup</Item>",
            "<Item Key=\"ContentDefinitionReferenceId\">api.localaccountsignup</Item>\n<Item Key=\"EnforceEmailVerification\">false</Item>",
        );
        assert_eq!(careless != text, path.ends_with("TrustFrameworkBase.xml"));
        careless
    });
    for party in [LOCAL, SOCIAL] {
        let policy = effective(&set, party);
        let page = profile(&policy, SIGN_UP);
        assert_eq!(page.metadata_flag("EnforceEmailVerification"), Some(true));
        let addresses: Vec<_> = page
            .output_claims()
            .filter(|claim| claim.claim() == Some("email"))
            .map(|claim| (claim.is_verified_email(), claim.required()))
            .collect();
        assert_eq!(addresses, [(true, true)], "{party}");
    }
}

/// The session that the base keeps of a federated sign-up holds its object id.
/// The next sign-up in that browser, with another account, would get it, and
/// be recorded for whoever signed up before.
#[test]
fn no_session_creates_a_federated_account() {
    let [_, social] = relying_parties();
    let mut creating = BTreeSet::new();
    for step in steps(&social) {
        for exchange in step.claims_exchanges() {
            let page = profile(&social, exchange.profile().unwrap());
            let checks = page
                .validation_profiles()
                .any(|validation| validation.profile() == Some("REST-CustomerLink-CheckFederated"));
            if checks {
                assert_eq!(page.session_management(), Some("SM-Noop"), "{}", page.id());
                creating.insert(page.id().to_owned());
            }
        }
    }
    assert_eq!(creating, [PAGE, BLOCKED].map(str::to_owned).into());
}

#[test]
fn the_blocked_page_offers_no_way_on() {
    let [_, social] = relying_parties();
    let page = profile(&social, BLOCKED);
    let item = |key: &str| page.metadata_flag(key);
    assert_eq!(item("setting.showContinueButton"), Some(false));
    assert_eq!(item("setting.showCancelButton"), Some(true));
    // A session must not pass it over.
    assert_eq!(page.session_management(), Some("SM-Noop"));
    let shown: Vec<_> = page.output_claims().map(|c| c.claim().unwrap()).collect();
    assert_eq!(shown, ["customerLinkMessage"]);
    let message = social.claim_type("customerLinkMessage").unwrap();
    assert_eq!(message.user_input_type(), Some("Paragraph"));
}

#[test]
fn an_answer_without_an_outcome_is_a_refusal() {
    let [_, social] = relying_parties();
    let outcome = profile(&social, OUTCOME);
    let claim = outcome
        .output_claims()
        .find(|claim| claim.claim() == Some("customerLinkOutcome"));
    let claim = claim.unwrap();
    assert_eq!(claim.partner_name(), Some("outcome"));
    assert_eq!(claim.default_value(), Some("block"));
}

/// Each in the order in which it runs; the number comes last, every time.
#[test]
fn local_accounts_are_recorded_at_every_sign_in() {
    let [local, social] = relying_parties();
    for policy in [&local, &social] {
        let run = |chosen, claims: &[(&'static str, &'static str)]| run(policy, chosen, claims);
        // Before step 2 nobody is known yet.
        let new = run("SignUpWithLogonEmailExchange", &[LOCAL_ACCOUNT, EMAIL]);
        assert!(new.starts_with(&[SIGN_IN, SIGN_UP]), "{new:?}");
        let known = run("", &[OBJECT_ID, LOCAL_ACCOUNT, SIGN_IN_NAME]);
        assert_eq!(known, [SIGN_IN, READ, KEEP_OWN, RECORD_LOCAL]);
        // Accounts with a user name have no address.
        let nameless = run("", &[OBJECT_ID, LOCAL_ACCOUNT]);
        assert_eq!(nameless, [SIGN_IN, READ, RECORD_LOCAL]);
        // The address of a forgotten password is no provider's.
        let forgotten = [
            OBJECT_ID,
            LOCAL_ACCOUNT,
            EMAIL,
            SIGN_IN_NAME,
            ("customerLinkForgotPassword", "True"),
        ];
        assert_eq!(
            run("", &forgotten),
            [
                SIGN_IN,
                "CustomerLinkPasswordReset",
                READ,
                KEEP_OWN,
                RECORD_LOCAL
            ]
        );
    }
}

#[test]
fn federated_accounts_are_recorded_at_every_sign_in() {
    let [_, social] = relying_parties();
    let run = |claims: &[(&'static str, &'static str)]| run(&social, "FacebookExchange", claims);
    let back = run(&[OBJECT_ID, PROVIDER, EMAIL]);
    assert_eq!(back, [SIGN_IN, KEEP, FIND, RECORD_FEDERATED]);
    // Providers need not tell an address.
    let silent = run(&[OBJECT_ID, PROVIDER]);
    assert_eq!(silent, [SIGN_IN, FIND, RECORD_FEDERATED]);
    // A provider's profile that forgets to say it is one.
    let mute = run(&[OBJECT_ID, EMAIL, SIGN_IN_NAME]);
    assert_eq!(mute, [SIGN_IN, KEEP, FIND, READ, RECORD_FEDERATED]);
}

/// Without an object id: somebody new. Only "allow" passes the blocked page,
/// and only it creates an account that no page was shown for.
#[test]
fn a_federated_sign_up_goes_on_with_allow_alone() {
    let [_, social] = relying_parties();
    let run = |outcome: Option<&'static str>| {
        let mut claims = vec![PROVIDER, EMAIL];
        claims.extend(outcome.map(|outcome| ("customerLinkOutcome", outcome)));
        run(&social, "FacebookExchange", &claims)
    };
    let begin = [SIGN_IN, "Facebook-OAUTH", KEEP, FIND, OUTCOME];
    let allowed = run(Some("allow"));
    assert_eq!(allowed[..5], begin);
    assert_eq!(allowed[5..], [PAGE, WRITE, RECORD_FEDERATED]);
    for outcome in [
        Some("block"),
        Some("Allow"),
        Some("retry"),
        Some(""),
        Some("True"),
        None,
    ] {
        let refused = run(outcome);
        assert_eq!(refused[..5], begin, "{outcome:?}");
        assert_eq!(
            refused[5..],
            [BLOCKED, PAGE, RECORD_FEDERATED],
            "{outcome:?}"
        );
    }
}

#[test]
fn the_link_is_recorded_right_before_the_token_is_sent() {
    for policy in relying_parties() {
        let steps = steps(&policy);
        let (last, before) = steps.split_last().unwrap();
        assert_eq!(last.kind(), Some(StepKind::SendClaims));
        assert_eq!(last.issuer(), Some("JwtIssuer"));
        let exchange = before.last().unwrap().claims_exchanges().next().unwrap();
        let called = profile(&policy, exchange.profile().unwrap());
        let address = called.metadata("ServiceUrl").unwrap();
        assert!(address.ends_with("/record-link"), "{address}");
        for (at, step) in steps.iter().enumerate() {
            assert_eq!(step.order(), u32::try_from(at + 1).ok());
            assert_eq!(
                step.kind() == Some(StepKind::SendClaims),
                at == before.len()
            );
        }
    }
}

/// What a provider vouches for is its own address, kept before any page.
#[test]
fn no_page_can_change_the_address_that_is_recorded() {
    let [_, social] = relying_parties();
    let sources: Vec<_> = social
        .technical_profiles()
        .filter(|profile| {
            profile
                .output_claims()
                .any(|claim| claim.claim() == Some("customerLinkEmail"))
        })
        .map(|profile| profile.id())
        .collect();
    // A refresh repeats it.
    let expected = [KEEP, KEEP_OWN, "RefreshTokenReadAndSetup"];
    let sources: BTreeSet<_> = sources.into_iter().collect();
    assert_eq!(sources, expected.into());

    let copied = |id: &str| {
        let keep = social.claims_transformation(id).unwrap();
        assert_eq!(keep.method(), Some("CopyClaim"));
        let from: Vec<_> = keep.input_claims().map(|c| c.claim().unwrap()).collect();
        let to: Vec<_> = keep.output_claims().map(|c| c.claim().unwrap()).collect();
        (from, to)
    };
    assert_eq!(
        copied("CustomerLinkKeepProviderAddress"),
        (vec!["email"], vec!["customerLinkEmail"])
    );
    assert_eq!(
        copied("CustomerLinkKeepDirectoryAddress"),
        (vec!["signInNames.emailAddress"], vec!["customerLinkEmail"])
    );
}

#[test]
fn tokens_say_number_link_address_and_who_vouches_for_it() {
    let [local, social] = relying_parties();
    let told = |policy: &Effective| -> Vec<(String, String)> {
        let profile = policy.relying_party().unwrap().profile().unwrap();
        let subject = profile.subject_naming().unwrap();
        assert_eq!(subject.value("ClaimType"), Some("sub"));
        profile
            .output_claims()
            .map(|claim| {
                let id = claim.claim().unwrap();
                let name = claim.partner_name().unwrap_or(id);
                (id.to_owned(), name.to_owned())
            })
            .collect()
    };
    let pair = |id: &str, name: &str| (id.to_owned(), name.to_owned());
    for policy in [&local, &social] {
        let told = told(policy);
        for expected in [
            pair("objectId", "sub"),
            pair("customerId", "customerId"),
            pair("customerLink", "customerLink"),
            pair("customerLinkEmail", "email"),
        ] {
            assert!(told.contains(&expected), "{expected:?}");
        }
    }
    // A federated account whose token named no provider would pass for local.
    let provider = pair("identityProvider", "identityProvider");
    assert!(told(&social).contains(&provider));

    // A refresh repeats all four, or address and provider would come apart.
    for policy in [&local, &social] {
        let refresh = profile(policy, "RefreshTokenReadAndSetup");
        let kept: Vec<_> = refresh
            .output_claims()
            .map(|c| c.claim().unwrap())
            .collect();
        for claim in [
            "customerId",
            "customerLink",
            "customerLinkEmail",
            "identityProvider",
        ] {
            assert!(kept.contains(&claim), "{claim}");
        }
    }
}
