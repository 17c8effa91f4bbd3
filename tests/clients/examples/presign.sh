#!/bin/sh
# For a CA that shows each certificate, signed with a dummy key, before it asks its PKCS#11 library for the signature
# (EJBCA: Pre-sign Certificate Validation; the certificate's file comes first): has the very TBS linted and authorised.
#
#   presign.sh CERTIFICATE ISSUER [CLIENT]
#
# CLIENT: who will ask for the signature, if it is not who runs this. COUNTERSIGN_SOCKET names the gate.
# `lint-statement CERTIFICATE OUT` is yours: it has the lint service sign a Lint statement, for instance by
# `countersign lint-request --exec`. The other evidence was deposited when the order was made.
# Any exit code but 0 stops the issuance; the reasons are on standard error.
set -eu
certificate="$1" issuer="$2" client="${3-}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

lint-statement "$certificate" "$work/lint"
countersign authorize --issuer "$issuer" --tbs-of "$certificate" --evidence "$work/lint" \
    ${client:+--for "$client"} --valid-for 120
