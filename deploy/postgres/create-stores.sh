#!/bin/sh
# Runs once, when the data directory of the Postgres container is created: a database for every service, of which that
# service is the owner, and which no other can connect to. Passwords come from the URLs that the services get.
set -eu

for service in auth library captioning face scene search; do
  password=$(sed -n 's#^postgresql://[^:]*:\([^@]*\)@.*#\1#p' "${SECRETS_FOLDER:-/run/secrets}/$service-database-url")
  : "${password:?the URL of $service has no password}"
  # In the environment, for everybody can read command lines.
  PASSWORD=$password psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username=postgres --dbname=postgres \
    --set=name="ocelli_$service" <<'SQL'
\getenv password PASSWORD
create role :"name" login password :'password';
create database :"name" owner :"name" template template0 encoding 'UTF8';
revoke all on database :"name" from public;
SQL
done

# Only a superuser may create it, which the service is not. Without it search compares vectors itself.
psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username=postgres --dbname=ocelli_search <<'SQL'
select count(*) > 0 as has_vector from pg_available_extensions where name = 'vector' \gset
\if :has_vector
create extension if not exists vector;
\else
\warn 'NOTICE: this server has no pgvector; search does without it'
\endif
SQL
