-- Proof of the server that this device has logged in, for the next log-in. It stays after a log-out.
ALTER TABLE replica ADD COLUMN device_proof TEXT;
-- Sent with each refresh: only the replica that used a refresh token first may repeat its use. NULL until
-- the next refresh draws it.
ALTER TABLE replica ADD COLUMN refresh_nonce TEXT;
