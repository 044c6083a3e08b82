//! Who wins where a file and somebody else say different things, in SQL. Said
//! once: a preview, a chunk and a merge must not come to mean different things.

/// What becomes of the state of `customer` when the row called so says another
/// one. Without a customer it is null.
macro_rules! state_after {
    ($row:literal) => {
        concat!(
            "CASE WHEN ",
            $row,
            ".state = customer.imported_state
                  THEN coalesce(customer.state_before_gone, customer.state)
                  WHEN ",
            $row,
            ".state = 'blocked'
                   AND coalesce(customer.state_before_gone, customer.state)
                       IN ('active', 'pending')
                  THEN 'blocked'
                  WHEN coalesce(customer.state_before_gone, customer.state)
                       = customer.imported_state
                  THEN ",
            $row,
            ".state
                  ELSE coalesce(customer.state_before_gone, customer.state) END"
        )
    };
}

/// The assignments that bring the address of the row called so to `customer`.
/// `$6` is the version of its canonical spelling.
macro_rules! address_after {
    ($row:literal) => {
        concat!(
            "email_original = CASE WHEN customer.email_origin = 'proven'
                   THEN customer.email_original ELSE ",
            $row,
            ".email_original END,
               email_canonical = CASE WHEN customer.email_origin = 'proven'
                   THEN customer.email_canonical ELSE ",
            $row,
            ".email_canonical END,
               email_version = CASE WHEN customer.email_origin = 'proven'
                   THEN customer.email_version
                   WHEN ",
            $row,
            ".email_canonical IS NOT NULL THEN $6::smallint END,
               email_origin = CASE WHEN customer.email_origin = 'proven' THEN 'proven'
                   WHEN customer.email_origin IN ('typed', 'wrong')
                    AND customer.email_canonical = ",
            $row,
            ".email_canonical
                   THEN customer.email_origin
                   WHEN ",
            $row,
            ".email_original IS NOT NULL THEN 'imported' END"
        )
    };
}

/// The staged rows of the legal entity `$1` that are new or say something new,
/// those that `$which` leaves, with the customer that each is about and the one
/// that stands in its way.
macro_rules! rows_that_say_something {
    ($which:literal) => {
        concat!(
            "SELECT said.*,
               other.customer_id AS in_the_way
          FROM (
        SELECT staged.*,
               customer.customer_id AS known,
               customer.state AS was,
               -- What the customer would be found by, and whether it would be.
               CASE WHEN customer.email_origin = 'proven' THEN customer.email_canonical
                    WHEN customer.email_origin = 'typed'
                     AND customer.email_canonical = staged.email_canonical THEN NULL
                    ELSE staged.email_canonical END AS matching,
               coalesce(",
            state_after!("staged"),
            ",
                   staged.state) AS becomes,
               coalesce(customer.origin = 'sign_up'
                        AND customer.imported_digest IS NULL
                        AND customer.email_canonical IS DISTINCT FROM staged.email_canonical,
                        false) AS number_clashes,
               coalesce(customer.email_origin = 'proven'
                        AND customer.email_canonical IS DISTINCT FROM staged.email_canonical,
                        false) AS address_differs
          FROM staged
          LEFT JOIN customer
            ON customer.legal_entity = $1
           AND customer.customer_number = staged.customer_number
         WHERE ",
            $which,
            "
           AND staged.legal_entity = $1
           AND staged.kind IS NOT NULL
           AND customer.state IS DISTINCT FROM 'erased'
           AND (customer.customer_id IS NULL
                OR customer.state = 'gone'
                OR customer.imported_digest IS DISTINCT FROM staged.digest)
               ) AS said
          LEFT JOIN customer AS other
            ON other.legal_entity = $1
           AND other.email_canonical = said.matching
           AND other.origin = 'sign_up'
           AND other.state = 'active'
           AND other.email_origin = 'proven'
           AND other.kind = 'person'
           AND NOT other.is_b2b
           AND other.customer_number <> said.customer_number
           AND said.kind = 'person'
           AND NOT said.is_b2b
           AND said.becomes = 'active'
           AND NOT EXISTS (SELECT 1
                             FROM import_review AS settled
                            WHERE settled.legal_entity = $1
                              AND settled.customer_number = said.customer_number
                              AND settled.reason = 'address_of_sign_up'
                              AND settled.settled_with = other.customer_id
                              -- Settled was what is to become of the file's address.
                              AND said.matching = said.email_canonical)"
        )
    };
}

pub(super) use {address_after, rows_that_say_something, state_after};
