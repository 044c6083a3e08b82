use super::*;

#[tokio::test]
async fn a_write_with_a_new_key_creates_the_account() {
    let trial = trial(&sign_up(), vec![]);
    let told = run(&trial, &typed("ada@post.example", "Summer2026")).await;
    let told = told.unwrap();
    let id = told.get("objectId").unwrap().text();
    let expected = bag([
        ("objectId", id.as_str().into()),
        ("newUser", Value::Flag(true)),
        (
            "userPrincipalName",
            format!("{id}@contoso.onmicrosoft.com").into(),
        ),
        ("signInNames.emailAddress", "ada@post.example".into()),
        ("displayName", "unknown".into()),
        ("authenticationSource", "localAccountAuthentication".into()),
    ]);
    assert_eq!(told, expected);
    let user = user(&trial, &id);
    assert_eq!(user.password.as_deref(), Some("Summer2026"));
    assert!(user.is_enabled);
    assert_eq!(
        user.attribute("passwordPolicies"),
        Some(&json!("DisablePasswordExpiration"))
    );
    assert_eq!(user.attribute("givenName"), None);
}

#[tokio::test]
async fn a_key_that_is_there_already_is_an_error_where_the_profile_says_so() {
    let trial = trial(&sign_up(), vec![ada()]);
    let failure = run(&trial, &typed("ADA@post.example", "Winter2027")).await;
    let failure = failure.unwrap_err();
    assert_eq!(failure.code, "AADB2C99001");
    assert_eq!(
        failure.text,
        "This user already exists, and profile 'It' does not allow the same user to be created \
         again."
    );
    assert_eq!(
        words(&failure),
        (
            "UserMessageIfClaimsPrincipalAlreadyExists",
            "A user with the specified ID already exists. Please choose a different one."
        )
    );
    assert_eq!(user(&trial, ADA).password.as_deref(), Some("Summer2026"));
}

#[tokio::test]
async fn a_federated_account_is_created_and_found_by_its_identity() {
    let write = profile(
        "Write",
        &raises("AlreadyExists"),
        "alternativeSecurityId",
        "alternativeSecurityId userPrincipalName displayName otherMails",
        "objectId newUser>newClaimsPrincipalCreated otherMails",
    );
    let read = profile(
        "Read",
        "",
        "alternativeSecurityId",
        "",
        "userPrincipalName alternativeSecurityId alternativeSecurityIds accountEnabled",
    );
    let mails = Value::Texts(vec!["ada@post.example".to_owned()]);
    let claims = bag([
        ("alternativeSecurityId", FACEBOOK.into()),
        ("userPrincipalName", "cpim_1@contoso.onmicrosoft.com".into()),
        ("displayName", "Ada".into()),
        ("otherMails", mails.clone()),
    ]);
    let read = read.replace(r#"Id="It""#, r#"Id="Read""#);
    let trial = trial(&format!("{write}{read}"), vec![]);
    let told = run(&trial, &claims).await.unwrap();
    assert_eq!(told.get("newUser"), Some(&Value::Flag(true)));
    assert_eq!(told.get("otherMails"), Some(&mails));
    let user = user(&trial, &told.get("objectId").unwrap().text());
    assert_eq!(user.federated().unwrap().subject, "12345");

    let key = bag([(
        "alternativeSecurityId",
        r#"{"issuer":"Facebook.com","issuerUserId":"MTIzNDU="}"#.into(),
    )]);
    let told = trial.run("Read", &key).await.0.unwrap();
    let expected = bag([
        ("userPrincipalName", "cpim_1@contoso.onmicrosoft.com".into()),
        (
            "alternativeSecurityId",
            r#"{"identityProvider":"facebook.com","key":"MTIzNDU=","type":6}"#.into(),
        ),
        (
            "alternativeSecurityIds",
            Value::Texts(vec![
                r#"{"issuer":"facebook.com","issuerUserId":"MTIzNDU="}"#.to_owned(),
            ]),
        ),
        ("accountEnabled", Value::Flag(false)),
    ]);
    assert_eq!(told, expected);
    assert_eq!(run(&trial, &claims).await.unwrap_err().code, "AADB2C99001");
}

#[test]
fn of_two_that_create_the_same_account_at_once_one_is_refused() {
    let trial = trial(&sign_up(), vec![]);
    let results: Vec<_> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let runtime = tokio::runtime::Builder::new_current_thread();
                    let runtime = { runtime }.build().unwrap();
                    let typed = typed("ada@post.example", "Summer2026");
                    runtime.block_on(run(&trial, &typed)).map_err(|f| f.code)
                })
            })
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    let refused = results.iter().filter_map(|result| result.as_ref().err());
    let refused: Vec<_> = refused.map(String::as_str).collect();
    assert_eq!(refused, ["AADB2C99001"; 7]);
    let state = trial.tenant.state();
    assert_eq!(state.directory.all().count(), 1);
    let name = "ada@post.example".to_owned();
    assert!(state.directory.find(&Key::SignInName(name)).is_some());
}

#[tokio::test]
async fn a_weak_password_is_refused_unless_the_account_may_have_one() {
    let weak = "The specified password does not comply with password complexity requirements. \
                Please provide a different password.";
    let trial_one = trial(&sign_up(), vec![]);
    let failure = run(&trial_one, &typed("ada@post.example", "summer")).await;
    let failure = failure.unwrap_err();
    assert_eq!(failure.page, PageText::Said(weak.to_owned()));
    assert_eq!(trial_one.tenant.state().directory.all().count(), 0);

    let free = "DisablePasswordExpiration, disableStrongPassword";
    let mut claims = typed("ada@post.example", "1234");
    claims.set("passwordPolicies", free.into());
    assert!(run(&trial_one, &claims).await.is_ok());

    let reset = profile("Write", "", "objectId", "objectId newPassword>password", "");
    let mut seed = ada();
    let name = "passwordPolicies".to_owned();
    seed.attributes.insert(name, json!("DisableStrongPassword"));
    let trial_two = trial(&reset, vec![seed]);
    let claims = bag([("objectId", ADA.into()), ("newPassword", "1234".into())]);
    assert!(
        run(&trial_two, &claims).await.is_ok(),
        "what the account says already counts"
    );
}

#[tokio::test]
async fn what_cannot_be_written_is_refused() {
    let create = |key: &str, persisted: &str| profile("Write", "", key, persisted, "");
    let mail = "email>signInNames.emailAddress";
    let cases = [
        (
            create(mail, mail),
            bag([("email", "ada@post.example".into())]),
            "The technical profile 'It' writes a user without displayName, which is required and \
             cannot be empty.",
        ),
        (
            create(mail, &format!("{mail} displayName")),
            bag([
                ("email", "ada@post.example".into()),
                ("displayName", "".into()),
            ]),
            "The technical profile 'It' writes a user without displayName, which is required and \
             cannot be empty.",
        ),
        (
            create("objectId", "objectId displayName"),
            bag([
                ("objectId", Uuid::nil().to_string().into()),
                ("displayName", "Ada".into()),
            ]),
            "The technical profile 'It' cannot create a user from the claim 'objectId': nobody \
             signs in with that.",
        ),
        (
            create(mail, &format!("{mail} displayName")),
            bag([("displayName", "Ada".into())]),
            "The technical profile 'It' cannot create a user from the claim \
             'signInNames.emailAddress': nobody signs in with that.",
        ),
        (
            create(mail, &format!("{mail} displayName userPrincipalName")),
            bag([
                ("email", "ada@post.example".into()),
                ("displayName", "Ada".into()),
                ("userPrincipalName", "ada".into()),
            ]),
            "userPrincipalName has to be in the format of user@contoso.onmicrosoft.com.",
        ),
        (
            create(mail, &format!("{mail} displayName city")),
            bag([
                ("email", "ada@post.example".into()),
                ("displayName", "Ada".into()),
                ("city", "x".repeat(129).into()),
            ]),
            "The directory takes at most 128 characters as city.",
        ),
    ];
    for (profile, claims, text) in cases {
        let trial = trial(&profile, vec![]);
        let failure = run(&trial, &claims).await.unwrap_err();
        assert_eq!(
            (failure.code.as_str(), failure.text.as_str()),
            ("AADB2C90037", text)
        );
        assert_eq!(trial.tenant.state().directory.all().count(), 0, "{text}");
    }
}
