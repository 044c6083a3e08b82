-- An attempt is written for each question and is evidence whatever becomes of
-- the rest. Looking its legal entity up, and locking that row, each time costs
-- more than an index and tells nobody anything: the settings have named it.
ALTER TABLE sign_up_attempt DROP CONSTRAINT sign_up_attempt_legal_entity_fkey;
