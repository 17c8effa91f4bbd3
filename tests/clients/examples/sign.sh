#!/bin/sh
# A certificate signed with nothing but `buf curl`, or a refusal with its reasons.
#
#   sign.sh PROTO_FOLDER SOCKET ISSUER TBS_FILE [EVIDENCE_FILE ...]
#
# Over TLS, in place of --unix-socket and the URL:
#   --cacert roots.pem --cert client.pem --key client.key https://gate.ca.example:8443/countersign.v1...
set -eu
protos="$1" socket="$2" issuer="$3" tbs="$4"
shift 4

# Bytes are base64 in JSON. Keep the request id for retries: the same id never signs twice.
request=$(mktemp)
trap 'rm -f "$request"' EXIT
{
    printf '{"requestId": "%s", "issuer": "%s", ' "$(head -c 16 /dev/urandom | base64)" "$(printf %s "$issuer" | base64)"
    printf '"tbsCertificate": "%s", "evidence": [' "$(base64 -w 0 "$tbs")"
    comma=
    for envelope in "$@"; do
        printf %s "$comma"
        buf convert "$protos" --type countersign.v1.Envelope --from "$envelope#format=binpb" --to -#format=json
        comma=,
    done
    printf ']}\n'
} > "$request"

# Exit code: eight times gRPC's; 72 is FAILED_PRECONDITION, a refusal. The reasons are in its details.
buf curl --schema "$protos" --protocol grpc --unix-socket "$socket" --timeout 10s --data "@$request" \
    http://localhost/countersign.v1.SigningService/SignCertificate > answer.json
sed -n 's/.*"certificate": *"\([^"]*\)".*/\1/p' answer.json | base64 -d > certificate.der
echo "signed: certificate.der"
