-- Epochs of the history, oldest first. A restored database has those of its backup.
CREATE TABLE epochs (
    ordinal INTEGER NOT NULL,
    epoch   INTEGER NOT NULL,
    CONSTRAINT epochs_pk PRIMARY KEY (ordinal),
    CONSTRAINT epochs_epoch_once UNIQUE (epoch)
) STRICT;

INSERT INTO epochs (ordinal, epoch) SELECT 1, epoch FROM server;

-- Position of the head of a user at the beginning of an epoch that has ended. A user without a change
-- in an epoch has no row for it. The present epoch is in users.
CREATE TABLE history_starts (
    user_id BLOB    NOT NULL,
    epoch   INTEGER NOT NULL,
    start   INTEGER NOT NULL,
    CONSTRAINT history_starts_pk PRIMARY KEY (user_id, epoch),
    CONSTRAINT history_starts_user_fk FOREIGN KEY (user_id) REFERENCES users (user_id)
) STRICT, WITHOUT ROWID;
