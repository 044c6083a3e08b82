ALTER TABLE customer
    DROP CONSTRAINT customer_email_origin_check,
    -- 'wrong': staff found that the address is not the customer's. It stays, so
    -- that an import which brings it again brings no news, and matches nobody.
    ADD CONSTRAINT customer_email_origin_check
        CHECK (email_origin IN ('imported', 'typed', 'proven', 'wrong'));

-- Who was merged into a customer speaks through it, and so do their links.
CREATE INDEX customer_by_survivor ON customer (legal_entity, merged_into)
    WHERE merged_into IS NOT NULL;

-- What staff decided about the customers of one address, and what it changed,
-- so that it can be undone.
CREATE TABLE duplicate_decision (
    legal_entity    text COLLATE "C" NOT NULL REFERENCES legal_entity,
    decision_id     uuid NOT NULL,
    email_canonical text COLLATE "C" NOT NULL,
    decided_at      timestamptz NOT NULL,
    decided_by      text NOT NULL,
    undone_at       timestamptz,
    undone_by       text,
    PRIMARY KEY (legal_entity, decision_id),
    CHECK ((undone_at IS NULL) = (undone_by IS NULL))
);

CREATE TABLE duplicate_decision_customer (
    legal_entity        text COLLATE "C" NOT NULL,
    decision_id         uuid NOT NULL,
    customer_id         uuid NOT NULL,
    verdict             text NOT NULL CHECK (verdict IN ('keep', 'merge', 'address_wrong')),
    survivor_id         uuid,
    email_origin_before text NOT NULL,
    PRIMARY KEY (legal_entity, decision_id, customer_id),
    FOREIGN KEY (legal_entity, decision_id)
        REFERENCES duplicate_decision (legal_entity, decision_id),
    FOREIGN KEY (legal_entity, customer_id) REFERENCES customer (legal_entity, customer_id),
    FOREIGN KEY (legal_entity, survivor_id) REFERENCES customer (legal_entity, customer_id),
    CHECK ((verdict = 'merge') = (survivor_id IS NOT NULL))
);

CREATE TABLE duplicate_decision_link (
    legal_entity text COLLATE "C" NOT NULL,
    decision_id  uuid NOT NULL,
    link_id      uuid NOT NULL,
    moved_from   uuid NOT NULL,
    moved_to     uuid NOT NULL,
    PRIMARY KEY (legal_entity, decision_id, link_id),
    FOREIGN KEY (legal_entity, decision_id)
        REFERENCES duplicate_decision (legal_entity, decision_id),
    FOREIGN KEY (legal_entity, link_id) REFERENCES identity_link (legal_entity, link_id)
);

-- What staff made of a question that an import had left open.
ALTER TABLE import_review
    ADD COLUMN resolution text
        CHECK (resolution IN ('keep_separate', 'merge', 'address_wrong')),
    ADD COLUMN resolved_by text,
    -- The customer in whose respect it was settled: beside that one, and no
    -- other, the next import lets the row in.
    ADD COLUMN settled_with uuid;
