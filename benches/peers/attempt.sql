INSERT INTO sign_up_attempt
            (legal_entity, attempt_id, attempt_key, is_open, reference, tenant, site, step,
             asked_at, last_asked_at, times_asked, provider, issuer, subject, address,
             email_canonical, decision, refusal, customer_id, found, answer, rules, request_id)
     VALUES ($1, $2, $3, true, $4, $5, $6, $7, $8, $8, 1, $9, NULL, NULL, 'proven', $10, $11,
             $12, $13, $14, $15, $16, NULL)
