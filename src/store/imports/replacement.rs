//! Numbers that others have taken the place of: temporary ones that became
//! permanent, and accounts that were merged. Their links go along.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::super::StoreError;
use super::super::audit::{Many, tell_many};
use super::copy::line_of;
use super::lane::Lane;
use super::said::address_after;
use crate::domain::customer::LegalEntity;
use crate::domain::email::CANONICAL_VERSION;

/// How many merges are followed; a sign-in follows no more.
const LONGEST_CHAIN: usize = 16;

/// How many rows are settled in one transaction.
const ROWS: i64 = 200;

/// A row of a number that another has replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Successor {
    pub row_no: i64,
    pub legal_entity: LegalEntity,
    number: String,
    email: Option<String>,
    replaced_by: String,
    proposed_id: Uuid,
}

impl Successor {
    /// As a row that nobody can follow, because its survivor never came.
    pub fn stranded(&self) -> Unplaced {
        Unplaced {
            row_no: self.row_no,
            number: self.number.clone(),
            reason: "is replaced by a number that no customer has",
        }
    }
}

/// A row that could not be followed, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unplaced {
    pub row_no: i64,
    pub number: String,
    pub reason: &'static str,
}

impl Unplaced {
    /// The line of the file that the row begins on.
    pub fn line(&self) -> u64 {
        line_of(self.row_no)
    }
}

/// What became of some of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replacements {
    pub replaced: u64,
    pub links_moved: u64,
    /// Links that stay where they are, because the customer that they would
    /// move to has one like them. Whoever is linked follows the merge anyway.
    pub for_review: u64,
    /// Rows whose number is that of somebody who signed up with another
    /// address: left to people.
    pub withheld: u64,
    /// Rows whose survivor is not there, and may yet come.
    pub waiting: u64,
    pub unplaced: Vec<Unplaced>,
}

#[derive(Clone, Debug)]
struct Node {
    number: String,
    state: String,
    imported_state: Option<String>,
    merged_into: Option<Uuid>,
    /// The address of a customer that a sign-up created and no file knows.
    signed_up_with: Option<Option<String>>,
}

/// The customers that some rows speak of, and those these were merged into.
#[derive(Default)]
struct Family {
    nodes: HashMap<Uuid, Node>,
    by_number: HashMap<String, Uuid>,
}

/// What a row asks for, once the family is known.
enum Placement {
    Under(Uuid),
    /// Staff has merged it already, wherever the file says.
    Ruled,
    /// The number is that of somebody else, who signed up.
    Clash(Uuid),
    /// The survivor is not there yet.
    Waiting,
    Impossible(&'static str),
}

impl Family {
    fn add(&mut self, id: Uuid, node: Node) {
        self.by_number.insert(node.number.clone(), id);
        self.nodes.insert(id, node);
    }

    /// The last survivor, unless the way to it passes `not_over` or has no end.
    fn last(&self, from: Uuid, not_over: Option<Uuid>) -> Result<Uuid, &'static str> {
        let mut at = from;
        for _ in 0..=LONGEST_CHAIN {
            if Some(at) == not_over {
                return Err("would replace itself by way of others");
            }
            match self.nodes.get(&at).and_then(|node| node.merged_into) {
                Some(next) => at = next,
                None => return Ok(at),
            }
        }
        Err("is replaced too many times over")
    }

    fn place(&self, row: &Successor) -> Placement {
        if row.number == row.replaced_by {
            return Placement::Impossible("is replaced by itself");
        }
        let old = self.by_number.get(&row.number).copied();
        if let Some((id, node)) = old.and_then(|old| Some((old, self.nodes.get(&old)?))) {
            if node.state == "erased" {
                return Placement::Impossible("is of a customer that was erased");
            }
            let address = node.signed_up_with.as_ref();
            if address.is_some_and(|address| *address != row.email) {
                return Placement::Clash(id);
            }
        }
        let Some(survivor) = self.by_number.get(&row.replaced_by).copied() else {
            return Placement::Waiting;
        };
        let ruled = old.and_then(|old| self.nodes.get(&old)).is_some_and(|old| {
            old.state == "merged" && old.imported_state.as_deref() != Some("merged")
        });
        if ruled {
            return Placement::Ruled;
        }
        match self.last(survivor, old) {
            Err(reason) => Placement::Impossible(reason),
            Ok(last) => match self.nodes.get(&last).map(|node| node.state.as_str()) {
                Some("erased") | None => {
                    Placement::Impossible("is replaced by a customer that was erased")
                }
                Some(_) => Placement::Under(survivor),
            },
        }
    }

    /// Makes the merge known to the rows that follow. Returns whether the
    /// customer is new.
    fn merge(&mut self, row: &Successor, survivor: Uuid) -> (Uuid, bool) {
        let known = self.by_number.get(&row.number).copied();
        let id = known.unwrap_or(row.proposed_id);
        self.add(
            id,
            Node {
                number: row.number.clone(),
                state: "merged".to_owned(),
                imported_state: Some("merged".to_owned()),
                merged_into: Some(survivor),
                signed_up_with: None,
            },
        );
        (id, known.is_none())
    }
}

/// Rows and what their customers are merged into.
#[derive(Default)]
struct Merges {
    row_nos: Vec<i64>,
    customers: Vec<Uuid>,
    survivors: Vec<Uuid>,
}

impl Merges {
    fn add(&mut self, row_no: i64, customer: Uuid, survivor: Uuid) {
        self.row_nos.push(row_no);
        self.customers.push(customer);
        self.survivors.push(survivor);
    }
}

impl Lane {
    /// Collects the rows that say something new of a replaced number.
    pub async fn find_replaced(&self) -> Result<u64, StoreError> {
        const SQL: &str = "
            CREATE TEMPORARY TABLE replaced AS
            SELECT staged.*
              FROM staged
              LEFT JOIN customer USING (legal_entity, customer_number)
             WHERE staged.kind IS NOT NULL
               AND staged.replaced_by IS NOT NULL
               AND customer.state IS DISTINCT FROM 'erased'
               AND (customer.state IS DISTINCT FROM 'merged'
                    OR customer.imported_digest IS DISTINCT FROM staged.digest)";
        self.begin_by_index().await?;
        self.session.batch_execute(SQL).await?;
        self.commit().await?;
        self.session
            .batch_execute("CREATE INDEX ON replaced (row_no); ANALYZE replaced")
            .await?;
        const COUNT: &str = "SELECT count(*) FROM replaced";
        let count: i64 = self.session.query_one(COUNT, &[]).await?.try_get(0)?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// The next of them after `after`, in the order of the file.
    pub async fn replaced(&self, after: i64) -> Result<Vec<Successor>, StoreError> {
        const SQL: &str = "
            SELECT row_no, legal_entity, customer_number, replaced_by, customer_id,
                   email_canonical
              FROM replaced
             WHERE row_no > $1
             ORDER BY row_no
             LIMIT $2";
        let rows = self.session.query(SQL, &[&after, &ROWS]).await?;
        rows.iter()
            .map(|row| {
                Ok(Successor {
                    row_no: row.try_get(0)?,
                    legal_entity: LegalEntity::parse(row.try_get(1)?)
                        .ok_or(StoreError::Corrupt("staged.legal_entity"))?,
                    number: row.try_get(2)?,
                    replaced_by: row.try_get(3)?,
                    proposed_id: row.try_get(4)?,
                    email: row.try_get(5)?,
                })
            })
            .collect()
    }

    /// Merges the customers of `rows`, all of one legal entity, into those that
    /// have replaced them, and moves their links, in one transaction.
    pub async fn replace(
        &self,
        legal_entity: &LegalEntity,
        rows: &[Successor],
        import_id: Uuid,
        now: OffsetDateTime,
    ) -> Result<Replacements, StoreError> {
        self.begin_by_index().await?;
        let mut family = self.family(legal_entity, rows).await?;
        let mut done = Replacements::default();
        let (mut new, mut known, mut ruled) = (Merges::default(), Merges::default(), Vec::new());
        let (mut clashes, mut settled) = (Vec::new(), Vec::new());
        for row in rows {
            let placement = family.place(row);
            if !matches!(placement, Placement::Waiting) {
                settled.push(row.row_no);
            }
            match placement {
                Placement::Waiting => done.waiting += 1,
                Placement::Clash(customer) => clashes.push((row, customer)),
                Placement::Impossible(reason) => done.unplaced.push(Unplaced {
                    row_no: row.row_no,
                    number: row.number.clone(),
                    reason,
                }),
                Placement::Ruled => ruled.push(row.row_no),
                Placement::Under(survivor) => {
                    let (id, is_new) = family.merge(row, survivor);
                    let merges = if is_new { &mut new } else { &mut known };
                    merges.add(row.row_no, id, survivor);
                    done.replaced += 1;
                }
            }
        }
        self.insert_merged(legal_entity, &new, import_id, now)
            .await?;
        self.update_merged(legal_entity, &known, import_id, now)
            .await?;
        self.note_ruled(legal_entity, &ruled).await?;
        done.withheld = self
            .review_clashes(legal_entity, &clashes, import_id, now)
            .await?;
        done.for_review += done.withheld;
        let moving = Moving {
            legal_entity,
            family: &family,
            import_id,
            now,
        };
        self.move_links(&moving, &known, &mut done).await?;
        self.leave_waiting(&settled).await?;
        self.commit().await?;
        Ok(done)
    }

    /// Takes out what was settled: what is left waits for its survivor.
    async fn leave_waiting(&self, settled: &[i64]) -> Result<(), StoreError> {
        const SQL: &str = "DELETE FROM replaced WHERE row_no = ANY($1)";
        self.session.execute(SQL, &[&settled]).await?;
        Ok(())
    }

    async fn review_clashes(
        &self,
        legal_entity: &LegalEntity,
        clashes: &[(&Successor, Uuid)],
        import_id: Uuid,
        now: OffsetDateTime,
    ) -> Result<u64, StoreError> {
        const SQL: &str = "
            INSERT INTO import_review
                        (legal_entity, customer_number, reason, customer_id, import_id, line,
                         opened_at, seen_at)
                 SELECT $1, number, 'number_of_sign_up', customer_id, $5, line, $6, $6
                   FROM unnest($2::text[], $3::uuid[], $4::bigint[])
                     AS clash (number, customer_id, line)
            ON CONFLICT (legal_entity, customer_number, reason) DO UPDATE
                    SET customer_id = excluded.customer_id,
                        import_id = excluded.import_id,
                        line = excluded.line,
                        opened_at = CASE WHEN import_review.closed_at IS NULL
                            THEN import_review.opened_at ELSE excluded.opened_at END,
                        seen_at = excluded.seen_at,
                        closed_at = NULL";
        if clashes.is_empty() {
            return Ok(0);
        }
        let numbers: Vec<&str> = clashes.iter().map(|(row, _)| row.number.as_str()).collect();
        let customers: Vec<Uuid> = clashes.iter().map(|(_, customer)| *customer).collect();
        let lines: Vec<i64> = clashes
            .iter()
            .map(|(row, _)| i64::try_from(line_of(row.row_no)).unwrap_or_default())
            .collect();
        self.session
            .execute(
                SQL,
                &[
                    &legal_entity.as_str(),
                    &numbers,
                    &customers,
                    &lines,
                    &import_id,
                    &now,
                ],
            )
            .await
    }

    /// Locks the customers in one order, then reads on along their merges.
    async fn family(
        &self,
        legal_entity: &LegalEntity,
        rows: &[Successor],
    ) -> Result<Family, StoreError> {
        const LOCK: &str = "
            SELECT 1
              FROM customer
             WHERE legal_entity = $1
               AND customer_number = ANY($2)
             ORDER BY customer_id
               FOR NO KEY UPDATE";
        const READ: &str = "
            SELECT customer_id, customer_number, state, imported_state, merged_into,
                   origin = 'sign_up' AND imported_digest IS NULL AS is_nobodys,
                   email_canonical
              FROM customer
             WHERE legal_entity = $1
               AND customer_number = ANY($2)
             UNION
            SELECT customer_id, customer_number, state, imported_state, merged_into,
                   origin = 'sign_up' AND imported_digest IS NULL AS is_nobodys,
                   email_canonical
              FROM customer
             WHERE legal_entity = $1
               AND customer_id = ANY($3)";
        let mut numbers: Vec<&str> = rows
            .iter()
            .flat_map(|row| [row.number.as_str(), row.replaced_by.as_str()])
            .collect();
        let code = legal_entity.as_str();
        self.session.query(LOCK, &[&code, &numbers]).await?;
        let mut family = Family::default();
        let mut ids: Vec<Uuid> = Vec::new();
        for _ in 0..=LONGEST_CHAIN {
            let found = self.session.query(READ, &[&code, &numbers, &ids]).await?;
            for row in &found {
                family.add(
                    row.try_get(0)?,
                    Node {
                        number: row.try_get(1)?,
                        state: row.try_get(2)?,
                        imported_state: row.try_get(3)?,
                        merged_into: row.try_get(4)?,
                        signed_up_with: match row.try_get(5)? {
                            true => Some(row.try_get(6)?),
                            false => None,
                        },
                    },
                );
            }
            numbers.clear();
            let further: BTreeSet<Uuid> = family
                .nodes
                .values()
                .filter_map(|node| node.merged_into)
                .filter(|id| !family.nodes.contains_key(id))
                .collect();
            if further.is_empty() {
                break;
            }
            ids = further.into_iter().collect();
        }
        Ok(family)
    }

    async fn insert_merged(
        &self,
        legal_entity: &LegalEntity,
        merges: &Merges,
        import_id: Uuid,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        const SQL: &str = "
            INSERT INTO customer
                        (legal_entity, customer_id, customer_number, kind, is_b2b, name,
                         email_original, email_canonical, email_version, email_origin,
                         state, merged_into, origin, created_at, changed_at,
                         imported_digest, imported_state, import_id, source_changed_at)
                 SELECT $1, customer_id, customer_number, kind, is_b2b, name,
                        email_original, email_canonical,
                        CASE WHEN email_canonical IS NOT NULL THEN $6::smallint END,
                        CASE WHEN email_original IS NOT NULL THEN 'imported' END,
                        'merged', merge.survivor, 'import', $5, $5,
                        digest, 'merged', $4, source_changed_at
                   FROM replaced
                   JOIN unnest($2::bigint[], $3::uuid[]) AS merge (row_no, survivor)
                  USING (row_no)";
        if merges.row_nos.is_empty() {
            return Ok(());
        }
        self.session
            .execute(
                SQL,
                &[
                    &legal_entity.as_str(),
                    &merges.row_nos,
                    &merges.survivors,
                    &import_id,
                    &now,
                    &CANONICAL_VERSION,
                ],
            )
            .await?;
        Ok(())
    }

    async fn update_merged(
        &self,
        legal_entity: &LegalEntity,
        merges: &Merges,
        import_id: Uuid,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        const SQL: &str = concat!(
            "
            UPDATE customer
               SET state = 'merged', state_before_gone = NULL, merged_into = merge.survivor,
                   kind = replaced.kind, is_b2b = replaced.is_b2b, name = replaced.name,
                   ",
            address_after!("replaced"),
            ",
                   imported_digest = replaced.digest, imported_state = 'merged',
                   import_id = $4, changed_at = $5,
                   source_changed_at = replaced.source_changed_at
              FROM replaced
              JOIN unnest($2::bigint[], $3::uuid[]) AS merge (row_no, survivor) USING (row_no)
             WHERE customer.legal_entity = $1
               AND customer.customer_number = replaced.customer_number
               AND replaced.legal_entity = $1"
        );
        if merges.row_nos.is_empty() {
            return Ok(());
        }
        self.session
            .execute(
                SQL,
                &[
                    &legal_entity.as_str(),
                    &merges.row_nos,
                    &merges.survivors,
                    &import_id,
                    &now,
                    &CANONICAL_VERSION,
                ],
            )
            .await?;
        Ok(())
    }

    /// So that the same row says nothing new the next time.
    async fn note_ruled(
        &self,
        legal_entity: &LegalEntity,
        row_nos: &[i64],
    ) -> Result<(), StoreError> {
        const SQL: &str = "
            UPDATE customer
               SET imported_digest = replaced.digest
              FROM replaced
             WHERE replaced.row_no = ANY($2)
               AND replaced.legal_entity = $1
               AND customer.legal_entity = $1
               AND customer.customer_number = replaced.customer_number";
        if !row_nos.is_empty() {
            self.session
                .execute(SQL, &[&legal_entity.as_str(), &row_nos])
                .await?;
        }
        Ok(())
    }
}

/// What moving links takes to know.
struct Moving<'a> {
    legal_entity: &'a LegalEntity,
    family: &'a Family,
    import_id: Uuid,
    now: OffsetDateTime,
}

/// Links about to move, and those that cannot.
#[derive(Default)]
struct Moves {
    links: Vec<Uuid>,
    targets: Vec<Uuid>,
    told: Many,
    /// By the number of the customer that the link stays with.
    staying: BTreeMap<String, Uuid>,
}

impl Lane {
    async fn move_links(
        &self,
        moving: &Moving<'_>,
        merges: &Merges,
        done: &mut Replacements,
    ) -> Result<(), StoreError> {
        const MOVE: &str = "
            UPDATE identity_link
               SET customer_id = moved.target
              FROM unnest($2::uuid[], $3::uuid[]) AS moved (link_id, target)
             WHERE identity_link.legal_entity = $1
               AND identity_link.link_id = moved.link_id
               AND revoked_at IS NULL";
        let moves = self.plan_moves(moving, merges).await?;
        let code = moving.legal_entity.as_str();
        if !moves.links.is_empty() {
            done.links_moved += self
                .session
                .execute(MOVE, &[&code, &moves.links, &moves.targets])
                .await?;
            let action = "link.moved";
            tell_many(
                &self.session,
                moving.legal_entity,
                action,
                "import",
                moving.now,
                &moves.told,
            )
            .await?;
        }
        done.for_review += self.review_staying(moving, &moves).await?;
        Ok(())
    }

    /// Decides link by link. A site whose customers may have several
    /// identities of one provider gets them; at the others the link stays with
    /// the merged customer, from where it leads to the same number.
    async fn plan_moves(&self, moving: &Moving<'_>, merges: &Merges) -> Result<Moves, StoreError> {
        const LINKS: &str = "
            SELECT link_id, customer_id, issuer, provider,
                   coalesce(rules ->> 'second_identity' = 'add', false) AS may_join
              FROM identity_link
             WHERE legal_entity = $1
               AND customer_id = ANY($2)
               AND revoked_at IS NULL
             ORDER BY link_id
               FOR NO KEY UPDATE";
        // Who was merged into a target before speaks through it.
        const TAKEN: &str = "
            WITH RECURSIVE absorbed AS (
                SELECT customer_id, customer_id AS target
                  FROM unnest($2::uuid[]) AS customer_id
                 UNION
                SELECT merged.customer_id, absorbed.target
                  FROM absorbed
                  JOIN customer AS merged
                    ON merged.legal_entity = $1
                   AND merged.merged_into = absorbed.customer_id)
            SELECT target, issuer, provider
              FROM absorbed
              JOIN identity_link USING (customer_id)
             WHERE legal_entity = $1
               AND customer_id <> ALL($3)
               AND revoked_at IS NULL";
        const LOCK: &str = "
            SELECT 1
              FROM customer
             WHERE legal_entity = $1
               AND customer_id = ANY($2)
             ORDER BY customer_id
               FOR NO KEY UPDATE";
        let mut moves = Moves::default();
        let code = moving.legal_entity.as_str();
        let links = match merges.customers.is_empty() {
            true => Vec::new(),
            false => {
                self.session
                    .query(LINKS, &[&code, &merges.customers])
                    .await?
            }
        };
        if links.is_empty() {
            return Ok(moves);
        }
        let targets: Vec<Uuid> = merges
            .customers
            .iter()
            .filter_map(|old| moving.family.last(*old, None).ok())
            .collect();
        self.session.query(LOCK, &[&code, &targets]).await?;
        let mut taken = BTreeSet::new();
        let here = self
            .session
            .query(TAKEN, &[&code, &targets, &merges.customers])
            .await?;
        for link in here {
            let held: (Uuid, String, String) =
                (link.try_get(0)?, link.try_get(1)?, link.try_get(2)?);
            taken.insert(held);
        }
        for link in &links {
            let (link_id, from): (Uuid, Uuid) = (link.try_get(0)?, link.try_get(1)?);
            let Ok(target) = moving.family.last(from, None) else {
                continue;
            };
            let place = (target, link.try_get(2)?, link.try_get(3)?);
            let number = |id| moving.family.nodes.get(&id).map(|node| &node.number);
            if taken.contains(&place) && !link.try_get::<_, bool>(4)? {
                moves
                    .staying
                    .extend(number(from).map(|number| (number.clone(), target)));
                continue;
            }
            taken.insert(place);
            moves.links.push(link_id);
            moves.targets.push(target);
            let detail = json!({
                "from_customer_id": from,
                "customer_id": target,
                "customer_number": number(target),
                "import_id": moving.import_id,
            });
            moves.told.add(link_id, detail);
        }
        Ok(moves)
    }

    async fn review_staying(&self, moving: &Moving<'_>, moves: &Moves) -> Result<u64, StoreError> {
        const SQL: &str = "
            INSERT INTO import_review
                        (legal_entity, customer_number, reason, customer_id, import_id, line,
                         opened_at, seen_at)
                 SELECT $1, number, 'second_identity', target, $4, 0, $5, $5
                   FROM unnest($2::text[], $3::uuid[]) AS staying (number, target)
            ON CONFLICT (legal_entity, customer_number, reason) DO UPDATE
                    SET customer_id = excluded.customer_id,
                        import_id = excluded.import_id,
                        seen_at = excluded.seen_at,
                        closed_at = NULL";
        if moves.staying.is_empty() {
            return Ok(0);
        }
        let (numbers, targets): (Vec<&String>, Vec<&Uuid>) = moves.staying.iter().unzip();
        self.session
            .execute(
                SQL,
                &[
                    &moving.legal_entity.as_str(),
                    &numbers,
                    &targets,
                    &moving.import_id,
                    &moving.now,
                ],
            )
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn family(merges: &[(&str, Option<&str>, &str)]) -> Family {
        let id = |number: &str| Uuid::from_u128(u128::from(number.as_bytes()[0]));
        let mut family = Family::default();
        for (number, into, state) in merges {
            let node = Node {
                number: (*number).to_owned(),
                state: (*state).to_owned(),
                imported_state: Some((*state).to_owned()),
                merged_into: into.map(id),
                signed_up_with: None,
            };
            family.add(id(number), node);
        }
        family
    }

    fn row(number: &str, replaced_by: &str) -> Successor {
        Successor {
            row_no: 1,
            legal_entity: LegalEntity::parse("USMF").unwrap(),
            number: number.to_owned(),
            email: None,
            replaced_by: replaced_by.to_owned(),
            proposed_id: Uuid::from_u128(999),
        }
    }

    fn said(family: &Family, row: &Successor) -> String {
        match family.place(row) {
            Placement::Under(id) => family.nodes[&id].number.clone(),
            Placement::Ruled => "ruled".to_owned(),
            Placement::Clash(_) => "clash".to_owned(),
            Placement::Waiting => "waiting".to_owned(),
            Placement::Impossible(reason) => reason.to_owned(),
        }
    }

    #[test]
    fn a_replaced_number_goes_under_its_survivor_and_never_in_a_circle() {
        let mut known = family(&[
            ("A", None, "active"),
            ("B", Some("C"), "merged"),
            ("C", None, "active"),
            ("E", None, "erased"),
        ]);
        let cases = [
            ("A", "C", "C"),
            ("A", "B", "B"),
            ("new", "A", "A"),
            ("A", "A", "is replaced by itself"),
            ("A", "X", "waiting"),
            ("E", "A", "is of a customer that was erased"),
            ("C", "B", "would replace itself by way of others"),
            ("A", "E", "is replaced by a customer that was erased"),
        ];
        for (number, replaced_by, expected) in cases {
            assert_eq!(
                said(&known, &row(number, replaced_by)),
                expected,
                "{number}"
            );
        }
        let (id, is_new) = known.merge(&row("new", "B"), known.by_number["B"]);
        assert!(is_new);
        assert_eq!(known.last(id, None), Ok(known.by_number["C"]));
        assert_eq!(
            said(&known, &row("C", "new")),
            "would replace itself by way of others"
        );
    }

    #[test]
    fn what_staff_has_merged_stays_where_staff_has_put_it() {
        let mut known = family(&[("A", Some("B"), "merged"), ("B", None, "active")]);
        let id = known.by_number["A"];
        known.nodes.get_mut(&id).unwrap().imported_state = Some("active".to_owned());
        assert_eq!(said(&known, &row("A", "B")), "ruled");
    }
}
