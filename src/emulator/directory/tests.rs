use serde_json::json;

use super::*;

const DOMAIN: &str = "contoso.onmicrosoft.com";
const NOW: i64 = 1_000;

/// Makes a user hold what another one has.
type Clash = fn(&mut User);

fn identity(issuer: &str, subject: &str) -> FederatedIdentity {
    FederatedIdentity {
        issuer: issuer.to_owned(),
        subject: subject.to_owned(),
    }
}

fn local(name: &str) -> User {
    let mut user = User::new(Uuid::new_v4(), NOW);
    user.sign_in_names
        .insert("emailAddress".to_owned(), name.to_owned());
    user.password = Some("Summer2026".to_owned());
    user
}

fn with(users: &[&User]) -> Directory {
    let mut directory = Directory::new(DOMAIN);
    for user in users {
        directory.add((*user).clone()).unwrap();
    }
    directory
}

#[test]
fn a_user_without_a_principal_name_gets_one_of_the_object_id() {
    let ada = local("ada@post.example");
    let directory = with(&[&ada]);
    let expected = format!("{}@contoso.onmicrosoft.com", ada.object_id);
    assert_eq!(
        directory.get(ada.object_id).unwrap().principal_name,
        expected
    );
    let key = Key::PrincipalName(expected.to_uppercase());
    assert_eq!(directory.find(&key).unwrap().object_id, ada.object_id);
}

#[test]
fn nothing_that_names_a_user_is_there_twice() {
    let mut ada = local("ada@post.example");
    ada.principal_name = "ada@contoso.onmicrosoft.com".to_owned();
    ada.identities = vec![identity("facebook.com", "12"), identity("google.com", "12")];
    let cases: [(&str, Clash); 5] = [
        ("an address in another case", |user| {
            let name = "ADA@post.example".to_owned();
            user.sign_in_names.insert("emailAddress".to_owned(), name);
        }),
        ("the same text as a name of another kind", |user| {
            let name = "ada@post.example".to_owned();
            user.sign_in_names.insert("userName".to_owned(), name);
        }),
        ("a principal name", |user| {
            user.principal_name = "Ada@contoso.onmicrosoft.com".to_owned();
        }),
        ("a second identity", |user| {
            user.identities = vec![identity("Google.com", "12")];
        }),
        ("an identity among others", |user| {
            user.identities = vec![identity("google.com", "13"), identity("facebook.com", "12")];
        }),
    ];
    for (why, clash) in cases {
        let mut directory = with(&[&ada]);
        let mut other = local("grace@post.example");
        clash(&mut other);
        let added = directory.add(other.clone());
        assert_eq!(added, Err(DirectoryError::AlreadyExists), "{why}");

        let grace = local("grace@post.example");
        directory.add(grace.clone()).unwrap();
        other.object_id = grace.object_id;
        let replaced = directory.replace(other);
        assert_eq!(replaced, Err(DirectoryError::AlreadyExists), "{why}");
        let kept = directory.get(grace.object_id).unwrap();
        assert_eq!(kept.sign_in_names["emailAddress"], "grace@post.example");
        assert!(
            directory.signing_in_as("grace@post.example").is_some(),
            "{why}"
        );
    }
    let mut directory = with(&[&ada]);
    let again = User::new(ada.object_id, NOW);
    assert_eq!(directory.add(again), Err(DirectoryError::AlreadyExists));
}

#[test]
fn subjects_differ_by_case_and_by_issuer() {
    let mut ada = local("ada@post.example");
    ada.identities = vec![identity("facebook.com", "aB")];
    let directory = with(&[&ada]);
    let found = |issuer, subject| directory.federated(&identity(issuer, subject)).is_some();
    assert!(found("Facebook.com", "aB"));
    assert!(!found("facebook.com", "ab"));
    assert!(!found("google.com", "aB"));
}

#[test]
fn a_key_finds_a_user_by_what_it_names() {
    let mut ada = local("ada@post.example");
    ada.sign_in_names
        .insert("userName".to_owned(), "ada".to_owned());
    ada.identities = vec![identity("facebook.com", "12")];
    let directory = with(&[&ada, &local("grace@post.example")]);
    let name_of = |kind: &str, name: &str| Key::SignInNameOf {
        kind: kind.to_owned(),
        name: name.to_owned(),
    };
    let cases = [
        (Key::ObjectId(ada.object_id), true),
        (Key::ObjectId(Uuid::nil()), false),
        (Key::SignInName("ADA".to_owned()), true),
        (Key::SignInName("Ada@Post.Example".to_owned()), true),
        (name_of("userName", "Ada"), true),
        (name_of("username", "ada"), true),
        (name_of("emailAddress", "ada"), false),
        (
            Key::Identities(vec![
                identity("google.com", "1"),
                identity("facebook.com", "12"),
            ]),
            true,
        ),
        (Key::Identities(vec![]), false),
        (Key::PrincipalName("ada@post.example".to_owned()), false),
    ];
    for (key, expected) in cases {
        let found = directory.find(&key).map(|user| user.object_id);
        assert_eq!(found == Some(ada.object_id), expected, "{key:?}");
    }
}

#[test]
fn names_that_were_given_up_are_free_again() {
    let ada = local("ada@post.example");
    let mut directory = with(&[&ada]);
    let mut changed = directory.get(ada.object_id).unwrap().clone();
    changed.sign_in_names.insert(
        "emailAddress".to_owned(),
        "lovelace@post.example".to_owned(),
    );
    directory.replace(changed).unwrap();
    assert!(directory.signing_in_as("ada@post.example").is_none());
    let grace = local("ada@post.example");
    directory.add(grace.clone()).unwrap();
    directory.remove(grace.object_id).unwrap();
    assert!(directory.signing_in_as("ada@post.example").is_none());
    assert!(directory.signing_in_as("lovelace@post.example").is_some());
    assert_eq!(directory.all().count(), 1);
}

#[test]
fn a_user_may_keep_what_is_its_own() {
    let mut ada = local("ada@post.example");
    ada.identities = vec![identity("facebook.com", "12")];
    let mut directory = with(&[&ada]);
    let own = directory.get(ada.object_id).unwrap().clone();
    assert_eq!(directory.replace(own), Ok(()));
    assert!(
        directory
            .federated(&identity("facebook.com", "12"))
            .is_some()
    );
}

#[test]
fn an_address_is_a_sign_in_name_only_with_a_password() {
    let mut directory = Directory::new(DOMAIN);
    let seed = |email: &str, password: Option<&str>, federated| SeedUser {
        email: Some(email.to_owned()),
        password: password.map(str::to_owned),
        federated,
        ..SeedUser::default()
    };
    let facebook = || Some(identity("facebook.com", "12"));
    let social = directory.add_seed(seed("ada@post.example", None, facebook()), NOW);
    let social = directory.get(social.unwrap()).unwrap();
    assert_eq!(social.email(), Some("ada@post.example"));
    assert_eq!(social.other_mails, ["ada@post.example"]);
    let local = directory.add_seed(seed("ada@post.example", Some("x"), None), NOW);
    let local = local.unwrap();
    assert_eq!(
        directory
            .signing_in_as("ADA@post.example")
            .unwrap()
            .object_id,
        local
    );
    let nobody = directory.add_seed(seed("eve@post.example", None, None), NOW);
    assert_eq!(nobody, Err(DirectoryError::NoIdentity));
}

#[test]
fn users_of_version_1_become_users_of_today() {
    let old = json!({
        "object_id": "0c1d9c8e-6f53-4d39-8b3e-1f0a4c4b6f10", "created": 17,
        "email": "ada@post.example", "password": "correct horse", "federated": null,
        "attributes": { "displayName": "Ada", "extension_Age": 36 },
    });
    let user = User::from(serde_json::from_value::<UserOfVersion1>(old).unwrap());
    assert_eq!(user.sign_in_names["emailAddress"], "ada@post.example");
    assert_eq!(user.password.as_deref(), Some("correct horse"));
    assert!(user.is_enabled && user.other_mails.is_empty());
    assert_eq!((user.created, user.tokens_valid_from), (17, 17));
    assert_eq!(user.attributes["extension_Age"], json!(36));

    let old = json!({
        "object_id": "0c1d9c8e-6f53-4d39-8b3e-1f0a4c4b6f10", "created": 17,
        "email": "ada@post.example", "password": null,
        "federated": { "issuer": "google.com", "subject": "12" }, "attributes": {},
    });
    let user = User::from(serde_json::from_value::<UserOfVersion1>(old).unwrap());
    assert!(user.sign_in_names.is_empty());
    assert_eq!(user.other_mails, ["ada@post.example"]);
    assert_eq!(user.federated(), Some(&identity("google.com", "12")));
}

#[test]
fn identities_are_read_in_each_form_that_policies_make() {
    let twelve = || vec![identity("facebook.com", "12345")];
    let cases = [
        (
            r#"{"type":6,"identityProvider":"facebook.com","key":"MTIzNDU="}"#,
            twelve(),
        ),
        (
            r#"{ "issuer": "facebook.com", "issuerUserId": "MTIzNDU=" }"#,
            twelve(),
        ),
        (
            r#"{ "issuer": "facebook.com", "issuerUserId": "12345" }"#,
            twelve(),
        ),
        (
            r#"{"issuer":"google.com","issuerUserId":"108146082927052563270"}"#,
            vec![identity("google.com", "108146082927052563270")],
        ),
        (
            r#"[{"issuer":"facebook.com","issuerUserId":"MTIzNDU="},{"issuer":"x","issuerUserId":"MQ=="}]"#,
            vec![identity("facebook.com", "12345"), identity("x", "1")],
        ),
        (r#"{"issuer":"facebook.com"}"#, vec![]),
        (r#"{"issuer":"facebook.com","issuerUserId":""}"#, vec![]),
        ("12345", vec![]),
        ("nothing", vec![]),
        ("", vec![]),
    ];
    for (text, expected) in cases {
        assert_eq!(parse_identities(text), expected, "{text}");
    }
    assert_eq!(
        identity_json(&identity("facebook.com", "12345")),
        json!({ "issuer": "facebook.com", "issuerUserId": "MTIzNDU=" })
    );
}

#[test]
fn attributes_have_one_name_whatever_its_case() {
    let mut user = local("ada@post.example");
    user.set_attribute("surname", json!("Lovelace"));
    user.set_attribute("surName", json!("King"));
    assert_eq!(user.attributes.len(), 1);
    assert_eq!(user.attribute("SURNAME"), Some(&json!("King")));
    user.remove_attribute("SurName");
    assert!(user.attributes.is_empty());
}

#[test]
fn ten_different_wrong_passwords_lock_for_a_minute() {
    let ada = local("ada@post.example");
    let mut directory = with(&[&ada]);
    let mut sign_in = |password: &str, now| directory.sign_in(ada.object_id, password, now);
    for number in 0..9 {
        let wrong = format!("wrong {number}");
        assert_eq!(sign_in(&wrong, NOW), Some(SignIn::WrongPassword));
        assert_eq!(
            sign_in(&wrong, NOW),
            Some(SignIn::WrongPassword),
            "the same one does not count"
        );
    }
    assert_eq!(sign_in("wrong 9", NOW), Some(SignIn::WrongPassword));
    assert_eq!(sign_in("Summer2026", NOW), Some(SignIn::Locked));
    assert_eq!(sign_in("Summer2026", NOW + 59), Some(SignIn::Locked));
    assert_eq!(sign_in("wrong 1", NOW + 60), Some(SignIn::WrongPassword));
    assert_eq!(
        sign_in("Summer2026", NOW + 119),
        Some(SignIn::Locked),
        "each wrong one behind the first lock locks again"
    );
    assert_eq!(sign_in("Summer2026", NOW + 120), Some(SignIn::Good));
    assert_eq!(sign_in("wrong", NOW + 120), Some(SignIn::WrongPassword));
    assert_eq!(
        sign_in("Summer2026", NOW + 120),
        Some(SignIn::Good),
        "a good one begins the count anew"
    );
}

#[test]
fn a_new_password_unlocks() {
    let ada = local("ada@post.example");
    let mut directory = with(&[&ada]);
    for number in 0..10 {
        directory.sign_in(ada.object_id, &format!("wrong {number}"), NOW);
    }
    let mut changed = directory.get(ada.object_id).unwrap().clone();
    changed.set_password("Winter2027".to_owned(), NOW + 5);
    directory.replace(changed).unwrap();
    let mut sign_in = |password: &str| directory.sign_in(ada.object_id, password, NOW + 5);
    assert_eq!(sign_in("Winter2027"), Some(SignIn::Good));
    assert_eq!(sign_in("Summer2026"), Some(SignIn::FormerPassword));
    assert_eq!(sign_in("Spring2026"), Some(SignIn::WrongPassword));
}

#[test]
fn look_ups_do_not_walk_through_two_hundred_thousand_users() {
    let mut directory = Directory::new(DOMAIN);
    for number in 0..CAPACITY {
        let mut user = User::new(Uuid::from_u128(number as u128), NOW);
        user.identities = vec![identity("x", &number.to_string())];
        directory.add(user).unwrap();
    }
    let more = local("more@post.example");
    assert_eq!(directory.add(more), Err(DirectoryError::Full));
    let begun = std::time::Instant::now();
    for number in 0..1_000 {
        let key = Key::Identities(vec![identity("x", &number.to_string())]);
        assert!(directory.find(&key).is_some());
    }
    // Walking takes minutes.
    assert!(begun.elapsed() < std::time::Duration::from_secs(5));
}
