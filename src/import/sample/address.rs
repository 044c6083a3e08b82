//! Addresses as people give them: right, wrong, borrowed and none.

use super::Dice;
use super::names::Culture;

/// Where people have their mail. `example.com`, `.org` and `.net` and all that
/// is below `.example` belong to nobody.
const PROVIDERS: [&str; 12] = [
    "example.com",
    "example.org",
    "example.net",
    "mail.example.com",
    "gmail.example.com",
    "outlook.example.com",
    "yahoo.example.net",
    "post.example.org",
    "t-online.example.net",
    "web.example.org",
    "docomo.example.net",
    "icloud.example.com",
];

/// The same in a hurry.
const MISTYPED: [&str; 8] = [
    "gmial.example.com",
    "gamil.example.com",
    "outlok.example.com",
    "yaho.example.net",
    "gmail.example.con.example",
    "hotmial.example.com",
    "icloud.exmaple.example",
    "gmail.example.comm.example",
];

/// Addresses that pass mail on for people who do not tell their own.
pub const RELAYS: [&str; 2] = ["privaterelay.example.com", "relay.example.net"];

/// Addresses for ten minutes.
pub const DISPOSABLE: [&str; 2] = ["trash-mail.example.org", "tenminutes.example.net"];

const COMPANIES: [&str; 10] = [
    "contoso.example.com",
    "fabrikam.example.com",
    "northwind.example.com",
    "adatum.example.org",
    "tailspin.example.org",
    "wingtip.example.net",
    "litware.example.net",
    "proseware.example.com",
    "woodgrove.example.org",
    "kumo.example.net",
];

/// Whose address is drawn.
pub(super) struct Person {
    pub(super) given: &'static str,
    pub(super) family: &'static str,
    pub(super) n: u64,
    pub(super) culture: &'static Culture,
    pub(super) is_person: bool,
}

#[derive(Default)]
pub(super) struct Addresses {
    local: String,
}

impl Addresses {
    pub(super) fn draw(&mut self, dice: &mut Dice, person: &Person, email: &mut String) {
        email.clear();
        self.draw_local(dice, person);
        let (local, domain) = (self.local.as_str(), domain(dice, person));
        match dice.roll(1000) {
            0..45 => {}
            45..50 => join(email, [local, ".", domain]),
            50..53 => join(email, [local, "@", domain, "."]),
            53..57 => {
                let blank = local.replacen('.', " ", 1);
                join(email, [&blank, "@ ", domain]);
            }
            57..60 => join(email, ["\"", local, "\"@", domain]),
            60..62 => join(email, ["ü", local, "@", domain]),
            62..64 => join(email, [local, "@", domain, "; ", local, "@example.com"]),
            64..78 => join(email, [local, "@", dice.pick(&MISTYPED, "example.com")]),
            78..90 => join(email, [local, "@", dice.pick(&RELAYS, "example.com")]),
            90..97 => join(email, [local, "@", dice.pick(&DISPOSABLE, "example.com")]),
            97..117 => {
                join(email, [local, "@", domain]);
                respell(dice, email);
            }
            117..124 => join(email, [" ", local, "@", domain, "  "]),
            124..139 => join(email, [local, "@", person.culture.domain]),
            _ => join(email, [local, "@", domain]),
        }
    }

    /// Never the same for two people: who shares an address does so on purpose.
    fn draw_local(&mut self, dice: &mut Dice, person: &Person) {
        let initial = person.given.get(..1).unwrap_or_default();
        self.local.clear();
        let parts = match dice.roll(6) {
            _ if !person.is_person => ["office", ".", person.family],
            0 => [initial, ".", person.family],
            1 => [person.family, "_", person.given],
            2 => [person.given, "", ""],
            3 => [person.given, "+shop.", person.family],
            _ => [person.given, ".", person.family],
        };
        parts.iter().for_each(|part| self.local.push_str(part));
        push_base36(&mut self.local, person.n);
    }
}

/// The same address in other letters.
pub(super) fn respell(dice: &mut Dice, email: &mut String) {
    match dice.roll(2) {
        0 => email.make_ascii_uppercase(),
        _ => {
            if let Some(first) = email.get_mut(..1) {
                first.make_ascii_uppercase();
            }
        }
    }
}

fn domain(dice: &mut Dice, person: &Person) -> &'static str {
    match person.is_person && dice.roll(10) > 0 {
        true => dice.pick(&PROVIDERS, "example.com"),
        false => dice.pick(&COMPANIES, "example.com"),
    }
}

fn join<'a>(text: &mut String, parts: impl IntoIterator<Item = &'a str>) {
    parts.into_iter().for_each(|part| text.push_str(part));
}

fn push_base36(text: &mut String, number: u64) {
    const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let mut rest = number;
    loop {
        let digit = DIGITS.get((rest % 36) as usize).copied();
        text.push(char::from(digit.unwrap_or(b'0')));
        rest /= 36;
        if rest == 0 {
            return;
        }
    }
}
