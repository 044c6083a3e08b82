use super::*;

#[tokio::test]
async fn the_profiles_own_message_is_what_is_said_if_the_page_has_none() {
    let items = raises("AlreadyExists")
        + &item(
            "UserMessageIfClaimsPrincipalAlreadyExists",
            "You are registered.",
        );
    let profile = profile("Read", &items, "email>signInNames.emailAddress", "", "");
    let trial = trial(&profile, vec![ada()]);
    let typed = bag([("email", "ada@post.example".into())]);
    let failure = run(&trial, &typed).await.unwrap_err();
    assert_eq!(failure.text, "You are registered.");
    assert_eq!(words(&failure).1, "You are registered.");
}

#[tokio::test]
async fn reading_somebody_unknown_gives_nothing_or_an_error() {
    let quiet = profile("Read", "", "objectId", "", "displayName");
    let loud = profile("Read", &raises("DoesNotExist"), "objectId", "", "");
    for unknown in [Uuid::nil().to_string(), "no id".to_owned()] {
        let claims = bag([("objectId", unknown.into())]);
        let told = run(&trial(&quiet, vec![ada()]), &claims).await;
        assert_eq!(told.unwrap(), Bag::default());
        let failure = run(&trial(&loud, vec![ada()]), &claims).await.unwrap_err();
        assert_eq!(failure.code, "AADB2C99002");
        assert_eq!(
            failure.text,
            "User does not exist. Please sign up before you can sign in."
        );
        assert_eq!(
            words(&failure),
            (
                "UserMessageIfClaimsPrincipalDoesNotExist",
                "A user with the specified credential could not be found."
            )
        );
    }
    let nobody = run(&trial(&loud, vec![ada()]), &Bag::default()).await;
    assert_eq!(nobody.unwrap_err().code, "AADB2C99002", "no value at all");
}

#[tokio::test]
async fn a_read_tells_attributes_by_name_in_any_case() {
    let profile = profile(
        "Read",
        "",
        "email>signInNames",
        "",
        "objectId displayName>DISPLAYNAME surname>surName accountEnabled city \
         signInNames.emailAddress refreshTokensValidFromDateTime",
    );
    let trial = trial(&profile, vec![ada()]);
    let typed = bag([("email", "ada@post.example".into())]);
    let expected = bag([
        ("objectId", ADA.into()),
        ("displayName", "Ada".into()),
        ("surname", "Lovelace".into()),
        ("accountEnabled", Value::Flag(true)),
        ("signInNames.emailAddress", "ada@post.example".into()),
        (
            "refreshTokensValidFromDateTime",
            Value::read("1970-01-01T00:00:00Z", Kind::Moment).unwrap(),
        ),
    ]);
    assert_eq!(run(&trial, &typed).await.unwrap(), expected);
}

#[tokio::test]
async fn there_is_exactly_one_key_and_it_is_one() {
    let two = profile("Read", "", "city objectId", "", "displayName");
    let none = profile("Read", "", "", "", "displayName");
    let wrong = profile("Read", "", "city", "", "displayName");
    let claims = bag([("objectId", ADA.into()), ("city", "London".into())]);
    let cases = [
        (&two, "has 2 input claims"),
        (&none, "has 0 input claims"),
        (&wrong, "looks for users by 'city', which is no key"),
    ];
    for (profile, text) in cases {
        let failure = run(&trial(profile, vec![ada()]), &claims).await;
        let failure = failure.unwrap_err();
        assert!(failure.text.contains(text), "{}", failure.text);
    }
    let told = run(&lenient(&two, vec![ada()]), &claims).await.unwrap();
    assert_eq!(told.get("displayName"), Some(&"Ada".into()));
    for profile in [&none, &wrong] {
        assert!(run(&lenient(profile, vec![ada()]), &claims).await.is_err());
    }
}

#[tokio::test]
async fn an_operation_has_to_be_stated() {
    let cases = [
        (
            profile("", "", "objectId", "", ""),
            "AADB2C90023",
            "Profile 'It' does not contain the required metadata key 'Operation'.",
        ),
        (
            profile("Upsert", "", "objectId", "", ""),
            "AADB2C90037",
            "The technical profile 'It' has the operation 'Upsert', which the directory does not \
             have.",
        ),
    ];
    for (profile, code, text) in cases {
        let claims = bag([("objectId", ADA.into())]);
        let failure = run(&trial(&profile, vec![ada()]), &claims).await;
        let failure = failure.unwrap_err();
        assert_eq!((failure.code.as_str(), failure.text.as_str()), (code, text));
    }
}

#[tokio::test]
async fn claims_are_deleted_but_for_the_key_and_what_a_user_needs() {
    let profile = profile(
        "DeleteClaims",
        "",
        "objectId",
        "objectId surname displayName otherMails extension_Tier",
        "",
    );
    let mut seed = ada();
    seed.other_mails = vec!["a@x".to_owned()];
    seed.attributes
        .insert("extension_Tier".to_owned(), json!("gold"));
    let trial = trial(&profile, vec![seed]);
    let (told, record) = trial.run("It", &bag([("objectId", ADA.into())])).await;
    assert_eq!(told.unwrap(), Bag::default());
    let user = user(&trial, ADA);
    let names: Vec<_> = user.attributes.keys().map(String::as_str).collect();
    assert_eq!(names, ["displayName"]);
    assert!(user.other_mails.is_empty());
    assert_eq!(
        record.notes[0].text,
        "The directory does not let go of displayName."
    );
}

#[tokio::test]
async fn a_user_is_deleted_by_key() {
    let quiet = profile("DeleteClaimsPrincipal", "", "objectId", "", "");
    let loud = raises("DoesNotExist");
    let loud = profile("DeleteClaimsPrincipal", &loud, "objectId", "", "");
    let claims = bag([("objectId", ADA.into())]);
    let trial_one = trial(&quiet, vec![ada()]);
    run(&trial_one, &claims).await.unwrap();
    assert_eq!(trial_one.tenant.state().directory.all().count(), 0);
    assert!(run(&trial_one, &claims).await.is_ok(), "nobody is there");
    let failure = run(&trial(&loud, vec![]), &claims).await.unwrap_err();
    assert_eq!(failure.code, "AADB2C99002");
}
