//! Customers of one address, and how a file refers to them as they were.

use aws_lc_rs::digest;

use crate::domain::customer::{AddressOrigin, CustomerType, LegalEntity};
use crate::store::StoreError;
use crate::store::duplicates::{Member, Members};

/// At least two active persons of one legal entity who share an address.
#[derive(Debug)]
pub struct Group {
    pub members: Vec<Member>,
}

/// Groups one after the other. Few of them are in memory.
pub struct Groups {
    members: Members,
    next: Option<Member>,
}

impl Groups {
    pub fn new(members: Members) -> Self {
        Self {
            members,
            next: None,
        }
    }

    pub async fn next(&mut self) -> Result<Option<Group>, StoreError> {
        let first = match self.next.take() {
            Some(first) => first,
            None => match self.members.next().await? {
                Some(first) => first,
                None => return Ok(None),
            },
        };
        let email = first.email_canonical.clone();
        let mut members = vec![first];
        while let Some(member) = self.members.next().await? {
            if member.email_canonical != email {
                self.next = Some(member);
                break;
            }
            members.push(member);
        }
        Ok(Some(Group { members }))
    }

    /// After the last one.
    pub async fn end(self) -> Result<(), StoreError> {
        self.members.end().await
    }
}

/// What a file names a group by: a digest of everything that a decision about
/// it rests on. A group that has gained or lost a customer or a link, or whose
/// customers have changed, has another one.
///
/// Begins with a letter, so that no spreadsheet takes it for a number.
pub fn token(legal_entity: &LegalEntity, members: &[Member]) -> String {
    let mut members: Vec<&Member> = members.iter().collect();
    members.sort_by_key(|member| member.id);
    let mut context = digest::Context::new(&digest::SHA256);
    let mut part = |bytes: &[u8]| {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        context.update(&length.to_be_bytes());
        context.update(bytes);
    };
    part(b"1");
    part(legal_entity.as_str().as_bytes());
    for member in members {
        part(member.id.0.as_bytes());
        part(member.number.as_str().as_bytes());
        part(member.email_canonical.as_bytes());
        part(&[
            u8::from(member.customer_type == CustomerType::B2b),
            u8::from(member.address_origin == AddressOrigin::Proven),
        ]);
        // As exact as the store keeps it.
        let changed_at = member.changed_at.unix_timestamp_nanos() / 1_000;
        part(&changed_at.to_be_bytes());
        for link in &member.links {
            part(link.0.as_bytes());
        }
    }
    let digest = context.finish();
    let hex = digest.as_ref().iter().take(10).map(|b| format!("{b:02x}"));
    format!("g{}", hex.collect::<String>())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use time::macros::datetime;
    use uuid::Uuid;

    use super::*;
    use crate::domain::customer::{CustomerId, CustomerNumber, CustomerOrigin};
    use crate::domain::link::LinkId;

    fn member(n: u128) -> Member {
        Member {
            id: CustomerId(Uuid::from_u128(n)),
            number: CustomerNumber::parse(&format!("C{n}")).unwrap(),
            customer_type: CustomerType::B2c,
            name: Some("Ada".to_owned()),
            email: "Ada@example.org".to_owned(),
            email_canonical: "ada@example.org".to_owned(),
            address_origin: AddressOrigin::Imported,
            origin: CustomerOrigin::Import,
            changed_at: datetime!(2026-03-01 12:00:00.000001 UTC),
            links: vec![LinkId(Uuid::from_u128(7))],
            last_seen_at: None,
        }
    }

    #[test]
    fn whatever_a_decision_rests_on_is_in_the_token_and_nothing_else() {
        let entity = |code| LegalEntity::parse(code).unwrap();
        let usmf = entity("USMF");
        let before = token(&usmf, &[member(1), member(2)]);
        assert_eq!(before.len(), 21);
        let seen = Member {
            last_seen_at: Some(datetime!(2026-03-02 12:00:00 UTC)),
            ..member(2)
        };
        assert_eq!(token(&usmf, &[seen, member(1)]), before, "order, last seen");
        let changes = [
            Member {
                id: CustomerId(Uuid::from_u128(3)),
                ..member(2)
            },
            Member {
                number: CustomerNumber::parse("C9").unwrap(),
                ..member(2)
            },
            Member {
                customer_type: CustomerType::B2b,
                ..member(2)
            },
            Member {
                address_origin: AddressOrigin::Proven,
                ..member(2)
            },
            Member {
                changed_at: datetime!(2026-03-01 12:00:00.000002 UTC),
                ..member(2)
            },
            Member {
                links: Vec::new(),
                ..member(2)
            },
        ];
        let mut tokens: BTreeSet<String> = changes
            .into_iter()
            .map(|changed| token(&usmf, &[member(1), changed]))
            .collect();
        tokens.insert(token(&usmf, &[member(1)]));
        tokens.insert(token(&usmf, &[member(1), member(2), member(3)]));
        tokens.insert(token(&entity("DEMF"), &[member(1), member(2)]));
        assert_eq!(tokens.len(), 9);
        assert!(!tokens.contains(&before));
    }
}
