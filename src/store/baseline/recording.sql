\set n :n + 1
\set k :base + :n * 1000 + :client_id
SELECT enabled FROM feature WHERE name = 'automatic-linking';
SELECT link_id, customer_id, identity_link.created_at, last_seen_at,
       customer_number, state, merged_into
  FROM identity_link
  JOIN customer USING (legal_entity, customer_id)
 WHERE legal_entity = :entity
   AND issuer = :issuer
   AND subject = '00000000-0000-4000-8000-' || lpad(:k::bigint::text, 12, '0')
   AND revoked_at IS NULL;
BEGIN ISOLATION LEVEL READ COMMITTED;
INSERT INTO email_slot (legal_entity, email_canonical, touched_at)
     VALUES (:entity, 'newcomer.' || :k::bigint || '@example.org', now())
ON CONFLICT (legal_entity, email_canonical) DO UPDATE
        SET touched_at = excluded.touched_at;
SELECT link_id, customer_id, identity_link.created_at, last_seen_at,
       customer_number, state, merged_into
  FROM identity_link
  JOIN customer USING (legal_entity, customer_id)
 WHERE legal_entity = :entity
   AND issuer = :issuer
   AND subject = '00000000-0000-4000-8000-' || lpad(:k::bigint::text, 12, '0')
   AND revoked_at IS NULL;
CANDIDATES;
SELECT 1
  FROM import_gate
 WHERE legal_entity = :entity
 ORDER BY lane
   FOR SHARE;
CANDIDATES;
SELECT nextval(quote_ident('customer_number_' || :entity)::regclass) AS drawn \gset
SELECT number_prefix || lpad(:drawn::text, greatest(number_width, length(:drawn::text)), '0') AS number
  FROM legal_entity
 WHERE legal_entity = :entity \gset
INSERT INTO customer
            (legal_entity, customer_id, customer_number, kind, is_b2b, name,
             email_original, email_canonical, email_version, email_origin,
             state, origin, created_at, changed_at)
     VALUES (:entity, ('01900000-0000-7000-8000-' || lpad(:k::bigint::text, 12, '0'))::uuid,
             :number, 'person', false, NULL,
             'newcomer.' || :k::bigint || '@example.org',
             'newcomer.' || :k::bigint || '@example.org', 1, 'proven',
             'active', 'sign_up', now(), now());
INSERT INTO audit
            (legal_entity, audit_id, subject_id, action, at, actor, detail)
     VALUES (:entity, ('01900000-0000-7000-8001-' || lpad(:k::bigint::text, 12, '0'))::uuid,
             ('01900000-0000-7000-8000-' || lpad(:k::bigint::text, 12, '0'))::uuid,
             'customer.created', now(), 'idlink',
             '{"site": "pgbench", "customer_id": "01900000-0000-7000-8000-000000000000", "customer_number": "P000000000"}')
ON CONFLICT DO NOTHING;
INSERT INTO outbox
            (legal_entity, event_id, aggregate_id, version, event_type, payload,
             occurred_at, next_attempt_at)
     SELECT :entity, ('01900000-0000-7000-8002-' || lpad(:k::bigint::text, 12, '0'))::uuid,
            ('01900000-0000-7000-8000-' || lpad(:k::bigint::text, 12, '0'))::uuid,
            coalesce(max(version), 0) + 1, 'customer.created',
            '{"site": "pgbench", "customer_id": "01900000-0000-7000-8000-000000000000", "customer_number": "P000000000"}',
            now(), now()
       FROM outbox
      WHERE legal_entity = :entity
        AND aggregate_id = ('01900000-0000-7000-8000-' || lpad(:k::bigint::text, 12, '0'))::uuid
ON CONFLICT (legal_entity, event_id) DO NOTHING;
INSERT INTO identity_link
            (legal_entity, link_id, issuer, subject, provider, customer_id, site,
             recorded_via, basis, email_canonical, rules, created_at, last_seen_at)
     VALUES (:entity, ('01900000-0000-7000-8003-' || lpad(:k::bigint::text, 12, '0'))::uuid,
             :issuer, '00000000-0000-4000-8000-' || lpad(:k::bigint::text, 12, '0'), :provider,
             ('01900000-0000-7000-8000-' || lpad(:k::bigint::text, 12, '0'))::uuid, 'pgbench',
             'PreTokenIssuance', 'created', 'newcomer.' || :k::bigint || '@example.org',
             '{"customer_type": "b2c", "unverified_email": "refuse", "customer_email": "any", "second_identity": "refuse", "feed_max_age_minutes": null}',
             now(), now())
ON CONFLICT (legal_entity, issuer, subject) WHERE revoked_at IS NULL DO UPDATE
        SET last_seen_at = excluded.last_seen_at
  RETURNING link_id;
INSERT INTO audit
            (legal_entity, audit_id, subject_id, action, at, actor, detail)
     VALUES (:entity, ('01900000-0000-7000-8004-' || lpad(:k::bigint::text, 12, '0'))::uuid,
             ('01900000-0000-7000-8003-' || lpad(:k::bigint::text, 12, '0'))::uuid,
             'link.created', now(), 'idlink',
             '{"site": "pgbench", "customer_id": "01900000-0000-7000-8000-000000000000", "customer_number": "P000000000", "issuer": "https://bench.b2clogin.com/v2.0/", "subject": "00000000-0000-4000-8000-000000000000", "provider": "google.com", "basis": "created"}')
ON CONFLICT DO NOTHING;
INSERT INTO outbox
            (legal_entity, event_id, aggregate_id, version, event_type, payload,
             occurred_at, next_attempt_at)
     SELECT :entity, ('01900000-0000-7000-8005-' || lpad(:k::bigint::text, 12, '0'))::uuid,
            ('01900000-0000-7000-8003-' || lpad(:k::bigint::text, 12, '0'))::uuid,
            coalesce(max(version), 0) + 1, 'link.created',
            '{"site": "pgbench", "customer_id": "01900000-0000-7000-8000-000000000000", "customer_number": "P000000000", "issuer": "https://bench.b2clogin.com/v2.0/", "subject": "00000000-0000-4000-8000-000000000000", "provider": "google.com", "basis": "created"}',
            now(), now()
       FROM outbox
      WHERE legal_entity = :entity
        AND aggregate_id = ('01900000-0000-7000-8003-' || lpad(:k::bigint::text, 12, '0'))::uuid
ON CONFLICT (legal_entity, event_id) DO NOTHING;
COMMIT;
