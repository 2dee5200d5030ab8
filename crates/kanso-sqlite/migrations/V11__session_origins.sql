-- What a client said about itself, the device that a session ends with, and the nonce of the newest refresh.
ALTER TABLE sessions ADD COLUMN client TEXT;
ALTER TABLE sessions ADD COLUMN device_name TEXT;
ALTER TABLE sessions ADD COLUMN device_id BLOB;
ALTER TABLE sessions ADD COLUMN nonce_hash BLOB;
-- The hash that this session replaced last, until its next refresh: it tells a retry from a wrong password.
ALTER TABLE sessions ADD COLUMN replaced_hash TEXT;
