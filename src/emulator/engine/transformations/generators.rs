//! Strings that are made up: random ones, hashes, addresses ("String claims
//! transformations", "General claims transformations").

use aws_lc_rs::digest;
use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};
use uuid::Uuid;

use super::{
    Row, dotnet,
    given::{Given, Outcome, Stop, set, wrong},
};
use crate::emulator::engine::value::Value;

pub(super) const ROWS: &[Row] = &[
    Row::new("BuildUri", build_uri),
    Row::new("CreateOtpSecret", |given| {
        set("outputClaim", base32(&given.world.random()[..10]))
    }),
    Row::new("CreateRandomString", random_string),
    // What it was called before.
    Row::new("GuidAndRandomGenerator", random_string),
    Row::new("Hash", |given| {
        let text = given.text("plaintext")?;
        let salt = given.may_text("salt").unwrap_or_default();
        let secret = given.world.secret(given.parameter("randomizerSecret")?);
        set("hash", hash(&text, &salt, &secret))
    }),
];

fn random_string(given: &Given<'_>) -> Outcome {
    let random = given.world.random();
    let kind = given.parameter("randomGeneratorType")?;
    let value = match kind.trim().to_ascii_uppercase().as_str() {
        "GUID" => Value::from(
            uuid::Builder::from_random_bytes(random)
                .into_uuid()
                .to_string(),
        ),
        "INTEGER" => Value::Number(random_number(given, random)?),
        _ => {
            return wrong(format!(
                "knows no randomGeneratorType '{kind}': it is GUID or INTEGER"
            ));
        }
    };
    let text = match given.may_template("stringFormat") {
        Some(format) => dotnet::format(&format, &[Some(&value)])?,
        None => value.text(),
    };
    // "If string format is applied, the value after string format is encoded."
    match given.may_flag_parameter("base64")? {
        Some(true) => set("outputClaim", STANDARD.encode(text)),
        Some(false) | None => set("outputClaim", text),
    }
}

/// Below the maximum, as .NET's generator is (inferred), which without one ends
/// at its largest number.
fn random_number(given: &Given<'_>, random: [u8; 16]) -> Result<i64, Stop> {
    let maximum = given.may_number_parameter("maximumNumber")?;
    let maximum = maximum.unwrap_or(i64::from(i32::MAX));
    if maximum < 1 {
        return wrong(format!("has {maximum} as its maximumNumber"));
    }
    let seed = match given.may_number_parameter("seed")? {
        Some(seed) => Some(seed),
        None => given.may_number_parameter("randomSeed")?,
    };
    // "Same seed yields same sequence of random numbers." Not the same as
    // .NET's: that differs between its own versions, too.
    let mut generator = match seed {
        Some(seed) => ChaCha8Rng::seed_from_u64(seed.unsigned_abs()),
        None => ChaCha8Rng::seed_from_u64(Uuid::from_bytes(random).as_u64_pair().0),
    };
    Ok(generator.random_range(0..maximum))
}

/// SHA-256 of the text, the salt and the secret, one behind the other. The
/// reference names the three and the algorithm; the order is inferred.
fn hash(text: &str, salt: &str, secret: &str) -> String {
    let all = format!("{text}{salt}{secret}");
    STANDARD.encode(digest::digest(&digest::SHA256, all.as_bytes()))
}

/// As authenticator apps take secrets, in small letters as in the reference's
/// example.
fn base32(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let bits: Vec<u8> = bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |place| byte >> place & 1))
        .collect();
    let letter = |bits: &[u8]| {
        let value = bits
            .iter()
            .fold(0, |value, bit| value << 1 | usize::from(*bit));
        LETTERS.get(value).copied().map(char::from)
    };
    bits.chunks(5).filter_map(letter).collect()
}

/// What has to be escaped in a path; `:` and `@` may stand as they are.
const PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}');

/// `scheme`, `host`, `path` and `query.NAME`, each a claim or a parameter.
fn build_uri(given: &Given<'_>) -> Outcome {
    let part = |name: &str| given.may_text(name).or_else(|| given.may_template(name));
    let (Some(scheme), Some(host)) = (part("scheme"), part("host")) else {
        return wrong("needs a 'scheme' and a 'host'");
    };
    let path = part("path").unwrap_or_default();
    let path = utf8_percent_encode(path.trim_start_matches('/'), PATH);
    let name = |name: &str| {
        let (space, name) = name.split_once('.')?;
        let is_query = space.eq_ignore_ascii_case("query");
        is_query.then(|| name.to_owned())
    };
    let claims = given
        .inputs()
        .filter_map(|(id, value)| Some((name(id)?, value?.text())));
    let parameters = given
        .parameters()
        .filter_map(|own| Some((name(own.id())?, given.may_template(own.id())?)));
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in claims.chain(parameters) {
        query.append_pair(&name, &value);
    }
    let query = query.finish();
    let mark = match query.is_empty() {
        true => "",
        false => "?",
    };
    set(
        "outputClaim",
        format!("{scheme}://{host}/{path}{mark}{query}"),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::emulator::engine::transformations::testing::Trial;

    /// Of the bytes 0 to 15, with the bits of a random GUID.
    const GUID: &str = "00010203-0405-4607-8809-0a0b0c0d0e0f";

    #[test]
    fn a_random_string_is_a_guid() {
        for method in ["CreateRandomString", "GuidAndRandomGenerator"] {
            let trial = Trial::new(method)
                .parameter("randomGeneratorType", "guid")
                .output("outputClaim");
            assert_eq!(trial.text(), GUID);
        }
    }

    #[test]
    fn a_random_string_is_formatted_and_then_encoded() {
        let trial = |base64: &str| {
            Trial::new("CreateRandomString")
                .parameter("randomGeneratorType", "GUID")
                .parameter("stringFormat", "{0}@{RelyingPartyTenantId}")
                .parameter_as("base64", "boolean", base64)
                .output("outputClaim")
        };
        let formatted = "00010203-0405-4607-8809-0a0b0c0d0e0f@b2cdemo.onmicrosoft.com";
        assert_eq!(trial("false").text(), formatted);
        assert_eq!(
            trial("true").text(),
            "MDAwMTAyMDMtMDQwNS00NjA3LTg4MDktMGEwYjBjMGQwZTBmQGIyY2RlbW8ub25taWNyb3NvZnQuY29t"
        );
    }

    #[test]
    fn a_random_number_stays_below_its_maximum_and_is_the_same_for_the_same_seed() {
        let number = |maximum: &str, seed: Option<&str>| {
            let trial = Trial::new("CreateRandomString")
                .parameter("randomGeneratorType", "INTEGER")
                .parameter_as("maximumNumber", "int", maximum)
                .parameter("stringFormat", "OTP_{0}")
                .output("outputClaim");
            match seed {
                Some(seed) => trial.parameter_as("seed", "int", seed),
                None => trial,
            }
        };
        let text = number("1000", None).text();
        let digits = text.strip_prefix("OTP_").unwrap();
        assert!(digits.parse::<u32>().unwrap() < 1000, "{digits}");
        assert_eq!(number("1", None).text(), "OTP_0");
        let seeded = |seed: &str| number("1000000", Some(seed)).text();
        assert_eq!(seeded("7"), seeded("7"));
        assert_ne!(seeded("7"), seeded("8"));
        assert!(number("0", None).failure().text.contains("maximumNumber"));
    }

    #[test]
    fn a_generator_that_is_not_known_is_an_error() {
        let trial = Trial::new("CreateRandomString").parameter("randomGeneratorType", "PIN");
        assert!(trial.failure().text.contains("'PIN'"));
        let without = Trial::new("CreateRandomString").failure();
        assert!(
            without.text.contains("randomGeneratorType"),
            "{}",
            without.text
        );
    }

    #[test]
    fn a_secret_for_an_authenticator_is_sixteen_letters() {
        let trial = Trial::new("CreateOtpSecret").output("outputClaim");
        assert_eq!(trial.text(), "aaaqeayeaudaocaj");
        // RFC 4648, section 10.
        assert_eq!(base32(b"fooba"), "mzxw6ytb");
    }

    #[test]
    fn a_hash_hangs_on_the_text_the_salt_and_the_secret() {
        // printf 'Hello worldmySaltValue12345' | sha256sum
        let expected = "r0fApoi1nKqXkWCMIVlo3Oa/KRIfchPHXXDmGQZYmXw=";
        assert_eq!(hash("Hello world", "mySaltValue", "12345"), expected);
        let trial = |text: &str, salt: &str, key: &str| {
            let trial = Trial::new("Hash")
                .input("plaintext", text)
                .input("salt", salt)
                .parameter("randomizerSecret", key)
                .output("hash");
            trial.text()
        };
        let usual = trial("a", "b", "B2C_1A_Key");
        assert_eq!(usual.len(), 44, "the base64 of 32 bytes");
        assert_eq!(usual, trial("a", "b", "B2C_1A_Key"));
        assert_ne!(usual, trial("x", "b", "B2C_1A_Key"));
        assert_ne!(usual, trial("a", "x", "B2C_1A_Key"));
        assert_ne!(usual, trial("a", "b", "B2C_1A_Other"));
        let missing = Trial::new("Hash")
            .missing("plaintext")
            .parameter("randomizerSecret", "B2C_1A_Key")
            .output("hash");
        assert_eq!(missing.sets(), json!({}));
    }

    #[test]
    fn an_address_is_built_of_its_parts() {
        let trial = Trial::new("BuildUri")
            .input("path", "Contoso demo:emily@fabrikam.com")
            .input("query.secret", "fay2lj7ynpntjgqa")
            .missing("query.image")
            .parameter("scheme", "otpauth")
            .parameter("host", "totp")
            .parameter("query.issuer", "{AuthenticatorIssuer}")
            .output("outputClaim");
        assert_eq!(
            trial.text(),
            "otpauth://totp/Contoso%20demo:emily@fabrikam.com?secret=fay2lj7ynpntjgqa\
             &issuer=Contoso+demo"
        );
        let bare = Trial::new("BuildUri")
            .parameter("scheme", "https")
            .parameter("host", "example.org")
            .output("outputClaim");
        assert_eq!(bare.text(), "https://example.org/");
        assert!(Trial::new("BuildUri").failure().text.contains("'scheme'"));
    }
}
