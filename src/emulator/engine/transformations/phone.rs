//! Telephone numbers ("Define phone number claims transformations").
//!
//! Only the form of a number is looked at, not whether a country gives out such
//! numbers: the reference's own examples do not exist.

use super::{
    Row,
    given::{Given, Outcome, Stop, set, wrong},
};
use crate::emulator::engine::value::Value;

pub(super) const ROWS: &[Row] = &[
    Row::new("ConvertPhoneNumberClaimToString", |given| {
        set("phoneNumberString", given.text("phoneNumber")?)
    }),
    Row::new("ConvertStringToPhoneNumberClaim", |given| {
        let written = given
            .value_of_either("phoneNumberString", "inputClaim")?
            .text();
        let country = given.may_text("country");
        let country = country.filter(|country| !country.trim().is_empty());
        match international(&written, country.as_deref()) {
            Some(number) => set("outputClaim", number),
            None => Err(Stop::Refused {
                key: "UserMessageIfClaimsTransformationInvalidPhoneNumber",
                default: "The phone number is not valid.",
            }),
        }
    }),
    Row::new(
        "GetNationalNumberAndCountryCodeFromPhoneNumberString",
        taken_apart,
    ),
];

/// `+` and digits. Behind a country, the number is one without its code.
fn international(written: &str, country: Option<&str>) -> Option<String> {
    let number = match country {
        Some(country) => {
            let code = calling_code(country)?;
            match written.trim_start().starts_with('+') {
                true => digits(written)?,
                false => format!("{code}{}", digits(written)?),
            }
        }
        None if written.trim_start().starts_with('+') => digits(written)?,
        None => return None,
    };
    // E.164: no more than fifteen.
    let is_number = (7..=15).contains(&number.len()) && country_of(&number).is_some();
    is_number.then(|| format!("+{number}"))
}

/// Without the marks that people put in between. `None` with any others.
fn digits(written: &str) -> Option<String> {
    let mut digits = String::new();
    for letter in written.trim().trim_start_matches('+').chars() {
        match letter {
            '0'..='9' => digits.push(letter),
            ' ' | '-' | '(' | ')' | '.' | '/' | '\u{a0}' => {}
            _ => return None,
        }
    }
    Some(digits)
}

fn taken_apart(given: &Given<'_>) -> Outcome {
    let number = international(&given.text("phoneNumber")?, None);
    let parts = number.as_deref().and_then(|number| {
        let digits = number.trim_start_matches('+');
        let (country, code) = country_of(digits)?;
        Some((country, code, digits.strip_prefix(code)?))
    });
    let Some((country, code, national)) = parts else {
        return match given.may_flag_parameter("throwExceptionOnFailure")? {
            Some(true) => Err(Stop::Refused {
                key: "UserMessageIfPhoneNumberParseFailure",
                default: "The phone number is not valid.",
            }),
            // "The phone number still has its original value."
            Some(false) | None => Ok(Vec::new()),
        };
    };
    let kind = given
        .may_parameter("countryCodeType")
        .unwrap_or("CallingCode");
    let country = match kind.trim().to_ascii_lowercase().as_str() {
        "callingcode" => Value::from(format!("+{code}")),
        "iso3166" => Value::from(country),
        _ => {
            return wrong(format!(
                "knows no countryCodeType '{kind}': it is CallingCode or ISO3166"
            ));
        }
    };
    Ok(vec![
        ("nationalNumber".to_owned(), Some(Value::from(national))),
        ("countryCode".to_owned(), Some(country)),
    ])
}

fn countries() -> impl Iterator<Item = (&'static str, &'static str)> {
    CALLING_CODES
        .split_whitespace()
        .filter_map(|country| country.split_at_checked(2))
}

fn calling_code(country: &str) -> Option<&'static str> {
    let mut countries = countries();
    let found = countries.find(|(own, _)| own.eq_ignore_ascii_case(country.trim()));
    found.map(|(_, code)| code)
}

/// The country that a number belongs to, and its code. Of those that share a
/// code, the first in the list.
fn country_of(digits: &str) -> Option<(&'static str, &'static str)> {
    // No code begins like another one: the longest that fits is the one.
    let fits = countries().filter(|(_, code)| digits.starts_with(code));
    fits.reduce(|one, other| match other.1.len() > one.1.len() {
        true => other,
        false => one,
    })
}

/// ISO 3166-1 and ITU-T E.164, "List of assigned country codes". Those that
/// share a code follow the one that it is known by.
const CALLING_CODES: &str = "
    US1 CA1 AG1 AI1 AS1 BB1 BM1 BS1 DM1 DO1 GD1 GU1 JM1 KN1 KY1 LC1 MP1 MS1 PR1 SX1 TC1 TT1 VC1
    VG1 VI1 EG20 SS211 MA212 EH212 DZ213 TN216 LY218 GM220 SN221 MR222 ML223 GN224 CI225 BF226
    NE227 TG228 BJ229 MU230 LR231 SL232 GH233 NG234 TD235 CF236 CM237 CV238 ST239 GQ240 GA241
    CG242 CD243 AO244 GW245 IO246 AC247 SC248 SD249 RW250 ET251 SO252 DJ253 KE254 TZ255 UG256
    BI257 MZ258 ZM260 MG261 RE262 YT262 ZW263 NA264 MW265 LS266 BW267 SZ268 KM269 ZA27 SH290
    ER291 AW297 FO298 GL299 GR30 NL31 BE32 FR33 ES34 GI350 PT351 LU352 IE353 IS354 AL355 MT356
    CY357 FI358 AX358 BG359 HU36 LT370 LV371 EE372 MD373 AM374 BY375 AD376 MC377 SM378 UA380
    RS381 ME382 XK383 HR385 SI386 BA387 MK389 IT39 VA39 RO40 CH41 CZ420 SK421 LI423 AT43 GB44
    GG44 IM44 JE44 DK45 SE46 NO47 SJ47 PL48 DE49 FK500 BZ501 GT502 SV503 HN504 NI505 CR506 PA507
    PM508 HT509 PE51 MX52 CU53 AR54 BR55 CL56 CO57 VE58 GP590 BL590 MF590 BO591 GY592 EC593
    GF594 PY595 MQ596 SR597 UY598 CW599 BQ599 MY60 AU61 CC61 CX61 ID62 PH63 NZ64 SG65 TH66 TL670
    NF672 AQ672 BN673 NR674 PG675 TO676 SB677 VU678 FJ679 PW680 WF681 CK682 NU683 WS685 KI686
    NC687 TV688 PF689 TK690 FM691 MH692 RU7 KZ7 JP81 KR82 VN84 KP850 HK852 MO853 KH855 LA856
    CN86 BD880 TW886 TR90 IN91 PK92 AF93 LK94 MM95 MV960 LB961 JO962 SY963 IQ964 KW965 SA966
    YE967 OM968 PS970 AE971 IL972 BH973 QA974 BT975 MN976 NP977 IR98 TJ992 TM993 AZ994 GE995
    KG996 UZ998";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::emulator::engine::transformations::testing::{Trial, refused};

    #[test]
    fn a_number_becomes_a_string() {
        let trial = Trial::new("ConvertPhoneNumberClaimToString")
            .input("phoneNumber", "+11234567890")
            .output("phoneNumberString");
        assert_eq!(trial.text(), "+11234567890");
    }

    #[test]
    fn a_string_becomes_a_number_where_it_looks_like_one() {
        let cases = [
            (
                "033 456-7890",
                Some("DK"),
                Some("+450334567890"),
                "the reference's example",
            ),
            (
                "+1 (123) 456-7890",
                None,
                Some("+11234567890"),
                "with its country's code",
            ),
            (
                "+44 20 7946 0000",
                Some("DK"),
                Some("+442079460000"),
                "its own code wins",
            ),
            (
                "123-456-7890",
                Some("us"),
                Some("+11234567890"),
                "the country in any casing",
            ),
            ("123-456-7890", None, None, "of which country?"),
            ("123-456-7890", Some("XX"), None, "no country"),
            ("+1 123 CALL ME", None, None, "letters"),
            ("+1 23", None, None, "too short"),
            ("+1234567890123456", None, None, "too long"),
            ("+999 1234567", None, None, "a code that nobody has"),
            ("", Some("US"), None, "nothing"),
        ];
        for (written, country, expected, why) in cases {
            let number = international(written, country);
            assert_eq!(number.as_deref(), expected, "{written}: {why}");
        }
    }

    #[test]
    fn a_number_that_is_none_is_told_to_the_person() {
        for name in ["phoneNumberString", "inputClaim"] {
            let convert = |text: &str| {
                Trial::new("ConvertStringToPhoneNumberClaim")
                    .input(name, text)
                    .missing("country")
                    .output("outputClaim")
            };
            assert_eq!(convert("+1 (123) 456-7890").text(), "+11234567890");
            let key = Some("UserMessageIfClaimsTransformationInvalidPhoneNumber");
            assert_eq!(refused(&convert("call me").failure()), key);
        }
        let missing = Trial::new("ConvertStringToPhoneNumberClaim")
            .missing("phoneNumberString")
            .output("outputClaim");
        assert_eq!(missing.sets(), json!({}));
    }

    #[test]
    fn a_number_is_taken_apart() {
        let apart = |number: &str, kind: &str, throws: &str| {
            Trial::new("GetNationalNumberAndCountryCodeFromPhoneNumberString")
                .input("phoneNumber", number)
                .parameter_as("throwExceptionOnFailure", "boolean", throws)
                .parameter("countryCodeType", kind)
                .output("nationalNumber")
                .output("countryCode")
        };
        let german = "+49 (123) 456-7890";
        assert_eq!(
            apart(german, "ISO3166", "false").sets(),
            json!({"nationalNumber": "1234567890", "countryCode": "DE"})
        );
        assert_eq!(
            apart(german, "CallingCode", "false").sets(),
            json!({"nationalNumber": "1234567890", "countryCode": "+49"})
        );
        assert_eq!(apart("call me", "ISO3166", "false").sets(), json!({}));
        let key = Some("UserMessageIfPhoneNumberParseFailure");
        assert_eq!(refused(&apart("call me", "ISO3166", "true").failure()), key);
    }

    #[test]
    fn a_number_belongs_to_one_country() {
        let cases = [
            (
                "12025550123",
                "US",
                "of those that share a code, the known one",
            ),
            ("442079460000", "GB", "likewise"),
            ("35812345678", "FI", "three digits"),
            ("35112345678", "PT", "beside others of that beginning"),
            ("81312345678", "JP", "two digits"),
        ];
        for (digits, country, why) in cases {
            assert_eq!(
                country_of(digits).map(|(own, _)| own),
                Some(country),
                "{why}"
            );
        }
        assert!(countries().count() > 230);
        assert!(countries().all(|(_, code)| code.parse::<u32>().is_ok()));
    }
}
