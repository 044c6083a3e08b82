SELECT customer_id, customer_number, kind, is_b2b, state, email_origin,
       EXISTS (
           SELECT 1
             FROM (SELECT issuer, provider
                     FROM identity_link
                    WHERE identity_link.legal_entity = $1
                      AND identity_link.customer_id = ANY (ARRAY(
                              WITH RECURSIVE absorbed AS (
                                  SELECT customer.customer_id AS id
                                   UNION
                                  SELECT merged.customer_id
                                    FROM absorbed
                                    JOIN customer AS merged
                                      ON merged.legal_entity = $1
                                     AND merged.merged_into = absorbed.id)
                              SELECT id FROM absorbed))
                      AND revoked_at IS NULL
                   OFFSET 0) AS held
            WHERE issuer = $5
              AND provider = $6) AS occupied
  FROM customer
 WHERE legal_entity = $1
   AND email_canonical = $2
   AND email_version = $3
   AND is_b2b = $4
   AND state = 'active'
   AND kind = 'person'
   AND email_origin IN ('imported', 'proven')
 LIMIT 3
