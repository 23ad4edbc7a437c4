#!/usr/bin/env bash
# Prints every secret that Ocelli needs, with fresh random values, as one manifest:
#
#   k8s/examples/create-secrets.sh ocelli | kubectl apply -f -
#
# Needs bash 4 or later and openssl. Run it once and keep what it prints where your other secrets are: a second run makes
# other keys, and what was encrypted with the first ones can no longer be read. Mail, S3 and OpenID Connect have secrets of
# their own, see docs/kubernetes.md.
set -euo pipefail

namespace=${1:?usage: create-secrets.sh NAMESPACE}

random() { openssl rand -hex 24; }

# secret NAME TYPE KEY=VALUE…
secret() {
  printf -- '---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: %s\n  namespace: %s\ntype: %s\nstringData:\n' \
    "$1" "$namespace" "$2"
  for pair in "${@:3}"; do printf '  %s: "%s"\n' "${pair%%=*}" "${pair#*=}"; done
}

accounts=""
declare -A service_secret
for service in gateway library captioning face scene search; do
  service_secret[$service]=$(random)
  accounts+="${accounts:+,}$service:${service_secret[$service]}"
done

# A letter first: NATS reads what begins with a digit as a number.
nats_password="n$(random)"
secret ocelli-nats Opaque username=ocelli "password=$nats_password" \
  "NATS_URL=nats://ocelli:$nats_password@ocelli-nats:4222"

for service in auth library captioning face scene search; do
  password=$(random)
  secret "ocelli-postgres-$service" kubernetes.io/basic-auth "username=$service" "password=$password"
  # Encrypted; the certificate is the operator's own, which nothing outside the namespace vouches for.
  url="postgresql://$service:$password@ocelli-postgres-rw:5432/$service?sslmode=no-verify"
  pairs=("DATABASE_URL_${service^^}=$url")
  if [ "$service" = auth ]; then
    pairs+=("SERVICE_ACCOUNTS=$accounts" "AUTH_KEY_SECRET=$(random)")
  else
    pairs+=("${service^^}_SERVICE_SECRET=${service_secret[$service]}")
  fi
  if [ "$service" = library ]; then pairs+=("LIBRARY_KEY_SECRET=$(random)"); fi
  secret "ocelli-$service" Opaque "${pairs[@]}"
done

secret ocelli-gateway Opaque "GATEWAY_SERVICE_SECRET=${service_secret[gateway]}"
