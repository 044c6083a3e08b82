//! Traces made by hand, as rich as a journey's can be: what the tests of the
//! pages look at.

use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::super::engine::trace::{
    Claims, EndRecord, FailureRecord, Happening, InputRecord, MASK, Note, NoteLevel, Place,
    PreconditionOutcome, PreconditionRecord, PreconditionTest, ProfileRecord, RestRecord,
    StepRecord, Trace, TransformationRecord,
};

pub(super) const BASE: &str = "policies/base/TrustFrameworkBase.xml";
pub(super) const EXTENSIONS: &str = "policies/custom/TrustFrameworkExtensions.xml";

fn claims(value: Json) -> Claims {
    value.as_object().unwrap().clone()
}

fn place(file: &str, line: usize) -> Option<Place> {
    Some(Place {
        file: file.to_owned(),
        line,
    })
}

fn trace(id: &str, steps: Vec<StepRecord>, end: Option<EndRecord>) -> Trace {
    Trace {
        id: id.to_owned(),
        correlation_id: Uuid::from_u128(0x7c1e_0d52_3b8a_4f7e_9a61_2f0c_5d8e_4b10),
        policy: "B2C_1A_SignUpOrSignIn_Link".to_owned(),
        dialect: "custom-policy",
        client_id: "7c0f6c6e-2f5e-4d6b-9d4b-3c1e1e0f5a10".to_owned(),
        started: "2026-01-01T10:00:00Z".to_owned(),
        language: "en-US".to_owned(),
        request: claims(json!({
            "client_id": "7c0f6c6e-2f5e-4d6b-9d4b-3c1e1e0f5a10", "response_type": "code",
            "scope": "openid", "ui_locales": "en-US",
            "redirect_uri": "https://shop.example/signed-in"
        })),
        steps,
        end,
    }
}

fn step(order: u32, kind: &str, line: usize, before: Json, after: Json) -> StepRecord {
    StepRecord {
        journey: "SignUpOrSignInLink".to_owned(),
        order,
        kind: kind.to_owned(),
        place: place(BASE, line),
        preconditions: Vec::new(),
        is_skipped: false,
        claims_before: claims(before),
        claims_after: claims(after),
        happenings: Vec::new(),
        took_us: 900,
    }
}

fn exists(claim: &str, outcome: PreconditionOutcome, line: usize) -> PreconditionRecord {
    PreconditionRecord {
        text: format!("ClaimsExist {claim}"),
        claim: claim.to_owned(),
        test: PreconditionTest::ClaimsExist,
        actual: (outcome == PreconditionOutcome::Skips).then(|| json!("1")),
        execute_actions_if: true,
        outcome,
        place: place(BASE, line),
    }
}

fn equals(claim: &str, value: &str, actual: Option<Json>, line: usize) -> PreconditionRecord {
    PreconditionRecord {
        text: format!("ClaimEquals {claim} = {value}"),
        claim: claim.to_owned(),
        test: PreconditionTest::ClaimEquals {
            value: value.to_owned(),
        },
        outcome: match actual {
            None => PreconditionOutcome::Ignored,
            Some(_) => PreconditionOutcome::Passes,
        },
        actual,
        execute_actions_if: false,
        place: place(EXTENSIONS, line),
    }
}

fn profile(id: &str, provider: &str, line: usize) -> ProfileRecord {
    ProfileRecord {
        id: id.to_owned(),
        provider: provider.to_owned(),
        place: place(BASE, line),
        took_us: 640,
        ..ProfileRecord::default()
    }
}

fn input(claim: &str, name: &str, value: Json) -> InputRecord {
    InputRecord {
        claim: claim.to_owned(),
        name: name.to_owned(),
        value,
    }
}

fn page(title: &str) -> Happening {
    Happening::Page {
        page: "self-asserted".to_owned(),
        title: title.to_owned(),
    }
}

fn submitted(action: &str, typed: Json) -> Happening {
    Happening::Submitted {
        action: action.to_owned(),
        typed: claims(typed),
    }
}

fn stays(message: &str) -> Happening {
    Happening::PageStays {
        message: message.to_owned(),
    }
}

fn rest(status: Option<u16>, reply: Option<&str>, took_us: u64) -> RestRecord {
    RestRecord {
        method: "POST".to_owned(),
        url: "https://idlink.example/connectors/contoso/custom-policy/check-customer".to_owned(),
        request_headers: vec![
            ("authorization".to_owned(), format!("Basic {MASK}")),
            ("content-type".to_owned(), "application/json".to_owned()),
        ],
        request_body: Some(
            r#"{"email":"jonas@post.example","customerNumber":"1007","newUser":true}"#.to_owned(),
        ),
        attempts: 1,
        status,
        reply_content_type: reply.map(|_| "application/json".to_owned()),
        reply_body: reply.map(str::to_owned),
        trouble: None,
        injected: None,
        took_us,
    }
}

fn check(rest: RestRecord) -> ProfileRecord {
    let mut check = profile("REST-CheckCustomer", "REST", 402);
    check.place = place(EXTENSIONS, 88);
    check.is_validation = true;
    check.inputs = vec![
        input("email", "email", json!("jonas@post.example")),
        input("extension_customerNumber", "customerNumber", json!("1007")),
        input("newUser", "newUser", json!(true)),
    ];
    check.took_us = rest.took_us + 300;
    check.rest = Some(rest);
    check
}

fn conflict() -> ProfileRecord {
    let reply = r#"{"version":"1.0.0","status":409,"userMessage":"No customer has this number. Look at your last invoice."}"#;
    let mut check = check(rest(Some(409), Some(reply), 42_700));
    check.failure = Some(FailureRecord {
        code: "AADB2C90075".to_owned(),
        text: "The claims exchange 'REST-CheckCustomer' returned HTTP error response with Code \
               'Conflict'."
            .to_owned(),
    });
    check
}

fn found() -> ProfileRecord {
    let reply = r#"{"customerId":"c-1007","segment":"b2b","limits":{"credit":2500.00,"days":30},"tags":[]}"#;
    let mut answer = rest(Some(200), Some(reply), 1_236_000);
    answer.attempts = 2;
    answer.injected = Some("1.2 s late".to_owned());
    let mut check = check(answer);
    check.outputs = claims(json!({"customerId": "c-1007", "segment": "b2b"}));
    check.notes = vec![Note {
        level: NoteLevel::Warning,
        text: "The reply's member limits is an object; it is taken for a text.".to_owned(),
        place: place(EXTENSIONS, 97),
    }];
    check
}

fn write() -> ProfileRecord {
    let mut write = profile(
        "AAD-UserWriteUsingLogonEmail",
        "Azure Active Directory",
        611,
    );
    write.is_validation = true;
    write.inputs = vec![
        input(
            "email",
            "signInNames.emailAddress",
            json!("jonas@post.example"),
        ),
        input("newPassword", "password", json!(MASK)),
    ];
    write.outputs = claims(json!({
        "objectId": "3e1f70c2-8a7d-4a34-9a0e-6b1f4c0f7d10", "newUser": true,
        "userPrincipalName": "3e1f70c2-8a7d-4a34-9a0e-6b1f4c0f7d10@contoso.onmicrosoft.com"
    }));
    write
}

fn skipped_validation() -> ProfileRecord {
    let mut skipped = profile("REST-Migrate", "REST", 140);
    skipped.is_validation = true;
    skipped.took_us = 0;
    skipped.skipped_by = Some(exists("objectId", PreconditionOutcome::Skips, 731));
    skipped
}

fn typed(number: &str) -> Json {
    json!({
        "email": "jonas@post.example", "newPassword": MASK, "reenterPassword": MASK,
        "displayName": "Jonas <script>alert(1)</script> Weber",
        "extension_customerNumber": number
    })
}

fn sign_up(before: Json) -> StepRecord {
    let after = json!({
        "authenticationSource": "localAccountAuthentication", "customerId": "c-1007",
        "displayName": "Jonas <script>alert(1)</script> Weber", "email": "jonas@post.example",
        "extension_customerNumber": "1007", "newUser": true,
        "objectId": "3e1f70c2-8a7d-4a34-9a0e-6b1f4c0f7d10", "tags": ["b2b", "net30"]
    });
    let mut sign_up = step(2, "ClaimsExchange", 1210, before, after);
    sign_up.preconditions = vec![exists("objectId", PreconditionOutcome::Passes, 1212)];
    sign_up.took_us = 1_284_000;
    let mut opened = profile(
        "LocalAccountSignUpWithLogonEmail",
        "self-asserted page",
        702,
    );
    opened.inputs = vec![input("email", "email", json!("jonas@post.example"))];
    let mut left = profile(
        "LocalAccountSignUpWithLogonEmail",
        "self-asserted page",
        702,
    );
    left.outputs = sign_up.claims_after.clone();
    left.transformations = vec![TransformationRecord {
        id: "CreateTags".to_owned(),
        method: "AddItemToStringCollection".to_owned(),
        place: place(EXTENSIONS, 31),
        side: "output",
        outputs: claims(json!({"tags": ["b2b", "net30"]})),
        failure: None,
    }];
    sign_up.happenings = vec![
        Happening::Profile(Box::new(opened)),
        page("Create an account"),
        submitted("send-code", json!({"email": "jonas@post.example"})),
        submitted("verify-code", json!({"email": "jonas@post.example"})),
        submitted("continue", typed("1070")),
        Happening::Profile(Box::new(conflict())),
        stays("No customer has this number. Look at your last invoice."),
        submitted("continue", typed("1007")),
        Happening::Profile(Box::new(found())),
        Happening::Profile(Box::new(write())),
        Happening::Profile(Box::new(skipped_validation())),
        Happening::Profile(Box::new(left)),
    ];
    sign_up
}

fn choice() -> StepRecord {
    let mut choice = step(1, "CombinedSignInAndSignUp", 1190, json!({}), json!({}));
    choice.took_us = 3_400;
    let mut sign_in = profile(
        "SelfAsserted-LocalAccountSignin-Email",
        "self-asserted page",
        520,
    );
    sign_in.transformations = vec![TransformationRecord {
        id: "CopySignInName".to_owned(),
        method: "CopyClaim".to_owned(),
        place: place(BASE, 77),
        side: "input",
        outputs: Claims::new(),
        failure: None,
    }];
    choice.happenings = vec![
        Happening::Profile(Box::new(sign_in)),
        Happening::Page {
            page: "sign-in".to_owned(),
            title: "Sign in".to_owned(),
        },
        submitted("choose SignUpWithLogonEmailExchange", json!({})),
    ];
    choice
}

fn skipped(before: Json) -> StepRecord {
    let mut skipped = step(3, "ClaimsExchange", 1224, before.clone(), before);
    skipped.is_skipped = true;
    skipped.took_us = 40;
    skipped.preconditions = vec![
        equals(
            "authenticationSource",
            "localAccountAuthentication",
            Some(json!("localAccountAuthentication")),
            1226,
        ),
        exists("objectId", PreconditionOutcome::Skips, 1231),
    ];
    skipped
}

fn enrich(before: &Json) -> StepRecord {
    let mut after = before.clone();
    after["displayName"] = json!("Jonas Weber");
    after["segment"] = json!("b2b");
    after.as_object_mut().unwrap().remove("tags");
    let mut enrich = step(1, "ClaimsExchange", 1301, before.clone(), after);
    enrich.journey = "EnrichCall".to_owned();
    enrich.preconditions = vec![equals("segment", "b2c", None, 204)];
    let mut read = profile("AAD-UserReadUsingObjectId", "Azure Active Directory", 640);
    read.inputs = vec![input("objectId", "objectId", before["objectId"].clone())];
    read.outputs = claims(json!({"displayName": "Jonas Weber", "segment": "b2b"}));
    let mut session = profile("SelfAsserted-Terms", "self-asserted page", 650);
    session.is_from_session = true;
    session.took_us = 0;
    session.outputs = claims(json!({"termsAccepted": true}));
    enrich.happenings = vec![
        Happening::Profile(Box::new(session)),
        Happening::Profile(Box::new(read)),
        Happening::Note(Note {
            level: NoteLevel::Info,
            text: "The session remembers that FacebookExchange was chosen.".to_owned(),
            place: None,
        }),
    ];
    enrich
}

fn begun() -> Vec<StepRecord> {
    let sign_up = sign_up(json!({"authenticationSource": "localAccountAuthentication"}));
    let bag = Json::Object(sign_up.claims_after.clone());
    let mut call = step(4, "InvokeSubJourney", 1240, bag.clone(), bag.clone());
    call.took_us = 60;
    vec![choice(), sign_up, skipped(bag.clone()), call, enrich(&bag)]
}

fn tokens() -> Claims {
    claims(json!({
        "sub": "3e1f70c2-8a7d-4a34-9a0e-6b1f4c0f7d10", "name": "Jonas Weber",
        "customerId": "c-1007", "newUser": true, "emails": ["jonas@post.example"]
    }))
}

pub(super) fn issued(id: &str) -> Trace {
    let mut steps = begun();
    let bag = Json::Object(steps[4].claims_after.clone());
    steps.push(step(5, "SendClaims", 1250, bag.clone(), bag));
    trace(id, steps, Some(EndRecord::Tokens { claims: tokens() }))
}

pub(super) fn failed(id: &str) -> Trace {
    let mut steps = begun();
    let bag = Json::Object(steps[4].claims_after.clone());
    let mut last = step(5, "ClaimsExchange", 1244, bag.clone(), bag);
    let mut failing = conflict();
    failing.is_validation = false;
    failing.id = "REST-LinkCustomer".to_owned();
    failing.rest = Some(RestRecord {
        attempts: 2,
        trouble: Some("No reply within 10 s.".to_owned()),
        ..rest(None, None, 20_010_000)
    });
    last.took_us = 20_012_000;
    last.happenings = vec![Happening::Profile(Box::new(failing))];
    steps.push(last);
    let end = EndRecord::Error {
        error: "server_error".to_owned(),
        description: "AADB2C90075: The claims exchange 'REST-LinkCustomer' specified in step '5' \
                      returned HTTP error response with Code 'RequestTimeout' and Reason 'No reply \
                      within 10 s'."
            .to_owned(),
    };
    trace(id, steps, Some(end))
}

pub(super) fn running(id: &str) -> Trace {
    let mut steps = begun();
    steps.truncate(2);
    let at = &mut steps[1];
    at.happenings.truncate(7);
    at.claims_after.clear();
    trace(id, steps, None)
}

pub(super) fn blocked(id: &str) -> Trace {
    let end = EndRecord::Blocked {
        message: "Your account is being looked at. Call us.".to_owned(),
    };
    trace(id, begun(), Some(end))
}
