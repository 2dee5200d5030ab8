-- Unused invitations: each makes one account, and its row is deleted with that. Only a hash of the code is
-- stored, so that a copy of the database lets no client in.
CREATE TABLE invitations (
    code_hash            BLOB    NOT NULL,
    created_at           INTEGER NOT NULL,
    expires_at           INTEGER NOT NULL,
    is_for_first_account INTEGER NOT NULL, -- 1 if it is valid only while there is no account
    CONSTRAINT invitations_pk PRIMARY KEY (code_hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX invitations_by_expiry ON invitations (expires_at);
