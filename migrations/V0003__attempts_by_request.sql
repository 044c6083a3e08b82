-- A later step of a sign-up finds what an earlier one was told by the id that
-- the platform gives to both.
CREATE INDEX attempt_by_request ON sign_up_attempt (legal_entity, request_id)
    WHERE request_id IS NOT NULL;
