-- The oldest release whose servers may still be running on this database. While the row is there,
-- newer servers write the stored formats of that release. `kanso-server migrate --finish` removes
-- it. Only a database that a server of 0.1.0 had opened gets the row: that release made no V2.
CREATE TABLE mixed_phase (
    id            BIGINT NOT NULL,
    oldest_server TEXT   NOT NULL,
    CONSTRAINT mixed_phase_pk PRIMARY KEY (id),
    CONSTRAINT mixed_phase_is_one_row CHECK (id = 1)
);

INSERT INTO mixed_phase (id, oldest_server)
SELECT 1, '0.1.0'
WHERE EXISTS (SELECT 1 FROM server) OR EXISTS (SELECT 1 FROM users);
