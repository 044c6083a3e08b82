//! Whether a password opens an account, and what wrong ones lead to ("Mitigate
//! credential attacks in Azure AD B2C").

use super::User;

/// Different wrong passwords that lock an account: "the default attempt
/// threshold".
const THRESHOLD: usize = 10;
/// "A one-minute lockout"; the first ten are that long, then they grow, up to
/// five hours.
const LOCKOUT_SECONDS: i64 = 60;
const PERIODS_OF_A_LENGTH: u32 = 10;
const LONGEST_LOCKOUT_SECONDS: i64 = 5 * 60 * 60;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignIn {
    Good,
    WrongPassword,
    /// The password is the one before the present one.
    FormerPassword,
    /// After too many wrong ones, for a while.
    Locked,
    Disabled,
    /// It is right, and has to be changed.
    Expired,
}

/// Wrong passwords since the last good one.
#[derive(Clone, Debug, Default)]
pub(super) struct Tries {
    /// "Entering the same password repeatedly doesn't count."
    wrong: Vec<String>,
    periods: u32,
    locked_until: i64,
}

/// The verdict, and the tries that are remembered.
pub(super) fn judge(
    user: &User,
    password: &str,
    mut tries: Tries,
    now: i64,
) -> (SignIn, Option<Tries>) {
    if now < tries.locked_until {
        return (SignIn::Locked, Some(tries));
    }
    if user.password.as_deref() != Some(password) {
        let verdict = match user.former_password.as_deref() == Some(password) {
            true => SignIn::FormerPassword,
            false => SignIn::WrongPassword,
        };
        tries.count(password, now);
        return (verdict, Some(tries));
    }
    let verdict = match (user.is_enabled, user.must_change_password) {
        (false, _) => SignIn::Disabled,
        (true, true) => SignIn::Expired,
        (true, false) => SignIn::Good,
    };
    (verdict, None)
}

impl Tries {
    fn count(&mut self, password: &str, now: i64) {
        if self.wrong.len() < THRESHOLD {
            if self.wrong.iter().any(|known| known == password) {
                return;
            }
            self.wrong.push(password.to_owned());
        }
        if self.wrong.len() >= THRESHOLD {
            let grown = i64::from(self.periods / PERIODS_OF_A_LENGTH) + 1;
            let seconds = grown.saturating_mul(LOCKOUT_SECONDS);
            self.locked_until = now.saturating_add(seconds.min(LONGEST_LOCKOUT_SECONDS));
            self.periods = self.periods.saturating_add(1);
        }
    }
}
