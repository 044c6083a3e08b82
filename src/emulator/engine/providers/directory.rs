//! Reads and writes the tenant's users for a policy ("Define a Microsoft Entra
//! technical profile").

mod attributes;
mod changes;
mod key;

use uuid::Uuid;

use self::{
    attributes::{attributes, removed},
    changes::{Change, Subject},
    key::{Found, KeyClaim, find},
};
use super::Call;
use crate::emulator::{
    directory::{Directory, DirectoryError, Extensions, User},
    engine::{
        failure::{Failure, PageText},
        mapping::Given,
        trace::{Note, NoteLevel, ProfileRecord},
    },
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Read,
    Write,
    DeleteClaims,
    DeleteClaimsPrincipal,
}

pub(super) fn execute(call: &Call<'_>, record: &mut ProfileRecord) -> Result<Given, Failure> {
    let operation = operation(call)?;
    let key = key::of(call, record)?;
    match operation {
        Operation::Read => read(call, &key),
        Operation::Write => write(call, &key, record),
        Operation::DeleteClaims => delete_claims(call, &key, record),
        Operation::DeleteClaimsPrincipal => delete(call, &key),
    }
}

fn operation(call: &Call<'_>) -> Result<Operation, Failure> {
    let profile = call.profile.id();
    let written = call.profile.metadata("Operation").ok_or_else(|| {
        let text =
            format!("Profile '{profile}' does not contain the required metadata key 'Operation'.");
        Failure::technical("AADB2C90023", text)
    })?;
    match written.trim().to_ascii_lowercase().as_str() {
        "read" => Ok(Operation::Read),
        "write" => Ok(Operation::Write),
        "deleteclaims" => Ok(Operation::DeleteClaims),
        "deleteclaimsprincipal" => Ok(Operation::DeleteClaimsPrincipal),
        _ => Err(technical(format!(
            "The technical profile '{profile}' has the operation '{written}', which the directory \
             does not have."
        ))),
    }
}

fn read(call: &Call<'_>, key: &KeyClaim) -> Result<Given, Failure> {
    let state = call.scene.tenant.state();
    match find(&state.directory, key) {
        Some(_) if raises(call, Raise::AlreadyExists) => Err(already_exists(call)),
        Some(user) => Ok(Given::folded(attributes(user, &extensions(call)))),
        None if raises(call, Raise::DoesNotExist) => Err(does_not_exist(call)),
        None => Ok(Given::nobody()),
    }
}

/// Whether the user is there and what is written are one act under the lock:
/// of two journeys that create the same user, one is told of the other.
fn write(call: &Call<'_>, key: &KeyClaim, record: &mut ProfileRecord) -> Result<Given, Failure> {
    let changes = changes::of(call, key, record)?;
    let tenant = call.scene.tenant;
    let now = tenant.now();
    let given = {
        let mut state = tenant.state();
        let directory = &mut state.directory;
        let found = find(directory, key).cloned();
        let (mut user, subject) = match found {
            Some(_) if raises(call, Raise::AlreadyExists) => return Err(already_exists(call)),
            None if raises(call, Raise::DoesNotExist) => return Err(does_not_exist(call)),
            Some(user) => (user, Subject::Known),
            None => (newcomer(call, key, now)?, Subject::New),
        };
        changes::apply(call, &mut user, subject, &changes, now, record)?;
        let object_id = user.object_id;
        let stored = match subject {
            Subject::New => directory.add(enabled(user, &changes)),
            Subject::Known => directory.replace(user),
        };
        stored.map_err(|error| not_stored(call, error))?;
        written(call, directory, object_id, subject)
    };
    tenant.save_or_log();
    Ok(given)
}

/// Seen: accounts that a policy creates without a password are disabled
/// (starter pack, issue 141).
fn enabled(user: User, changes: &[Change]) -> User {
    let is_said = changes
        .iter()
        .any(|change| matches!(change, Change::Enabled(_)));
    let is_enabled = match is_said {
        true => user.is_enabled,
        false => user.password.is_some(),
    };
    User { is_enabled, ..user }
}

fn newcomer(call: &Call<'_>, key: &KeyClaim, now: i64) -> Result<User, Failure> {
    let mut user = User::new(Uuid::new_v4(), now);
    match &key.found {
        Found::Key(key) if key::claim(&mut user, key) => Ok(user),
        Found::Key(_) | Found::Nobody => Err(technical(format!(
            "The technical profile '{}' cannot create a user from the claim '{}': nobody signs in \
             with that.",
            call.profile.id(),
            key.name
        ))),
    }
}

fn written(call: &Call<'_>, directory: &Directory, object_id: Uuid, subject: Subject) -> Given {
    let user = directory.get(object_id);
    let mut members = user
        .map(|user| attributes(user, &extensions(call)))
        .unwrap_or_default();
    let is_new = subject == Subject::New;
    members.push(("newClaimsPrincipalCreated".to_owned(), is_new.into()));
    Given::folded(members)
}

fn delete_claims(
    call: &Call<'_>,
    key: &KeyClaim,
    record: &mut ProfileRecord,
) -> Result<Given, Failure> {
    let tenant = call.scene.tenant;
    {
        let mut state = tenant.state();
        let Some(mut user) = find(&state.directory, key).cloned() else {
            return match raises(call, Raise::DoesNotExist) {
                true => Err(does_not_exist(call)),
                false => Ok(Given::default()),
            };
        };
        for claim in call.profile.persisted_claims() {
            let Some(name) = claim.partner_name().or(claim.claim()) else {
                continue;
            };
            if !name.eq_ignore_ascii_case(&key.name)
                && !removed(&mut user, &extensions(call).kept(name))
            {
                let text = format!("The directory does not let go of {name}.");
                record.notes.push(warning(call, text));
            }
        }
        let replaced = state.directory.replace(user);
        replaced.map_err(|error| not_stored(call, error))?;
    }
    tenant.save_or_log();
    Ok(Given::default())
}

fn delete(call: &Call<'_>, key: &KeyClaim) -> Result<Given, Failure> {
    let tenant = call.scene.tenant;
    {
        let mut state = tenant.state();
        let found = find(&state.directory, key).map(|user| user.object_id);
        match found {
            Some(object_id) => {
                state.directory.remove(object_id);
            }
            None if raises(call, Raise::DoesNotExist) => return Err(does_not_exist(call)),
            None => return Ok(Given::default()),
        }
    }
    tenant.save_or_log();
    Ok(Given::default())
}

/// Custom attributes belong to the application that `AAD-Common` names.
fn extensions<'a>(call: &Call<'a>) -> Extensions<'a> {
    let own = &call.scene.tenant.extensions_app_id;
    Extensions::new(own, call.profile.metadata("ClientId"))
}

#[derive(Clone, Copy, Debug)]
enum Raise {
    AlreadyExists,
    DoesNotExist,
}

/// Off unless it is stated.
fn raises(call: &Call<'_>, raise: Raise) -> bool {
    let item = match raise {
        Raise::AlreadyExists => "RaiseErrorIfClaimsPrincipalAlreadyExists",
        Raise::DoesNotExist => "RaiseErrorIfClaimsPrincipalDoesNotExist",
    };
    call.profile.metadata_flag(item).unwrap_or(false)
}

/// Seen with and without a message of the profile's own (azure-docs 95465).
fn already_exists(call: &Call<'_>) -> Failure {
    let key = "UserMessageIfClaimsPrincipalAlreadyExists";
    let own = call.profile.metadata(key);
    let text = own.map_or_else(
        || {
            let profile = call.profile.id();
            format!(
                "This user already exists, and profile '{profile}' does not allow the same user to \
                 be created again."
            )
        },
        str::to_owned,
    );
    let usual = "A user with the specified ID already exists. Please choose a different one.";
    let page = own.unwrap_or(usual).to_owned();
    Failure::named("AADB2C99001", text, key, page)
}

fn does_not_exist(call: &Call<'_>) -> Failure {
    let key = "UserMessageIfClaimsPrincipalDoesNotExist";
    let own = call.profile.metadata(key);
    let text = own.unwrap_or("User does not exist. Please sign up before you can sign in.");
    let page = own.unwrap_or("A user with the specified credential could not be found.");
    Failure::named("AADB2C99002", text, key, page.to_owned())
}

fn not_stored(call: &Call<'_>, error: DirectoryError) -> Failure {
    match error {
        DirectoryError::AlreadyExists => already_exists(call),
        DirectoryError::Full => Failure {
            page: PageText::Said(error.to_string()),
            ..technical(error.to_string())
        },
        DirectoryError::NoIdentity => technical(error.to_string()),
    }
}

fn technical(text: impl Into<String>) -> Failure {
    Failure::technical("AADB2C90037", text)
}

fn warning(call: &Call<'_>, text: impl Into<String>) -> Note {
    Note {
        level: NoteLevel::Warning,
        text: text.into(),
        place: call.scene.program.place(call.profile.element),
    }
}

#[cfg(test)]
mod tests;
