use super::*;

#[tokio::test]
async fn an_update_leaves_what_it_does_not_write() {
    let profile = profile(
        "Write",
        &raises("DoesNotExist"),
        "objectId",
        "objectId displayName givenName surname city",
        "newUser>newClaimsPrincipalCreated",
    );
    let trial = trial(&profile, vec![ada()]);
    let claims = bag([
        ("objectId", ADA.into()),
        ("displayName", "Ada L.".into()),
        ("city", "London".into()),
        ("surname", "".into()),
    ]);
    let told = run(&trial, &claims).await.unwrap();
    assert_eq!(told.get("newUser"), Some(&Value::Flag(false)));
    let user = user(&trial, ADA);
    assert_eq!(user.attribute("displayName"), Some(&json!("Ada L.")));
    assert_eq!(user.attribute("city"), Some(&json!("London")));
    assert_eq!(user.attribute("surname"), None, "an empty text clears");
    assert_eq!(user.password.as_deref(), Some("Summer2026"));
    assert_eq!(user.sign_in_names["emailAddress"], "ada@post.example");
}

#[tokio::test]
async fn types_survive_the_directory() {
    let names = "extension_Tier extension_Points extension_Agreed extension_When dateOfBirth \
                 otherMails";
    let write = profile("Write", "", "objectId", &format!("objectId {names}"), "");
    let read = profile("Read", "", "objectId", "", names);
    let trial = trial(
        &format!("{write}{}", read.replace(r#"Id="It""#, r#"Id="Read""#)),
        vec![ada()],
    );
    let values = bag([
        ("extension_Tier", "42".into()),
        ("extension_Points", Value::Number(42)),
        ("extension_Agreed", Value::Flag(true)),
        (
            "extension_When",
            Value::read("2026-03-01T10:00:00+01:00", Kind::Moment).unwrap(),
        ),
        ("dateOfBirth", Value::read("1815-12-10", Kind::Day).unwrap()),
        (
            "otherMails",
            Value::Texts(vec!["a@x".to_owned(), "b@x".to_owned()]),
        ),
    ]);
    let mut claims = values.clone();
    claims.set("objectId", ADA.into());
    run(&trial, &claims).await.unwrap();
    let kept = user(&trial, ADA);
    assert_eq!(kept.attributes["extension_Points"], json!(42));
    assert_eq!(kept.attributes["extension_Agreed"], json!(true));
    assert_eq!(kept.attributes["extension_Tier"], json!("42"));
    let key = bag([("objectId", ADA.into())]);
    assert_eq!(trial.run("Read", &key).await.0.unwrap(), values);
}

#[tokio::test]
async fn custom_attributes_belong_to_the_application_of_the_metadata() {
    let items = item("ClientId", OTHER_APP) + &item("ApplicationObjectId", ADA);
    let write = profile("Write", &items, "objectId", "objectId extension_Tier", "");
    let read = |id: &str, items: &str| {
        let read = profile("Read", items, "objectId", "", "extension_Tier");
        read.replace(r#"Id="It""#, &format!(r#"Id="{id}""#))
    };
    let trial = trial(
        &format!("{write}{}{}", read("Own", ""), read("Other", &items)),
        vec![ada()],
    );
    let claims = bag([("objectId", ADA.into()), ("extension_Tier", "gold".into())]);
    run(&trial, &claims).await.unwrap();
    let kept = user(&trial, ADA);
    let name = "extension_5d2b6e4a90c74a3f8f15e6c1b7a2d908_Tier";
    assert_eq!(kept.attributes[name], json!("gold"));
    let key = bag([("objectId", ADA.into())]);
    let own = trial.run("Own", &key).await.0.unwrap();
    assert_eq!(own.get("extension_Tier"), None);
    let other = trial.run("Other", &key).await.0.unwrap();
    assert_eq!(other.get("extension_Tier"), Some(&"gold".into()));
}

#[tokio::test]
async fn sign_in_names_that_are_not_written_again_go() {
    let both = "email>signInNames.emailAddress signInNames.userName";
    let cases = [
        ("email>signInNames.emailAddress", None),
        (both, Some("ada")),
    ];
    for (persisted, expected) in cases {
        let profile = profile(
            "Write",
            "",
            "objectId",
            &format!("objectId {persisted}"),
            "",
        );
        let mut seed = ada();
        seed.sign_in_names
            .insert("userName".to_owned(), "ada".to_owned());
        let trial = trial(&profile, vec![seed]);
        let claims = bag([
            ("objectId", ADA.into()),
            ("email", "lovelace@post.example".into()),
            ("signInNames.userName", "ada".into()),
        ]);
        run(&trial, &claims).await.unwrap();
        let names = user(&trial, ADA).sign_in_names;
        assert_eq!(names["emailAddress"], "lovelace@post.example");
        assert_eq!(names.get("userName").map(String::as_str), expected);
        let state = trial.tenant.state();
        assert!(state.directory.signing_in_as("ada@post.example").is_none());
    }
}

#[tokio::test]
async fn an_address_of_somebody_else_is_refused_and_nothing_changes() {
    let profile = profile(
        "Write",
        "",
        "objectId",
        "objectId email>signInNames.emailAddress displayName",
        "",
    );
    let mut grace = ada();
    grace.object_id = Some(Uuid::from_u128(7));
    grace.email = Some("grace@post.example".to_owned());
    let trial = trial(&profile, vec![ada(), grace]);
    let claims = bag([
        ("objectId", ADA.into()),
        ("email", "Grace@post.example".into()),
        ("displayName", "Eve".into()),
    ]);
    let failure = run(&trial, &claims).await.unwrap_err();
    assert_eq!(
        words(&failure).0,
        "UserMessageIfClaimsPrincipalAlreadyExists"
    );
    let user = user(&trial, ADA);
    assert_eq!(user.sign_in_names["emailAddress"], "ada@post.example");
    assert_eq!(user.attribute("displayName"), Some(&json!("Ada")));
}

#[tokio::test]
async fn identities_are_replaced_as_a_whole() {
    let profile = profile(
        "Write",
        "",
        "objectId",
        "objectId alternativeSecurityIds",
        "",
    );
    let mut seed = ada();
    seed.federated = Some(FederatedIdentity {
        issuer: "google.com".to_owned(),
        subject: "1".to_owned(),
    });
    let trial = trial(&profile, vec![seed]);
    let ids = Value::Texts(vec![FACEBOOK.to_owned()]);
    let claims = bag([("objectId", ADA.into()), ("alternativeSecurityIds", ids)]);
    run(&trial, &claims).await.unwrap();
    let identities = user(&trial, ADA).identities;
    assert_eq!(identities.len(), 1);
    assert_eq!(identities[0].issuer, "facebook.com");
}

#[tokio::test]
async fn a_new_password_ends_the_old_tokens_and_the_duty_to_change_it() {
    let persisted = "objectId newPassword>password";
    let again = "objectId newPassword>password \
                 forceChangePasswordNextLogin>passwordProfile.forceChangePasswordNextLogin=true";
    for (persisted, expected) in [(persisted, false), (again, true)] {
        let profile = profile("Write", "", "objectId", persisted, "");
        let mut seed = ada();
        seed.force_change_password_next_login = true;
        let trial = trial(&profile, vec![seed]);
        trial.tenant.state().clock_offset += 5_000;
        let claims = bag([
            ("objectId", ADA.into()),
            ("newPassword", "Winter2027".into()),
        ]);
        run(&trial, &claims).await.unwrap();
        let user = user(&trial, ADA);
        assert_eq!(user.password.as_deref(), Some("Winter2027"));
        assert_eq!(user.former_password.as_deref(), Some("Summer2026"));
        assert_eq!(user.must_change_password, expected, "{persisted}");
        assert!(user.tokens_valid_from >= 5_000);
    }
}

#[tokio::test]
async fn what_the_directory_works_out_is_not_written() {
    let profile = profile(
        "Write",
        "",
        "objectId",
        "objectId userPrincipalName ageGroup consentProvidedForMinor legalAgeGroupClassification",
        "legalAgeGroupClassification",
    );
    let cases = [
        ("Adult", "Granted", Some("adult")),
        ("Minor", "Granted", Some("minorWithParentalConsent")),
        (
            "Minor",
            "NotRequired",
            Some("minorNoParentalConsentRequired"),
        ),
        ("Minor", "Denied", Some("minorWithOutParentalConsent")),
        ("Undefined", "Granted", None),
    ];
    for (group, consent, expected) in cases {
        let trial = trial(&profile, vec![ada()]);
        let claims = bag([
            ("objectId", ADA.into()),
            ("userPrincipalName", "other@contoso.onmicrosoft.com".into()),
            ("ageGroup", group.into()),
            ("consentProvidedForMinor", consent.into()),
            ("legalAgeGroupClassification", "made up".into()),
        ]);
        let (told, record) = trial.run("It", &claims).await;
        let told = told.unwrap();
        let told = told.get("legalAgeGroupClassification").map(Value::text);
        assert_eq!(told.as_deref(), expected, "{group} {consent}");
        let notes: Vec<_> = record.notes.iter().map(|note| note.text.as_str()).collect();
        assert_eq!(
            notes,
            [
                "The directory works out legalAgeGroupClassification by itself: it is not written.",
                "userPrincipalName never changes: it stays as it is.",
            ]
        );
        assert!(user(&trial, ADA).principal_name.starts_with(ADA));
    }
}

#[tokio::test]
async fn a_required_persisted_claim_without_value_stops_the_strict() {
    let profile = profile("Write", "", "objectId", "objectId city", "");
    let required = r#"ClaimTypeReferenceId="city""#;
    let profile = profile.replace(required, &format!(r#"{required} Required="true""#));
    let claims = bag([("objectId", ADA.into())]);
    let failure = run(&trial(&profile, vec![ada()]), &claims)
        .await
        .unwrap_err();
    assert_eq!(
        failure.text,
        "The required persisted claim city has no value."
    );
    assert!(run(&lenient(&profile, vec![ada()]), &claims).await.is_ok());
}
