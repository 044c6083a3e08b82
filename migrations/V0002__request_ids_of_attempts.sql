-- What the request is called in the log and in what the platform was told: the
-- platform's own correlation id where it sends one. Older attempts have none.
ALTER TABLE sign_up_attempt ADD COLUMN request_id uuid;
