-- One run of a command for one legal entity. Files, names and addresses are
-- nowhere in it.
CREATE TABLE import (
    legal_entity text COLLATE "C" NOT NULL REFERENCES legal_entity,
    import_id    uuid NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('customers', 'links')),
    feed         text NOT NULL CHECK (feed IN ('full', 'delta')),
    state        text NOT NULL
                 CHECK (state IN ('running', 'completed', 'failed', 'interrupted')),
    actor        text NOT NULL,
    started_at   timestamptz NOT NULL,
    finished_at  timestamptz,
    -- As of when the source says that the file is.
    source_time  timestamptz,
    -- SHA-256 over all files of the run, once they are read.
    file_digest  bytea,
    file_bytes   bigint,
    -- Of all legal entities in the files: an unreadable row may be anybody's.
    rejected     bigint NOT NULL DEFAULT 0,
    rows_read    bigint NOT NULL DEFAULT 0,
    added        bigint NOT NULL DEFAULT 0,
    changed      bigint NOT NULL DEFAULT 0,
    unchanged    bigint NOT NULL DEFAULT 0,
    superseded   bigint NOT NULL DEFAULT 0,
    for_review   bigint NOT NULL DEFAULT 0,
    gone         bigint NOT NULL DEFAULT 0,
    returned     bigint NOT NULL DEFAULT 0,
    replaced     bigint NOT NULL DEFAULT 0,
    links_moved  bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (legal_entity, import_id),
    CHECK ((state = 'running') = (finished_at IS NULL))
);

CREATE INDEX import_by_start ON import (legal_entity, started_at);

-- When the customers of a legal entity last came in completely.
CREATE TABLE feed_watermark (
    legal_entity text COLLATE "C" PRIMARY KEY REFERENCES legal_entity,
    import_id    uuid NOT NULL,
    completed_at timestamptz NOT NULL,
    -- The latest that a completed feed has given; none where the last one gave none.
    source_time  timestamptz,
    FOREIGN KEY (legal_entity, import_id) REFERENCES import (legal_entity, import_id)
);

-- Where an import and a sign-up that creates a customer meet: the sign-up takes
-- all lanes FOR SHARE, a chunk of an import one lane FOR UPDATE, so that chunks
-- exclude sign-ups and not each other.
CREATE TABLE import_gate (
    legal_entity text COLLATE "C" NOT NULL REFERENCES legal_entity,
    lane         smallint NOT NULL CHECK (lane IN (0, 1)),
    PRIMARY KEY (legal_entity, lane)
);

CREATE FUNCTION open_import_gate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO import_gate (legal_entity, lane)
         VALUES (NEW.legal_entity, 0), (NEW.legal_entity, 1)
    ON CONFLICT DO NOTHING;
    RETURN NEW;
END
$$;

CREATE TRIGGER legal_entity_has_a_gate AFTER INSERT ON legal_entity
    FOR EACH ROW EXECUTE FUNCTION open_import_gate();

INSERT INTO import_gate (legal_entity, lane)
     SELECT legal_entity, lane FROM legal_entity CROSS JOIN (VALUES (0), (1)) AS lanes (lane);

-- What an import found and does not settle by itself. One open entry for a
-- customer number and reason, whatever number of files say it again.
CREATE TABLE import_review (
    legal_entity    text COLLATE "C" NOT NULL REFERENCES legal_entity,
    customer_number text NOT NULL,
    reason          text NOT NULL
                    CHECK (reason IN ('address_of_sign_up', 'number_of_sign_up',
                                      'proven_address_differs', 'second_identity')),
    -- The customer that stands in the way.
    customer_id     uuid,
    import_id       uuid NOT NULL,
    line            bigint NOT NULL,
    opened_at       timestamptz NOT NULL,
    seen_at         timestamptz NOT NULL,
    closed_at       timestamptz,
    PRIMARY KEY (legal_entity, customer_number, reason)
);

CREATE INDEX import_review_open ON import_review (legal_entity, opened_at)
    WHERE closed_at IS NULL;

ALTER TABLE customer
    -- What the last import read of it: a row with the same digest says nothing new.
    ADD COLUMN imported_digest bytea,
    -- The state that the file gave it. Another one than `state`: staff ruled since.
    ADD COLUMN imported_state text
        CHECK (imported_state IN ('active', 'pending', 'blocked', 'merged')),
    -- The import that wrote it last.
    ADD COLUMN import_id uuid,
    -- When the source last changed it, by its own account.
    ADD COLUMN source_changed_at timestamptz,
    -- What it was before a full feed came without it.
    ADD COLUMN state_before_gone text
        CHECK (state_before_gone IN ('active', 'pending', 'blocked')),
    DROP CONSTRAINT customer_state_check,
    ADD CONSTRAINT customer_state_check
        CHECK (state IN ('active', 'pending', 'blocked', 'gone', 'merged', 'erased')),
    ADD CONSTRAINT customer_gone_check
        CHECK ((state = 'gone') = (state_before_gone IS NOT NULL)),
    -- An address that cannot be compared is kept as it was given.
    DROP CONSTRAINT customer_check,
    ADD CONSTRAINT customer_email_check
        CHECK (num_nulls(email_original, email_origin) IN (0, 2)
           AND num_nulls(email_canonical, email_version) IN (0, 2)
           AND (email_canonical IS NULL OR email_original IS NOT NULL));

ALTER TABLE identity_link
    DROP CONSTRAINT identity_link_basis_check,
    ADD CONSTRAINT identity_link_basis_check
        CHECK (basis IN ('matched', 'created', 'separate', 'imported'));

-- The first customers of all: loaded into a table apart, indexed, and put in the
-- place of the empty one, which takes half the time of filling indexes row by
-- row. Whoever asks meanwhile asks the empty table and waits for nothing. A load
-- that dies leaves a table that nobody reads and the next import drops.
--
-- Not where the table is more than a plain table of ours that nothing but our
-- own foreign keys hangs on.
CREATE FUNCTION begin_first_load() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    is_plain boolean;
BEGIN
    -- Released by end_first_load, or with the session.
    IF NOT pg_try_advisory_lock(7316295142) THEN
        RETURN false;
    END IF;
    DROP TABLE IF EXISTS customer_first_load;
    -- The new table belongs to whoever makes it, where he makes tables. Every
    -- oid says whose it is: these catalogs have one of their own.
    SELECT relkind = 'r' AND relpersistence = 'p' AND NOT relispartition AND relacl IS NULL
           AND pg_get_userbyid(relowner) = current_user
           AND relnamespace = current_schema()::regnamespace
           AND has_schema_privilege(relnamespace, 'CREATE')
           AND reloptions IS NULL AND reltablespace = 0 AND relreplident = 'd'
           AND NOT relrowsecurity AND NOT relhasrules
           AND NOT EXISTS (SELECT FROM pg_attribute
                            WHERE attrelid = pg_class.oid AND attacl IS NOT NULL)
           AND NOT EXISTS (SELECT FROM pg_trigger
                            WHERE tgrelid = pg_class.oid AND NOT tgisinternal)
           AND NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = pg_class.oid)
           AND NOT EXISTS (SELECT FROM pg_statistic_ext WHERE stxrelid = pg_class.oid)
           AND NOT EXISTS (SELECT FROM pg_inherits WHERE inhparent = pg_class.oid)
           AND NOT EXISTS (SELECT FROM pg_publication_rel WHERE prrelid = pg_class.oid)
           AND NOT EXISTS (SELECT FROM pg_publication WHERE puballtables)
           -- Views, and functions whose bodies name the table.
           AND NOT EXISTS (SELECT FROM pg_depend
                            WHERE classid IN ('pg_rewrite'::regclass, 'pg_proc'::regclass)
                              AND refclassid = 'pg_class'::regclass
                              AND refobjid = pg_class.oid)
           AND NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'citus')
           AND NOT EXISTS (SELECT FROM pg_constraint
                             JOIN pg_class AS other ON other.oid = conrelid
                            WHERE confrelid = pg_class.oid AND contype = 'f'
                              AND NOT pg_has_role(other.relowner, 'USAGE'))
      INTO is_plain
      FROM pg_class
     WHERE oid = 'customer'::regclass;
    IF NOT is_plain OR EXISTS (SELECT FROM customer) THEN
        PERFORM pg_advisory_unlock(7316295142);
        RETURN false;
    END IF;
    CREATE TABLE customer_first_load
        (LIKE customer INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE);
    RETURN true;
END
$$;

-- Builds the index that will be called so.
CREATE FUNCTION index_first_load(name text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    index record;
BEGIN
    SELECT pg_get_indexdef(indexrelid) AS definition, indisunique AS is_unique
      INTO STRICT index
      FROM pg_index
     WHERE indrelid = 'customer'::regclass AND indexrelid = name::regclass;
    EXECUTE format('CREATE %s INDEX %I ON customer_first_load %s',
                   CASE WHEN index.is_unique THEN 'UNIQUE' ELSE '' END,
                   name || '_first',
                   substr(index.definition, strpos(index.definition, ' USING ')));
END
$$;

-- Gives the loaded table the constraints of the other. Foreign keys are believed
-- first and looked at by check_first_load, so that nobody is locked out meanwhile.
CREATE FUNCTION constrain_first_load() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    found record;
BEGIN
    FOR found IN SELECT conname, contype, pg_get_constraintdef(oid) AS definition
                   FROM pg_constraint
                  WHERE conrelid = 'customer'::regclass AND contype IN ('p', 'u', 'f')
                  ORDER BY contype = 'f'
    LOOP
        IF found.contype = 'f' THEN
            EXECUTE format('ALTER TABLE customer_first_load ADD CONSTRAINT %I %s NOT VALID',
                           found.conname || '_first',
                           replace(found.definition, 'REFERENCES customer(',
                                   'REFERENCES customer_first_load('));
        ELSE
            EXECUTE format('ALTER TABLE customer_first_load ADD CONSTRAINT %I %s USING INDEX %I',
                           found.conname || '_first',
                           CASE found.contype WHEN 'p' THEN 'PRIMARY KEY' ELSE 'UNIQUE' END,
                           found.conname || '_first');
        END IF;
    END LOOP;
END
$$;

CREATE FUNCTION check_first_load() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT conname FROM pg_constraint
                 WHERE conrelid = 'customer_first_load'::regclass AND NOT convalidated
    LOOP
        EXECUTE format('ALTER TABLE customer_first_load VALIDATE CONSTRAINT %I', name);
    END LOOP;
END
$$;

-- Puts the loaded table in the place of the empty one. False: it is empty no more.
CREATE FUNCTION end_first_load() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    incoming record;
    name text;
    definitions text[] := '{}';
    definition text;
BEGIN
    LOCK TABLE customer IN ACCESS EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM customer) THEN
        RETURN false;
    END IF;
    FOR incoming IN SELECT conrelid::regclass AS of, conname, pg_get_constraintdef(oid) AS definition
                      FROM pg_constraint
                     WHERE confrelid = 'customer'::regclass AND contype = 'f'
                       AND conrelid <> 'customer'::regclass
    LOOP
        definitions := definitions || format('ALTER TABLE %s ADD CONSTRAINT %I %s',
                                             incoming.of, incoming.conname, incoming.definition);
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', incoming.of, incoming.conname);
    END LOOP;
    DROP TABLE customer;
    ALTER TABLE customer_first_load RENAME TO customer;
    FOR name IN SELECT indexrelid::regclass::text FROM pg_index
                 WHERE indrelid = 'customer'::regclass
    LOOP
        EXECUTE format('ALTER INDEX %s RENAME TO %I', name, regexp_replace(name, '_first$', ''));
    END LOOP;
    FOR name IN SELECT conname FROM pg_constraint
                 WHERE conrelid = 'customer'::regclass AND contype = 'f'
    LOOP
        EXECUTE format('ALTER TABLE customer RENAME CONSTRAINT %I TO %I', name,
                       regexp_replace(name, '_first$', ''));
    END LOOP;
    FOREACH definition IN ARRAY definitions LOOP
        EXECUTE definition;
    END LOOP;
    RETURN true;
END
$$;
