//! What is asked, and whether the answer to it is right.

use std::collections::HashSet;
use std::io::Write;

use serde::{Deserialize, Serialize};

use super::super::population::{CLIENT_ID, PROVIDER, Person, Population};

/// What all requests of a plan ask.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(in super::super) enum Asking {
    /// A sign-up: customers of this population, and strangers among them.
    SignUps(Population),
    /// The first token of somebody nobody knows yet: a customer is created.
    FirstTokens,
    /// A sign-up, of something that always says [`super::constant::ANSWER`].
    Constant(Population),
    /// Nothing that needs a database: the caller's password is wrong.
    Nothing,
}

/// What is wrong with an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Refused(u16),
    Wrong(String),
}

/// A connector's answer, with no member but these.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reply<'a> {
    version: &'a str,
    action: &'a str,
    #[serde(rename = "extension_CustomerId")]
    number: Option<&'a str>,
    #[serde(rename = "extension_CustomerLink")]
    link: Option<&'a str>,
}

/// Writes requests and judges answers.
pub(super) struct Examiner {
    asking: Asking,
    /// The head up to the length of the body.
    head: Vec<u8>,
    body: Vec<u8>,
    /// The numbers given to new customers: nobody's comes twice.
    given: HashSet<u64>,
}

impl Examiner {
    pub(super) fn new(asking: Asking, path: &str, authorization: &str) -> Self {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {authorization}\r\n\
             Content-Type: application/json\r\nContent-Length: "
        );
        Self {
            asking,
            head: head.into_bytes(),
            body: Vec::new(),
            given: HashSet::new(),
        }
    }

    /// Writes the request `k` in the place of what `into` holds.
    pub(super) fn write(&mut self, k: u64, into: &mut Vec<u8>) {
        self.body.clear();
        let body = &mut self.body;
        let (step, person) = match self.asking {
            Asking::SignUps(population) | Asking::Constant(population) => {
                ("PostAttributeCollection", population.person(k))
            }
            Asking::FirstTokens | Asking::Nothing => ("PreTokenIssuance", Person::Stranger(k)),
        };
        // Into memory, which takes everything.
        let _ = body.write_all(b"{\"email\":\"");
        let _ = person.write_address(body);
        let _ = write!(
            body,
            "\",\"identities\":[{{\"signInType\":\"federated\",\"issuer\":\"{PROVIDER}\",\
             \"issuerAssignedId\":\"{k}\"}}],"
        );
        if let Asking::FirstTokens = self.asking {
            let _ = write!(body, "\"objectId\":\"00000000-0000-4000-9000-{k:012}\",");
        }
        let _ = write!(
            body,
            "\"displayName\":\"Mina Kaur\",\"givenName\":\"Mina\",\"surname\":\"Kaur\",\
             \"step\":\"{step}\",\"client_id\":\"{CLIENT_ID}\",\"ui_locales\":\"en-US\"}}"
        );
        into.clear();
        into.extend_from_slice(&self.head);
        let _ = write!(into, "{}\r\n\r\n", self.body.len());
        into.extend_from_slice(&self.body);
    }

    /// Judges the answer to the request `k`.
    pub(super) fn judge(&mut self, k: u64, status: u16, body: &[u8]) -> Result<(), Fault> {
        let expected = match self.asking {
            Asking::Nothing => 401,
            Asking::SignUps(_) | Asking::FirstTokens | Asking::Constant(_) => 200,
        };
        if status != expected {
            return Err(Fault::Refused(status));
        }
        match self.asking {
            Asking::Nothing => return Ok(()),
            Asking::Constant(_) if body == super::constant::ANSWER => return Ok(()),
            Asking::SignUps(_) | Asking::FirstTokens | Asking::Constant(_) => {}
        }
        match serde_json::from_slice::<Reply<'_>>(body) {
            Ok(reply) if self.is_right(k, &reply) => Ok(()),
            // Made-up people: their answers may be shown.
            Ok(_) | Err(_) => Err(Fault::Wrong(format!(
                "question {k}: {}",
                String::from_utf8_lossy(body)
            ))),
        }
    }

    fn is_right(&mut self, k: u64, reply: &Reply<'_>) -> bool {
        if reply.version != "1.0.0" || reply.action != "Continue" {
            return false;
        }
        match self.asking {
            Asking::SignUps(population) => {
                reply.link.is_none() && population.person(k).has_number(reply.number)
            }
            Asking::FirstTokens => {
                let digits = reply.number.and_then(|number| number.strip_prefix('C'));
                let number = digits.and_then(|digits| digits.parse().ok());
                reply.link == Some("linked")
                    && number.is_some_and(|number| self.given.insert(number))
            }
            Asking::Constant(_) | Asking::Nothing => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINKED: &[u8] =
        br#"{"version":"1.0.0","action":"Continue","extension_CustomerId":"US-000000000"}"#;
    const NOBODY: &[u8] = br#"{"version":"1.0.0","action":"Continue"}"#;

    fn sign_ups() -> Examiner {
        // Question 0 is about customer 0, question 5 about a stranger.
        Examiner::new(Asking::SignUps(Population::of(10)), "/", "Basic x")
    }

    #[test]
    fn the_right_answer_passes() {
        assert_eq!(sign_ups().judge(0, 200, LINKED), Ok(()));
        assert_eq!(sign_ups().judge(5, 200, NOBODY), Ok(()));
    }

    #[test]
    fn everything_else_is_a_fault() {
        assert_eq!(sign_ups().judge(0, 503, LINKED), Err(Fault::Refused(503)));
        let wrong: [(u64, &[u8], &str); 7] = [
            (0, NOBODY, "a customer without number"),
            (5, LINKED, "a stranger with one"),
            (1, LINKED, "somebody else's number"),
            (0, b"{}", "nothing"),
            (0, b"", "no JSON"),
            (
                0,
                br#"{"version":"1.0.0","action":"ShowBlockPage","userMessage":"no"}"#,
                "a refusal",
            ),
            (
                0,
                br#"{"version":"1.0.0","action":"Continue","extension_CustomerId":"US-000000000","more":1}"#,
                "a member that nobody knows",
            ),
        ];
        for (k, body, why) in wrong {
            let fault = sign_ups().judge(k, 200, body);
            assert!(matches!(fault, Err(Fault::Wrong(_))), "{why}");
        }
    }

    #[test]
    fn two_new_customers_have_two_numbers() {
        let mut tokens = Examiner::new(Asking::FirstTokens, "/", "Basic x");
        let body = |number: &str| {
            format!(
                r#"{{"version":"1.0.0","action":"Continue","extension_CustomerId":"{number}","extension_CustomerLink":"linked"}}"#
            )
        };
        assert_eq!(tokens.judge(1, 200, body("C000001").as_bytes()), Ok(()));
        assert_eq!(tokens.judge(2, 200, body("C000002").as_bytes()), Ok(()));
        let again = tokens.judge(3, 200, body("C000001").as_bytes());
        assert!(matches!(again, Err(Fault::Wrong(_))));
        let none = tokens.judge(4, 200, body("").as_bytes());
        assert!(matches!(none, Err(Fault::Wrong(_))));
    }

    #[test]
    fn a_request_is_what_a_platform_sends() {
        let mut request = Vec::new();
        sign_ups().write(0, &mut request);
        let text = String::from_utf8(request).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let body_length = format!("Content-Length: {}", body.len());
        assert!(head.starts_with("POST / HTTP/1.1\r\nHost: "), "{head}");
        assert!(head.ends_with(&body_length), "{head}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(body).unwrap(),
            serde_json::json!({
                "email": "customer.0@example.com",
                "identities": [
                    {"signInType": "federated", "issuer": "google.com", "issuerAssignedId": "0"}
                ],
                "displayName": "Mina Kaur",
                "givenName": "Mina",
                "surname": "Kaur",
                "step": "PostAttributeCollection",
                "client_id": "0b4f7d55-8d0e-4d53-9c53-1f5f0c8a2f21",
                "ui_locales": "en-US"
            })
        );
    }
}
