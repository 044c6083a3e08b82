//! The rule itself: an address, the customers that might be meant, and what
//! the site asks, make one decision (product.md §2).

use super::answer::Refusal;
use super::customer::{
    AddressOrigin, Customer, CustomerId, CustomerKind, CustomerNumber, CustomerState, CustomerType,
    Occupancy,
};
use super::feed::Freshness;
use super::site::{CustomerEmail, Rules, SecondIdentity, UnverifiedEmail};
use super::trust::Address;

/// What the records say about a sign-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    Link(CustomerId, CustomerNumber),
    Create(NewCustomer),
    Refuse(Refusal),
}

/// What kind of customer a sign-up would create.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewCustomer {
    /// Its address is proven and matches from now on.
    Proven,
    /// Its address, if it has one, was only typed and never matches.
    Separate,
}

/// Decides about a sign-up with `address`.
///
/// `found` may hold more than the candidates, in any order: only active
/// persons of the site's customer type whose address somebody else than the
/// person at the keyboard vouched for count. `freshness` is that of the
/// customers among whom they were found: where nobody was, and the feed is
/// behind, nobody is created who may be on the way. A customer of their own
/// for an unverified address is not created for want of a match, so it does
/// not wait.
pub fn decide(
    address: &Address,
    found: &[Customer],
    freshness: Freshness,
    rules: &Rules,
) -> Decision {
    let refusal = match address {
        Address::Proven(_) => return decide_by_match(found, freshness, rules),
        Address::NotComparable => Refusal::NotComparable,
        Address::Claimed(_) | Address::Missing => Refusal::Unverified,
    };
    match (rules.unverified_email, rules.customer_type) {
        (UnverifiedEmail::Separate, CustomerType::B2c) => Decision::Create(NewCustomer::Separate),
        (UnverifiedEmail::Refuse, _) | (_, CustomerType::B2b) => Decision::Refuse(refusal),
    }
}

fn decide_by_match(found: &[Customer], freshness: Freshness, rules: &Rules) -> Decision {
    let candidates: Vec<&Customer> = found.iter().filter(|c| is_candidate(c, rules)).collect();
    match candidates.as_slice() {
        [] => decide_about_nobody(freshness, rules.customer_type),
        [one] => decide_about(one, rules),
        [_, _, ..] => Decision::Refuse(Refusal::Several),
    }
}

fn decide_about_nobody(freshness: Freshness, customer_type: CustomerType) -> Decision {
    match (freshness, customer_type) {
        (Freshness::Fresh, CustomerType::B2b) => Decision::Refuse(Refusal::NotFound),
        (Freshness::Fresh, CustomerType::B2c) => Decision::Create(NewCustomer::Proven),
        (Freshness::Stale, CustomerType::B2b) => Decision::Refuse(Refusal::NotFoundYet),
        (Freshness::Stale, CustomerType::B2c) => Decision::Refuse(Refusal::RecordsBehind),
    }
}

fn decide_about(customer: &Customer, rules: &Rules) -> Decision {
    let unproven = customer.address_origin != Some(AddressOrigin::Proven);
    if unproven && rules.customer_email == CustomerEmail::Proven {
        return Decision::Refuse(Refusal::CustomerAddressNotProven);
    }
    match (customer.occupancy, rules.second_identity) {
        (Occupancy::Occupied, SecondIdentity::Refuse) => Decision::Refuse(Refusal::AlreadyLinked),
        (Occupancy::Free, _) | (_, SecondIdentity::Add | SecondIdentity::Replace) => {
            Decision::Link(customer.id, customer.number.clone())
        }
    }
}

fn is_candidate(customer: &Customer, rules: &Rules) -> bool {
    customer.state == CustomerState::Active
        && customer.kind == CustomerKind::Person
        && customer.customer_type == rules.customer_type
        && matches!(
            customer.address_origin,
            Some(AddressOrigin::Imported | AddressOrigin::Proven)
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::super::email::Email;
    use super::*;

    const B2B: Rules = Rules {
        customer_type: CustomerType::B2b,
        unverified_email: UnverifiedEmail::Refuse,
        customer_email: CustomerEmail::Any,
        second_identity: SecondIdentity::Refuse,
        feed_max_age: None,
    };
    const B2C: Rules = Rules {
        customer_type: CustomerType::B2c,
        ..B2B
    };

    fn ada() -> Email {
        Email::parse("ada@example.org").unwrap()
    }

    fn proven() -> Address {
        Address::Proven(ada())
    }

    fn customer(n: u128, customer_type: CustomerType) -> Customer {
        Customer {
            id: CustomerId(Uuid::from_u128(n)),
            number: CustomerNumber::parse(&format!("C{n}")).unwrap(),
            kind: CustomerKind::Person,
            customer_type,
            state: CustomerState::Active,
            address_origin: Some(AddressOrigin::Imported),
            occupancy: Occupancy::Free,
        }
    }

    /// As most of the table is read: nobody asks for the feed's age.
    fn decide(address: &Address, found: &[Customer], rules: &Rules) -> Decision {
        super::decide(address, found, Freshness::Fresh, rules)
    }

    fn link(customer: &Customer) -> Decision {
        Decision::Link(customer.id, customer.number.clone())
    }

    #[test]
    fn the_table_of_the_rules() {
        let b2b = [1, 2].map(|n| customer(n, CustomerType::B2b));
        let b2c = [3, 4].map(|n| customer(n, CustomerType::B2c));
        let both = [b2b[0].clone(), b2c[0].clone()];
        let cases = [
            ("one at a B2B site", &B2B, &b2b[..1], link(&b2b[0])),
            ("one at a B2C site", &B2C, &b2c[..1], link(&b2c[0])),
            (
                "none at a B2B site",
                &B2B,
                &[][..],
                Decision::Refuse(Refusal::NotFound),
            ),
            (
                "none at a B2C site",
                &B2C,
                &[][..],
                Decision::Create(NewCustomer::Proven),
            ),
            (
                "several at a B2B site",
                &B2B,
                &b2b[..],
                Decision::Refuse(Refusal::Several),
            ),
            (
                "several at a B2C site",
                &B2C,
                &b2c[..],
                Decision::Refuse(Refusal::Several),
            ),
            ("one of each type, B2B", &B2B, &both[..], link(&b2b[0])),
            ("one of each type, B2C", &B2C, &both[..], link(&b2c[0])),
            (
                "only the other type, B2B",
                &B2B,
                &b2c[..],
                Decision::Refuse(Refusal::NotFound),
            ),
            (
                "only the other type, B2C",
                &B2C,
                &b2b[..],
                Decision::Create(NewCustomer::Proven),
            ),
        ];
        for (why, rules, found, expected) in cases {
            assert_eq!(decide(&proven(), found, rules), expected, "{why}");
        }
    }

    #[test]
    fn an_address_nobody_vouches_for_never_links() {
        let found = [customer(1, CustomerType::B2c)];
        let separate = Rules {
            unverified_email: UnverifiedEmail::Separate,
            ..B2C
        };
        let cases = [
            (Address::Claimed(ada()), Refusal::Unverified),
            (Address::Missing, Refusal::Unverified),
            (Address::NotComparable, Refusal::NotComparable),
        ];
        for (address, refusal) in cases {
            assert_eq!(
                decide(&address, &found, &B2C),
                Decision::Refuse(refusal),
                "{address:?}"
            );
            assert_eq!(
                decide(&address, &found, &separate),
                Decision::Create(NewCustomer::Separate),
                "{address:?}"
            );
            let b2b = Rules {
                customer_type: CustomerType::B2b,
                ..separate
            };
            assert_eq!(
                decide(&address, &found, &b2b),
                Decision::Refuse(refusal),
                "{address:?}"
            );
        }
    }

    #[test]
    fn customers_that_are_no_candidates_find_nobody() {
        let person = customer(1, CustomerType::B2b);
        let mut cases = vec![
            Customer {
                kind: CustomerKind::Organisation,
                ..person.clone()
            },
            Customer {
                address_origin: Some(AddressOrigin::Typed),
                ..person.clone()
            },
            Customer {
                address_origin: Some(AddressOrigin::Wrong),
                ..person.clone()
            },
            Customer {
                address_origin: None,
                ..person.clone()
            },
        ];
        for state in [
            CustomerState::Pending,
            CustomerState::Blocked,
            CustomerState::Gone,
            CustomerState::Merged,
            CustomerState::Erased,
        ] {
            cases.push(Customer {
                state,
                ..person.clone()
            });
        }
        for case in cases {
            assert_eq!(
                decide(&proven(), std::slice::from_ref(&case), &B2B),
                Decision::Refuse(Refusal::NotFound),
                "{case:?}"
            );
        }
    }

    #[test]
    fn a_site_may_ask_that_the_customers_address_was_proven() {
        let rules = Rules {
            customer_email: CustomerEmail::Proven,
            ..B2B
        };
        let imported = customer(1, CustomerType::B2b);
        let proven_before = Customer {
            address_origin: Some(AddressOrigin::Proven),
            ..imported.clone()
        };
        assert_eq!(
            decide(&proven(), &[imported], &rules),
            Decision::Refuse(Refusal::CustomerAddressNotProven)
        );
        assert_eq!(
            decide(&proven(), std::slice::from_ref(&proven_before), &rules),
            link(&proven_before)
        );
    }

    #[test]
    fn an_occupied_customer_is_the_sites_rule() {
        let taken = Customer {
            occupancy: Occupancy::Occupied,
            ..customer(1, CustomerType::B2b)
        };
        let cases = [
            (
                SecondIdentity::Refuse,
                Decision::Refuse(Refusal::AlreadyLinked),
            ),
            (SecondIdentity::Add, link(&taken)),
            (SecondIdentity::Replace, link(&taken)),
        ];
        for (second_identity, expected) in cases {
            let rules = Rules {
                second_identity,
                ..B2B
            };
            assert_eq!(
                decide(&proven(), std::slice::from_ref(&taken), &rules),
                expected,
                "{second_identity:?}"
            );
        }
    }

    #[test]
    fn a_feed_that_is_behind_changes_the_answer_to_no_match_alone() {
        let b2b = [1, 2].map(|n| customer(n, CustomerType::B2b));
        let b2c = [3, 4].map(|n| customer(n, CustomerType::B2c));
        let separate = Rules {
            unverified_email: UnverifiedEmail::Separate,
            ..B2C
        };
        let claimed = Address::Claimed(ada());
        let cases = [
            (
                "nobody, B2B",
                proven(),
                &[][..],
                &B2B,
                Decision::Refuse(Refusal::NotFoundYet),
            ),
            (
                "nobody, B2C",
                proven(),
                &[],
                &B2C,
                Decision::Refuse(Refusal::RecordsBehind),
            ),
            (
                "only the other type",
                proven(),
                &b2b,
                &B2C,
                Decision::Refuse(Refusal::RecordsBehind),
            ),
            ("one, B2B", proven(), &b2b[..1], &B2B, link(&b2b[0])),
            ("one, B2C", proven(), &b2c[..1], &B2C, link(&b2c[0])),
            (
                "several, B2B",
                proven(),
                &b2b,
                &B2B,
                Decision::Refuse(Refusal::Several),
            ),
            (
                "several, B2C",
                proven(),
                &b2c,
                &B2C,
                Decision::Refuse(Refusal::Several),
            ),
            (
                "unverified",
                claimed.clone(),
                &[],
                &B2C,
                Decision::Refuse(Refusal::Unverified),
            ),
            (
                "separate",
                claimed,
                &[],
                &separate,
                Decision::Create(NewCustomer::Separate),
            ),
        ];
        for (why, address, found, rules, expected) in cases {
            let decision = super::decide(&address, found, Freshness::Stale, rules);
            assert_eq!(decision, expected, "{why}");
        }
    }

    fn any_customer() -> impl Strategy<Value = Customer> {
        (
            1..40u128,
            prop_oneof![
                Just(CustomerKind::Person),
                Just(CustomerKind::Person),
                Just(CustomerKind::Organisation)
            ],
            prop_oneof![Just(CustomerType::B2b), Just(CustomerType::B2c)],
            prop_oneof![
                Just(CustomerState::Active),
                Just(CustomerState::Active),
                Just(CustomerState::Pending),
                Just(CustomerState::Blocked),
                Just(CustomerState::Gone),
                Just(CustomerState::Merged),
                Just(CustomerState::Erased)
            ],
            proptest::option::of(prop_oneof![
                Just(AddressOrigin::Imported),
                Just(AddressOrigin::Typed),
                Just(AddressOrigin::Proven),
                Just(AddressOrigin::Wrong)
            ]),
            prop_oneof![Just(Occupancy::Free), Just(Occupancy::Occupied)],
        )
            .prop_map(
                |(n, kind, customer_type, state, address_origin, occupancy)| Customer {
                    kind,
                    state,
                    address_origin,
                    occupancy,
                    ..customer(n, customer_type)
                },
            )
    }

    fn any_rules() -> impl Strategy<Value = Rules> {
        (
            prop_oneof![Just(CustomerType::B2b), Just(CustomerType::B2c)],
            prop_oneof![
                Just(UnverifiedEmail::Refuse),
                Just(UnverifiedEmail::Separate)
            ],
            prop_oneof![Just(CustomerEmail::Any), Just(CustomerEmail::Proven)],
            prop_oneof![
                Just(SecondIdentity::Refuse),
                Just(SecondIdentity::Add),
                Just(SecondIdentity::Replace)
            ],
        )
            .prop_map(
                |(customer_type, unverified_email, customer_email, second_identity)| Rules {
                    customer_type,
                    unverified_email,
                    customer_email,
                    second_identity,
                    feed_max_age: None,
                },
            )
    }

    proptest! {
        #[test]
        fn the_order_of_the_customers_changes_nothing(
            found in proptest::collection::vec(any_customer(), 0..6), rules in any_rules()
        ) {
            let mut reversed = found.clone();
            reversed.reverse();
            prop_assert_eq!(
                decide(&proven(), &found, &rules),
                decide(&proven(), &reversed, &rules)
            );
        }

        #[test]
        fn a_customer_that_is_no_candidate_changes_nothing(
            found in proptest::collection::vec(any_customer(), 0..6),
            other in any_customer(),
            rules in any_rules(),
        ) {
            prop_assume!(!is_candidate(&other, &rules));
            let mut more = found.clone();
            more.push(other);
            prop_assert_eq!(
                decide(&proven(), &found, &rules),
                decide(&proven(), &more, &rules)
            );
        }

        #[test]
        fn a_link_goes_to_the_only_candidate_or_nowhere(
            found in proptest::collection::vec(any_customer(), 0..6), rules in any_rules()
        ) {
            if let Decision::Link(id, number) = decide(&proven(), &found, &rules) {
                let candidates: Vec<_> =
                    found.iter().filter(|c| is_candidate(c, &rules)).collect();
                prop_assert_eq!(candidates.len(), 1);
                prop_assert_eq!((candidates[0].id, &candidates[0].number), (id, &number));
            }
        }

        #[test]
        fn without_proof_nobody_is_linked_whoever_is_on_file(
            found in proptest::collection::vec(any_customer(), 0..6), rules in any_rules()
        ) {
            for address in [Address::Claimed(ada()), Address::Missing, Address::NotComparable] {
                prop_assert!(!matches!(decide(&address, &found, &rules), Decision::Link(..)));
            }
        }
    }
}
