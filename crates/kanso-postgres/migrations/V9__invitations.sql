-- Unused invitations: each makes one account, and its row is deleted with that. Only a hash of the code is
-- stored, so that a copy of the database lets no client in.
CREATE TABLE invitations (
    code_hash            BYTEA   NOT NULL,
    created_at           BIGINT  NOT NULL,
    expires_at           BIGINT  NOT NULL,
    is_for_first_account BOOLEAN NOT NULL, -- valid only while there is no account
    CONSTRAINT invitations_pk PRIMARY KEY (code_hash)
);
CREATE INDEX invitations_by_expiry ON invitations (expires_at);
