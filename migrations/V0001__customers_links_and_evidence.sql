-- Every table that grows carries legal_entity first in its primary key, unique
-- indexes and foreign keys: nothing crosses a legal entity, and the schema can
-- be distributed by it. Times are parameters of the statements, never now().

-- Small and shared: a reference table where the schema is distributed.
CREATE TABLE legal_entity (
    legal_entity  text COLLATE "C" PRIMARY KEY
                  CHECK (legal_entity ~ '^[A-Za-z0-9_-]{1,32}$'),
    number_prefix text NOT NULL DEFAULT 'C',
    number_width  smallint NOT NULL DEFAULT 6 CHECK (number_width BETWEEN 1 AND 18)
);

-- One sequence for each legal entity. Numbers from a sequence are never given
-- twice, not even after an aborted transaction; gaps are the price.
CREATE FUNCTION ensure_legal_entity(code text, prefix text, width smallint) RETURNS void
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO legal_entity (legal_entity, number_prefix, number_width)
         VALUES (code, prefix, width)
    ON CONFLICT (legal_entity) DO UPDATE
            SET number_prefix = excluded.number_prefix,
                number_width = excluded.number_width
          WHERE (legal_entity.number_prefix, legal_entity.number_width)
                IS DISTINCT FROM (excluded.number_prefix, excluded.number_width);
    EXECUTE format('CREATE SEQUENCE IF NOT EXISTS %I', 'customer_number_' || code);
END
$$;

-- Switches of the whole environment, and who turned them.
CREATE TABLE feature (
    name       text PRIMARY KEY,
    enabled    boolean NOT NULL,
    changed_at timestamptz NOT NULL,
    changed_by text NOT NULL
);

CREATE TABLE environment_audit (
    audit_id uuid PRIMARY KEY,
    at       timestamptz NOT NULL,
    actor    text NOT NULL,
    action   text NOT NULL,
    detail   jsonb NOT NULL
);

CREATE TABLE customer (
    legal_entity    text COLLATE "C" NOT NULL REFERENCES legal_entity,
    customer_id     uuid NOT NULL,
    customer_number text NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('person', 'organisation')),
    is_b2b          boolean NOT NULL,
    name            text,
    email_original  text,
    email_canonical text COLLATE "C",
    email_version   smallint,
    email_origin    text CHECK (email_origin IN ('imported', 'typed', 'proven')),
    state           text NOT NULL
                    CHECK (state IN ('active', 'pending', 'blocked', 'merged', 'erased')),
    merged_into     uuid,
    origin          text NOT NULL CHECK (origin IN ('import', 'sign_up', 'staff')),
    created_at      timestamptz NOT NULL,
    changed_at      timestamptz NOT NULL,
    PRIMARY KEY (legal_entity, customer_id),
    UNIQUE (legal_entity, customer_number),
    FOREIGN KEY (legal_entity, merged_into) REFERENCES customer (legal_entity, customer_id),
    CHECK (num_nulls(email_original, email_canonical, email_version, email_origin) IN (0, 4)),
    CHECK (merged_into IS NULL OR state = 'merged')
);

-- Not unique: imports may hold two people of one household, and they stay.
CREATE INDEX customer_by_address ON customer (legal_entity, email_canonical)
    WHERE state = 'active' AND kind = 'person';

-- The service itself never creates two customers for one proven address.
CREATE UNIQUE INDEX customer_signed_up_once ON customer (legal_entity, email_canonical)
    WHERE origin = 'sign_up' AND state = 'active' AND email_origin = 'proven'
      AND kind = 'person' AND NOT is_b2b;

-- A durable, replicated mutex for each address: written before the customers
-- are read, so that two sign-ups of one address come one after the other.
CREATE TABLE email_slot (
    legal_entity    text COLLATE "C" NOT NULL REFERENCES legal_entity,
    email_canonical text COLLATE "C" NOT NULL,
    touched_at      timestamptz NOT NULL,
    PRIMARY KEY (legal_entity, email_canonical)
) WITH (fillfactor = 70);

CREATE TABLE identity_link (
    legal_entity    text COLLATE "C" NOT NULL REFERENCES legal_entity,
    link_id         uuid NOT NULL,
    issuer          text NOT NULL,
    subject         text NOT NULL,
    provider        text NOT NULL,
    customer_id     uuid NOT NULL,
    -- The evidence: where it was recorded, by what, for which address.
    site            text NOT NULL,
    recorded_via    text NOT NULL,
    basis           text NOT NULL CHECK (basis IN ('matched', 'created', 'separate')),
    email_canonical text COLLATE "C",
    rules           jsonb NOT NULL,
    created_at      timestamptz NOT NULL,
    last_seen_at    timestamptz NOT NULL,
    revoked_at      timestamptz,
    revoked_by      text,
    PRIMARY KEY (legal_entity, link_id),
    FOREIGN KEY (legal_entity, customer_id) REFERENCES customer (legal_entity, customer_id),
    CHECK ((revoked_at IS NULL) = (revoked_by IS NULL))
);

-- The constraint that decides between two first token exchanges.
CREATE UNIQUE INDEX link_once_per_identity ON identity_link (legal_entity, issuer, subject)
    WHERE revoked_at IS NULL;

CREATE INDEX link_by_customer ON identity_link (legal_entity, customer_id)
    WHERE revoked_at IS NULL;

-- One sign-up as the connector saw it.
CREATE TABLE sign_up_attempt (
    legal_entity    text COLLATE "C" NOT NULL REFERENCES legal_entity,
    attempt_id      uuid NOT NULL,
    -- A digest of what makes two questions the same one.
    attempt_key     bytea NOT NULL,
    -- Set on the one attempt that a repeated question still falls on.
    is_open         boolean NOT NULL,
    reference       text NOT NULL,
    tenant          text NOT NULL,
    site            text NOT NULL,
    step            text NOT NULL,
    asked_at        timestamptz NOT NULL,
    last_asked_at   timestamptz NOT NULL,
    times_asked     integer NOT NULL,
    provider        text NOT NULL,
    issuer          text,
    subject         text,
    address         text NOT NULL
                    CHECK (address IN ('proven', 'claimed', 'not_comparable', 'missing')),
    email_canonical text COLLATE "C",
    decision        text NOT NULL
                    CHECK (decision IN ('not_decided', 'link', 'create', 'separate', 'refuse')),
    refusal         text,
    customer_id     uuid,
    found           integer NOT NULL,
    answer          text NOT NULL CHECK (answer IN ('continue', 'refuse')),
    rules           jsonb NOT NULL,
    PRIMARY KEY (legal_entity, attempt_id),
    CHECK ((decision = 'refuse') = (refusal IS NOT NULL))
);

CREATE UNIQUE INDEX attempt_open ON sign_up_attempt (legal_entity, attempt_key) WHERE is_open;

CREATE INDEX attempt_by_reference ON sign_up_attempt (legal_entity, reference);

-- Who did what. Holds identifiers only: what a person is called and where they
-- are reached is in the customer and goes with it.
CREATE TABLE audit (
    legal_entity text COLLATE "C" NOT NULL REFERENCES legal_entity,
    audit_id     uuid NOT NULL,
    subject_id   uuid NOT NULL,
    action       text NOT NULL,
    at           timestamptz NOT NULL,
    actor        text NOT NULL,
    detail       jsonb NOT NULL,
    PRIMARY KEY (legal_entity, audit_id)
);

-- What happens to a thing once is written once, whoever repeats it.
CREATE UNIQUE INDEX audit_of_beginnings ON audit (legal_entity, subject_id, action)
    WHERE action IN ('customer.created', 'link.created');

-- Events for the outside, written with the change that they tell of.
CREATE TABLE outbox (
    legal_entity    text COLLATE "C" NOT NULL REFERENCES legal_entity,
    event_id        uuid NOT NULL,
    aggregate_id    uuid NOT NULL,
    version         bigint NOT NULL,
    event_type      text NOT NULL,
    payload         jsonb NOT NULL,
    occurred_at     timestamptz NOT NULL,
    attempt         integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL,
    claimed_until   timestamptz,
    delivered_at    timestamptz,
    dead_at         timestamptz,
    PRIMARY KEY (legal_entity, event_id),
    UNIQUE (legal_entity, aggregate_id, version)
);

CREATE INDEX outbox_due ON outbox (legal_entity, next_attempt_at)
    WHERE delivered_at IS NULL AND dead_at IS NULL;
