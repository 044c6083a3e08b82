use serde_json::json;

use crate::emulator::{
    SeedUser, Settings,
    engine::{
        failure::PageText,
        trial::{Trial, bag},
        value::Value,
    },
};

const LOGIN: &str = r#"<TechnicalProfile Id="login"><DisplayName>L</DisplayName><Protocol Name="OpenIdConnect"/>
  <Metadata>
    <Item Key="client_id">0c1d9c8e-6f53-4d39-8b3e-1f0a4c4b6f10</Item>
    <Item Key="IdTokenAudience">7f1c6e9a-5e0b-4c7e-9f27-55d1a2f3b4c5</Item>
    <Item Key="UserMessageIfInvalidPassword">Not that one.</Item>
  </Metadata>
  <InputClaims>
    <InputClaim ClaimTypeReferenceId="signInName" PartnerClaimType="username"/>
    <InputClaim ClaimTypeReferenceId="password"/>
    <InputClaim ClaimTypeReferenceId="grant_type" DefaultValue="password" AlwaysUseDefaultValue="true"/>
    <InputClaim ClaimTypeReferenceId="continueOnPasswordExpiration"/>
  </InputClaims>
  <OutputClaims>
    <OutputClaim ClaimTypeReferenceId="objectId" PartnerClaimType="oid"/>
    <OutputClaim ClaimTypeReferenceId="tenantId" PartnerClaimType="tid"/>
    <OutputClaim ClaimTypeReferenceId="userPrincipalName" PartnerClaimType="upn"/>
    <OutputClaim ClaimTypeReferenceId="displayName" PartnerClaimType="name"/>
    <OutputClaim ClaimTypeReferenceId="givenName" PartnerClaimType="given_name"/>
    <OutputClaim ClaimTypeReferenceId="surname" PartnerClaimType="family_name"/>
    <OutputClaim ClaimTypeReferenceId="email"/>
    <OutputClaim ClaimTypeReferenceId="forceChangePasswordNextLogin" PartnerClaimType="passwordExpired"/>
    <OutputClaim ClaimTypeReferenceId="authenticationSource" DefaultValue="localAccountAuthentication"/>
  </OutputClaims></TechnicalProfile>
<TechnicalProfile Id="bare"><DisplayName>L</DisplayName><Protocol Name="OpenIdConnect"/>
  <InputClaims>
    <InputClaim ClaimTypeReferenceId="signInName"/>
    <InputClaim ClaimTypeReferenceId="password"/>
    <InputClaim ClaimTypeReferenceId="grant_type" DefaultValue="password" AlwaysUseDefaultValue="true"/>
  </InputClaims></TechnicalProfile>
<TechnicalProfile Id="google"><DisplayName>G</DisplayName><Protocol Name="OpenIdConnect"/></TechnicalProfile>"#;

const CLAIMS: [&str; 13] = [
    "signInName",
    "password",
    "grant_type",
    "continueOnPasswordExpiration:boolean",
    "objectId",
    "tenantId",
    "userPrincipalName",
    "displayName",
    "givenName",
    "surname",
    "email",
    "forceChangePasswordNextLogin:boolean",
    "authenticationSource",
];

const ADA: &str = "0c1d9c8e-6f53-4d39-8b3e-1f0a4c4b6f10";

fn ada() -> SeedUser {
    SeedUser {
        object_id: Some(ADA.parse().unwrap()),
        email: Some("ada@post.example".to_owned()),
        password: Some("Summer2026".to_owned()),
        sign_in_names: [("username".to_owned(), "ada".to_owned())].into(),
        user_principal_name: Some("ada.l@contoso.onmicrosoft.com".to_owned()),
        attributes: [
            ("displayName".to_owned(), json!("Ada Lovelace")),
            ("givenName".to_owned(), json!("Ada")),
        ]
        .into(),
        ..SeedUser::default()
    }
}

fn trial(user: SeedUser) -> Trial {
    let seeded = |settings: &mut Settings| settings.seed = vec![user];
    Trial::with(&CLAIMS, "", LOGIN, seeded)
}

async fn refused(trial: &Trial, name: &str, password: &str) -> (String, String) {
    let typed = bag([("signInName", name.into()), ("password", password.into())]);
    let (done, _) = trial.run("login", &typed).await;
    let failure = done.unwrap_err();
    let PageText::Named { key, default, .. } = failure.page else {
        panic!("{failure:?}");
    };
    (format!("{} {key}", failure.code), default.into_string())
}

#[tokio::test]
async fn any_name_of_the_account_signs_in() {
    let trial = trial(ada());
    for name in [
        "ada@post.example",
        "ADA@Post.Example ",
        "ada",
        "ada.l@contoso.onmicrosoft.com",
    ] {
        let typed = bag([
            ("signInName", name.into()),
            ("password", "Summer2026".into()),
        ]);
        let (done, record) = trial.run("login", &typed).await;
        let expected = bag([
            ("objectId", ADA.into()),
            ("tenantId", "7c1e0d52-3b8a-4f7e-9a61-2f0c5d8e4b10".into()),
            ("userPrincipalName", "ada.l@contoso.onmicrosoft.com".into()),
            ("displayName", "Ada Lovelace".into()),
            ("givenName", "Ada".into()),
            ("email", "ada@post.example".into()),
            ("authenticationSource", "localAccountAuthentication".into()),
        ]);
        assert_eq!(done.unwrap(), expected, "{name}");
        assert!(record.notes.is_empty(), "{:?}", record.notes);
        assert!(
            !serde_json::to_string(&record)
                .unwrap()
                .contains("Summer2026")
        );
    }
}

#[tokio::test]
async fn each_refusal_has_its_code_and_its_words() {
    let with = |change: fn(&mut SeedUser)| {
        let mut user = ada();
        change(&mut user);
        trial(user)
    };
    let disabled = with(|user| user.account_enabled = Some(false));
    let expired = with(|user| user.force_change_password_next_login = true);
    let good = with(|_| {});
    let cases = [
        (
            &good,
            "eve@post.example",
            "Summer2026",
            "AADB2C90053 UserMessageIfClaimsPrincipalDoesNotExist",
            "We can't seem to find your account.",
        ),
        (
            &good,
            "ada",
            "summer2026",
            "AADB2C90054 UserMessageIfInvalidPassword",
            "Not that one.",
        ),
        (
            &disabled,
            "ada",
            "Summer2026",
            "AADB2C90111 UserMessageIfUserAccountDisabled",
            "Your account has been locked. Contact your support person to unlock it, then try again.",
        ),
        (
            &disabled,
            "ada",
            "wrong",
            "AADB2C90054 UserMessageIfInvalidPassword",
            "Not that one.",
        ),
        (
            &expired,
            "ada",
            "Summer2026",
            "AADB2C90054 UserMessageIfPasswordExpired",
            "Your password has expired.",
        ),
    ];
    for (trial, name, password, code, words) in cases {
        let told = refused(trial, name, password).await;
        assert_eq!(told, (code.to_owned(), words.to_owned()));
    }
}

#[tokio::test]
async fn the_password_before_is_known_as_such() {
    let trial = trial(ada());
    {
        let mut state = trial.tenant.state();
        let mut user = state.directory.get(ADA.parse().unwrap()).unwrap().clone();
        user.set_password("Winter2027".to_owned(), 0);
        state.directory.replace(user).unwrap();
    }
    let (code, words) = refused(&trial, "ada", "Summer2026").await;
    assert_eq!(code, "AADB2C90054 UserMessageIfOldPasswordUsed");
    assert_eq!(words, "Looks like you used an old password.");
}

#[tokio::test]
async fn too_many_wrong_passwords_lock_the_account_for_a_while() {
    let trial = trial(ada());
    for number in 0..10 {
        let (code, _) = refused(&trial, "ada", &format!("wrong {number}")).await;
        assert_eq!(code, "AADB2C90054 UserMessageIfInvalidPassword");
    }
    let (code, words) = refused(&trial, "ada", "Summer2026").await;
    assert_eq!(code, "AADB2C90114 UserMessageIfUserAccountLocked");
    assert_eq!(
        words,
        "Your account is temporarily locked to prevent unauthorized use. Try again later."
    );
    trial.tenant.state().clock_offset += 61;
    let typed = bag([
        ("signInName", "ada".into()),
        ("password", "Summer2026".into()),
    ]);
    assert!(trial.run("login", &typed).await.0.is_ok());
}

#[tokio::test]
async fn a_policy_that_goes_on_with_an_expired_password_is_told_of_it_and_of_nothing_else() {
    let mut user = ada();
    user.force_change_password_next_login = true;
    let trial = trial(user);
    let typed = bag([
        ("signInName", "ada".into()),
        ("password", "Summer2026".into()),
        ("continueOnPasswordExpiration", Value::Flag(true)),
    ]);
    let (done, _) = trial.run("login", &typed).await;
    let expected = bag([
        ("forceChangePasswordNextLogin", Value::Flag(true)),
        ("authenticationSource", "localAccountAuthentication".into()),
    ]);
    assert_eq!(done.unwrap(), expected);
}

#[tokio::test]
async fn a_profile_that_b2c_could_not_run_is_told_of() {
    let trial = trial(ada());
    let typed = bag([
        ("signInName", "ada".into()),
        ("password", "Summer2026".into()),
    ]);
    let (done, record) = trial.run("bare", &typed).await;
    let failure = done.unwrap_err();
    assert_eq!(failure.code, "AADB2C99015");
    assert_eq!(
        failure.text,
        "Profile 'bare' in policy 'B2C_1A_Trial' in tenant 'contoso.onmicrosoft.com' is missing \
         all InputClaims required for resource owner password credential flow."
    );
    assert_eq!(
        record.notes[0].text,
        "B2C needs client_id (of ProxyIdentityExperienceFramework) and IdTokenAudience (of \
         IdentityExperienceFramework): without it nobody can sign in there."
    );
    let (done, _) = trial.run("google", &typed).await;
    assert_eq!(done.unwrap_err().code, "AADB2C90085");
}
