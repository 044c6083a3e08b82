//! Format strings of .NET (`String.Format`), as far as policies write them.

use time::{OffsetDateTime, UtcOffset};

use super::given::Stop;
use crate::emulator::engine::value::Value;

/// "String format maximum allowed size is 4000."
const LONGEST: usize = 4000;

/// Puts arguments into the places `{0}`, `{1,-8}`, `{2:D4}`. One that has no
/// value is empty, as null is in .NET.
pub(super) fn format(template: &str, arguments: &[Option<&Value>]) -> Result<String, Stop> {
    if template.chars().count() > LONGEST {
        return malformed("is longer than 4000 characters");
    }
    let mut written = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        let (text, behind) = rest.split_at(at);
        written.push_str(text);
        if let Some(behind) = behind.strip_prefix("{{") {
            written.push('{');
            rest = behind;
        } else if let Some(behind) = behind.strip_prefix("}}") {
            written.push('}');
            rest = behind;
        } else {
            let place = behind.strip_prefix('{').and_then(|it| it.split_once('}'));
            let Some((place, behind)) = place else {
                return malformed("has a brace that opens or closes nothing");
            };
            written.push_str(&filled(place, arguments)?);
            rest = behind;
        }
    }
    written.push_str(rest);
    Ok(written)
}

fn malformed<T>(why: &str) -> Result<T, Stop> {
    Err(Stop::Wrong(format!(
        "cannot use its format string: it {why}"
    )))
}

/// What stands in a place: `INDEX[,WIDTH][:SPECIFICATION]`.
fn filled(place: &str, arguments: &[Option<&Value>]) -> Result<String, Stop> {
    let (place, specification) = match place.split_once(':') {
        Some((place, specification)) => (place, Some(specification)),
        None => (place, None),
    };
    let (index, width) = match place.split_once(',') {
        Some((index, width)) => (index, width.trim().parse::<i64>().ok()),
        None => (place, Some(0)),
    };
    let argument = index.trim().parse::<usize>().ok();
    let (Some(argument), Some(width)) = (argument.and_then(|at| arguments.get(at)), width) else {
        return malformed(&format!("has {{{place}}}, and no claim stands for that"));
    };
    let text = match (argument, specification) {
        (None, _) => String::new(),
        (Some(value), Some(specification)) => specified(value, specification)?,
        (Some(value), None) => value.text(),
    };
    let length = usize::try_from(width.unsigned_abs())
        .unwrap_or(0)
        .min(LONGEST);
    Ok(match width < 0 {
        true => format!("{text:<length$}"),
        false => format!("{text:>length$}"),
    })
}

/// A text has no formats of its own: .NET passes over what is asked for.
fn specified(value: &Value, specification: &str) -> Result<String, Stop> {
    match value {
        Value::Text(_) | Value::Flag(_) | Value::Texts(_) => Ok(value.text()),
        Value::Number(number) => formatted_number(*number, specification),
        Value::Moment(moment) => Ok(formatted_moment(*moment, specification)),
        Value::Day(day) => Ok(formatted_moment(day.midnight().assume_utc(), specification)),
    }
}

/// `D6` and `000000`.
fn formatted_number(number: i64, specification: &str) -> Result<String, Stop> {
    let zeros = specification.len();
    let is_picture = zeros > 0 && specification.chars().all(|letter| letter == '0');
    let decimal = specification.strip_prefix(['D', 'd', 'G', 'g']);
    let digits = match (is_picture, decimal) {
        (true, _) => Some(zeros),
        (false, Some("")) => Some(0),
        (false, Some(digits)) => digits.parse().ok(),
        (false, None) => None,
    };
    let Some(digits) = digits else {
        return malformed(&format!(
            "asks for a number as '{specification}', which the emulator does not know: it knows \
             D, D6 and 000000"
        ));
    };
    let sign = match number < 0 {
        true => "-",
        false => "",
    };
    let digits = digits.min(LONGEST);
    Ok(format!("{sign}{:0digits$}", number.unsigned_abs()))
}

/// A picture of a date (`yyyy-MM-dd HH:mm`), or one of the standard ones that
/// do not depend on a culture: `o`, `s`, `u`.
fn formatted_moment(moment: OffsetDateTime, specification: &str) -> String {
    let picture = match specification {
        "" | "o" | "O" => "yyyy-MM-ddTHH:mm:ss.fffffffZ",
        "s" => "yyyy-MM-ddTHH:mm:ss",
        "u" => "yyyy-MM-dd HH:mm:ssZ",
        picture => picture,
    };
    let moment = moment.to_offset(UtcOffset::UTC);
    let mut written = String::new();
    let mut letters = picture.chars().peekable();
    while let Some(letter) = letters.next() {
        let mut run = 1;
        while letters.next_if_eq(&letter).is_some() {
            run += 1;
        }
        match part(moment, letter, run) {
            Some(part) => written.push_str(&part),
            None if letter == '\'' => {}
            None => written.extend(std::iter::repeat_n(letter, run)),
        }
    }
    written
}

fn part(moment: OffsetDateTime, letter: char, run: usize) -> Option<String> {
    let padded = |number: i64| format!("{number:0run$}");
    Some(match letter {
        'y' if run <= 2 => padded(i64::from(moment.year()) % 100),
        'y' => padded(i64::from(moment.year())),
        'M' if run <= 2 => padded(i64::from(u8::from(moment.month()))),
        'd' if run <= 2 => padded(i64::from(moment.day())),
        'H' => padded(i64::from(moment.hour())),
        'h' => padded(i64::from((moment.hour() + 11) % 12 + 1)),
        'm' => padded(i64::from(moment.minute())),
        's' => padded(i64::from(moment.second())),
        'f' => format!("{:09}", moment.nanosecond())
            .get(..run.min(9))?
            .to_owned(),
        't' => match moment.hour() < 12 {
            true => "AM".to_owned(),
            false => "PM".to_owned(),
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn places_are_filled_as_dotnet_fills_them() {
        let name = Value::from("Ada");
        let number = Value::Number(42);
        let minus = Value::Number(-7);
        let moment = Value::Moment(datetime!(2026-01-14 15:04:05.5 UTC));
        let arguments = [
            Some(&name),
            Some(&number),
            None,
            Some(&minus),
            Some(&moment),
        ];
        let cases = [
            ("{0}", "Ada", "alone"),
            ("cpim_{0}@x", "cpim_Ada@x", "amid text"),
            ("{1}{0}{1}", "42Ada42", "in any order, and again"),
            ("[{2}]", "[]", "null is empty"),
            ("{{{0}}}", "{Ada}", "doubled braces are braces"),
            ("{{0}}", "{0}", "and no place"),
            ("{0,5}|{0,-5}|", "  Ada|Ada  |", "a width, to either side"),
            ("{0:D4}", "Ada", "texts have no formats"),
            ("{1:D6}", "000042", "a number of digits"),
            ("{1:0000}", "0042", "a picture of digits"),
            ("{3:D3}", "-007", "the sign does not count"),
            ("{4:yyyy-MM-dd}", "2026-01-14", "a day"),
            ("{4:HH:mm:ss.fff}", "15:04:05.500", "a time"),
            ("{4:h:mm tt}", "3:04 PM", "of twelve hours"),
            ("{4:s}", "2026-01-14T15:04:05", "a standard one"),
        ];
        for (template, expected, why) in cases {
            assert_eq!(format(template, &arguments).unwrap(), expected, "{why}");
        }
    }

    #[test]
    fn what_dotnet_throws_at_is_an_error() {
        let name = Value::from("Ada");
        let number = Value::Number(42);
        let arguments = [Some(&name), Some(&number)];
        for template in ["{0", "0}", "{2}", "{}", "{name}", "{1:C2}", "{0,x}"] {
            assert!(format(template, &arguments).is_err(), "{template}");
        }
        assert!(format(&"x".repeat(4001), &arguments).is_err());
    }
}
