#!/bin/sh
# Makes the secrets of docker-compose.yml in deploy/secrets, or in the folder that is named. What is there stays as it is:
# a password that changed would not fit the data any more.
#
# The folder is closed to everybody else. The files in it can be read by all, because Compose mounts them as they are and
# each container runs as a user of its own.
set -eu

folder=${1:-$(dirname "$0")/secrets}
umask 077
mkdir -p "$folder"
chmod 700 "$folder"

random() {
  od -An -N32 -tx1 /dev/urandom | tr -d ' \n'
}

# put NAME CONTENT: in one step, so that a file that is there is complete.
put() {
  if [ ! -s "$folder/$1" ]; then
    printf '%s\n' "$2" >"$folder/.$1"
    chmod 444 "$folder/.$1"
    mv "$folder/.$1" "$folder/$1"
  fi
}

put postgres-password "$(random)"
put auth-key-secret "$(random)"
put library-key-secret "$(random)"
put grafana-admin-password "$(random)"

for service in auth library captioning face scene search; do
  put "$service-database-url" "postgresql://ocelli_$service:$(random)@postgres:5432/ocelli_$service"
done

put nats-url "nats://ocelli:$(random)@nats:4222"
password=$(sed 's#.*:\([0-9a-f]*\)@.*#\1#' "$folder/nats-url")
put nats-users "users: [{ user: ocelli, password: \"$password\" }]"

accounts=
for service in library captioning face scene search gateway; do
  put "$service-service-secret" "$(random)"
  accounts="$accounts${accounts:+,}$service:$(cat "$folder/$service-service-secret")"
done
put service-accounts "$accounts"

echo "secrets are in $folder"
