//! Signs people in with a password, as `login-NonInteractive` does at Entra
//! (the resource owner's password, RFC 6749 section 4.3).

use serde_json::Value as Json;
use uuid::Uuid;

use super::{Call, is_password_sign_in};
use crate::emulator::{
    directory::{SignIn, User},
    engine::{
        failure::Failure,
        mapping::Given,
        trace::{Note, NoteLevel, ProfileRecord},
    },
    state::Tenant,
};

pub(super) fn execute(call: &Call<'_>, record: &mut ProfileRecord) -> Result<Given, Failure> {
    if !is_password_sign_in(&call.profile) {
        return Err(Failure::technical(
            "AADB2C90085",
            format!(
                "The technical profile '{}' sends the person to an identity provider, which only a \
                 step of its own can do.",
                call.profile.id()
            ),
        ));
    }
    check_applications(call, record);
    let typed = |name: &str| call.input(name).map(|input| input.value.text());
    let (Some(name), Some(password)) = (typed("username"), typed("password")) else {
        return Err(missing_inputs(call));
    };
    let tenant = call.scene.tenant;
    let now = tenant.now();
    let (verdict, user) = {
        let mut state = tenant.state();
        let found = state.directory.signing_in_as(name.trim());
        let Some(user) = found.cloned() else {
            return Err(Refusal::UnknownUser.failure(call));
        };
        let verdict = state.directory.sign_in(user.object_id, &password, now);
        (verdict, user)
    };
    match verdict {
        Some(SignIn::Good) => Ok(Given::exact(claims(tenant, &user))),
        Some(SignIn::Expired) if continues(call) => {
            // "If the value of this claim is true, other claims aren't
            // returned."
            Ok(Given::exact([("passwordExpired".to_owned(), true.into())]))
        }
        Some(SignIn::Expired) => Err(Refusal::Expired.failure(call)),
        Some(SignIn::WrongPassword) => Err(Refusal::WrongPassword.failure(call)),
        Some(SignIn::FormerPassword) => Err(Refusal::FormerPassword.failure(call)),
        Some(SignIn::Locked) => Err(Refusal::Locked.failure(call)),
        Some(SignIn::Disabled) => Err(Refusal::Disabled.failure(call)),
        None => Err(Refusal::UnknownUser.failure(call)),
    }
}

/// Entra needs the two applications of the Identity Experience Framework; here
/// nothing depends on them.
fn check_applications(call: &Call<'_>, record: &mut ProfileRecord) {
    let has = |item: &str, inputs: &[&str]| {
        let mut claims = call.profile.input_claims();
        call.profile.metadata(item).is_some()
            || claims.any(|claim| {
                let name = claim.partner_name().or(claim.claim()).unwrap_or_default();
                inputs.iter().any(|input| input.eq_ignore_ascii_case(name))
            })
    };
    let missing = match (
        has("client_id", &["client_id"]),
        has("IdTokenAudience", &["resource_id", "resource"]),
    ) {
        (true, true) => return,
        (false, true) => "client_id (of ProxyIdentityExperienceFramework)",
        (true, false) => "IdTokenAudience (of IdentityExperienceFramework)",
        (false, false) => {
            "client_id (of ProxyIdentityExperienceFramework) and IdTokenAudience (of \
             IdentityExperienceFramework)"
        }
    };
    record.notes.push(Note {
        level: NoteLevel::Warning,
        text: format!("B2C needs {missing}: without it nobody can sign in there."),
        place: call.scene.program.place(call.profile.element),
    });
}

fn missing_inputs(call: &Call<'_>) -> Failure {
    let text = format!(
        "Profile '{}' in policy '{}' in tenant '{}' is missing all InputClaims required for \
         resource owner password credential flow.",
        call.profile.id(),
        call.scene.program.id,
        call.scene.tenant.domain
    );
    Failure::technical("AADB2C99015", text)
}

/// `continueOnPasswordExpiration`.
fn continues(call: &Call<'_>) -> bool {
    let input = call.input("continueOnPasswordExpiration");
    input.is_some_and(|input| input.value.text().eq_ignore_ascii_case("true"))
}

/// Why nobody is signed in ("Localization string IDs: sign-up or sign-in error
/// messages"; "Error codes").
#[derive(Clone, Copy, Debug)]
enum Refusal {
    UnknownUser,
    WrongPassword,
    FormerPassword,
    Expired,
    Disabled,
    Locked,
}

impl Refusal {
    fn failure(self, call: &Call<'_>) -> Failure {
        let (code, text, key, default) = match self {
            Self::UnknownUser => (
                "AADB2C90053",
                "A user with the specified credential could not be found.",
                "UserMessageIfClaimsPrincipalDoesNotExist",
                "We can't seem to find your account.",
            ),
            Self::WrongPassword => (
                "AADB2C90054",
                "Invalid username or password.",
                "UserMessageIfInvalidPassword",
                "Your password is incorrect.",
            ),
            Self::FormerPassword => (
                "AADB2C90054",
                "Invalid username or password.",
                "UserMessageIfOldPasswordUsed",
                "Looks like you used an old password.",
            ),
            Self::Expired => (
                "AADB2C90054",
                "Your password has expired.",
                "UserMessageIfPasswordExpired",
                "Your password has expired.",
            ),
            Self::Disabled => (
                "AADB2C90111",
                "Your account has been locked. Contact your support person to unlock it, then try \
                 again.",
                "UserMessageIfUserAccountDisabled",
                "Your account has been locked. Contact your support person to unlock it, then try \
                 again.",
            ),
            Self::Locked => (
                "AADB2C90114",
                "Your account is temporarily locked to prevent unauthorized use. Try again later.",
                "UserMessageIfUserAccountLocked",
                "Your account is temporarily locked to prevent unauthorized use. Try again later.",
            ),
        };
        let own = call.profile.metadata(key);
        Failure::named(code, text, key, own.unwrap_or(default).to_owned())
    }
}

/// What Entra's token says, as far as policies ask for it.
fn claims(tenant: &Tenant, user: &User) -> Vec<(String, Json)> {
    let attribute = |name: &str| user.attribute(name).and_then(Json::as_str);
    let email = user.sign_in_names.get("emailAddress").map(String::as_str);
    let text = |id: Uuid| id.to_string();
    let claims = [
        ("oid", Some(text(user.object_id))),
        ("tid", Some(text(tenant.id))),
        ("upn", Some(user.principal_name.clone())),
        ("unique_name", Some(user.principal_name.clone())),
        ("name", attribute("displayName").map(str::to_owned)),
        ("given_name", attribute("givenName").map(str::to_owned)),
        ("family_name", attribute("surname").map(str::to_owned)),
        ("email", email.map(str::to_owned)),
    ];
    let claims = claims.into_iter();
    claims
        .filter_map(|(name, value)| Some((name.to_owned(), value?.into())))
        .collect()
}

#[cfg(test)]
mod tests;
