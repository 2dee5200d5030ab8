#!/bin/sh
# Makes the two roles of Kanso in a PostgreSQL database: `kanso_owner` owns the tables and migrates them,
# `kanso_server` reads and changes rows. Neither is a superuser.
#
# The image of PostgreSQL runs this file when it makes a database. Run it by hand for a database of
# release 0.1.0, whose tables then get the new owner:
#
#     docker compose exec postgres sh /docker-entrypoint-initdb.d/roles.sh
#
# POSTGRES_USER is a superuser, and POSTGRES_DB the database. The passwords are files in KANSO_SECRETS.
set -eu
secrets=${KANSO_SECRETS:-/run/secrets}
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    --set owner_password="$(cat "$secrets/owner-password")" \
    --set server_password="$(cat "$secrets/server-password")" <<'END'
SELECT format('CREATE ROLE %I LOGIN', name)
FROM unnest(ARRAY['kanso_owner', 'kanso_server']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) \gexec
ALTER ROLE kanso_owner PASSWORD :'owner_password';
ALTER ROLE kanso_server PASSWORD :'server_password';

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO kanso_owner;
GRANT USAGE ON SCHEMA public TO kanso_server;

SELECT format('ALTER TABLE public.%I OWNER TO kanso_owner', tablename)
FROM pg_tables
WHERE schemaname = 'public' AND tableowner <> 'kanso_owner' \gexec

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO kanso_server;
ALTER DEFAULT PRIVILEGES FOR ROLE kanso_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO kanso_server;
END
