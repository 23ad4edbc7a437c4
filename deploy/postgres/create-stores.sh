#!/bin/sh
# Runs once, when the data directory of the Postgres container is created: a database for every service, of which that
# service is the owner, and which no other can connect to. Passwords come from the URLs that the services get.
set -eu

for service in auth library captioning face scene search; do
  password=$(sed -n 's#^postgresql://[^:]*:\([^@]*\)@.*#\1#p' "${SECRETS_FOLDER:-/run/secrets}/$service-database-url")
  : "${password:?the URL of $service has no password}"
  psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username=postgres --dbname=postgres \
    --set=name="ocelli_$service" --set=password="$password" <<'SQL'
create role :"name" login password :'password';
create database :"name" owner :"name" template template0 encoding 'UTF8';
revoke all on database :"name" from public;
SQL
done
