"""Statements made by protobuf for Python, as proto/README.md tells others to make them."""
import hashlib
import os
import subprocess
import sys

import pytest

pytest.importorskip("google.protobuf")
ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
from cryptography.hazmat.primitives import serialization  # noqa: E402

TYPE = b"application/vnd.countersign.attestation.v1+protobuf"
PROBE, PROTO, PROTOC = (os.environ[n] for n in ("CS_PROBE", "CS_PROTO_DIR", "CS_PROTOC"))


@pytest.fixture(scope="module")
def pb(tmp_path_factory):
    out = tmp_path_factory.mktemp("pb")
    folder = os.path.join(PROTO, "countersign", "v1")
    files = [os.path.join(folder, f) for f in sorted(os.listdir(folder)) if f.endswith(".proto")]
    subprocess.run([PROTOC, "-I" + PROTO, "--python_out=%s" % out, *files], check=True)
    sys.path.insert(0, str(out))
    from countersign.v1 import common_pb2, domain_control_pb2, envelope_pb2, statement_pb2

    class Names:
        common, control, envelope, statement = common_pb2, domain_control_pb2, envelope_pb2, statement_pb2

    yield Names
    sys.path.remove(str(out))


def probe(envelopes):
    text = "".join(e.hex() + "\n" for e in envelopes)
    out = subprocess.run([PROBE], input=text, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(out) == len(envelopes) + 1
    return out[1:]


@pytest.fixture(scope="module")
def now():
    out = subprocess.run([PROBE], input="", capture_output=True, text=True, check=True).stdout
    return int(out.splitlines()[0])


def statement(pb, now):
    s = pb.statement.Statement()
    h = s.header
    h.schema = 1
    h.statement_id = os.urandom(16)
    h.attester = b"validator"
    h.role = pb.common.ROLE_VALIDATION_SYSTEM
    h.software.name, h.software.version = b"py", b"1.0"
    h.audience = b"prod.ca.example"
    h.issued_at_unix_s, h.expires_at_unix_s = now - 10, now + 3600
    h.account = b"acct-1"
    h.ruleset = b"tls-br-2.3.0"
    d = s.domain_control
    d.domain = b"example.com"
    d.method = pb.common.VALIDATION_METHOD_DCV_ACME_HTTP_01
    d.scope = pb.control.DOMAIN_SCOPE_EXACT
    d.initiated_at_unix_s = d.oldest_data_at_unix_s = d.observed_at_unix_s = now - 20
    d.challenge.kind = pb.control.CHALLENGE_KIND_RANDOM_VALUE
    d.challenge.sha256 = hashlib.sha256(b"token").digest()
    d.challenge.created_at_unix_s = now - 20
    d.dnssec = pb.common.DNSSEC_STATUS_SECURE
    d.record_sha256 = hashlib.sha256(b"record").digest()
    return s


def pae(payload):
    return b"DSSEv1 %d %s %d %s" % (len(TYPE), TYPE, len(payload), payload)


def sign(pb, payload, seed=1):
    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    spki = key.public_key().public_bytes(serialization.Encoding.DER,
                                         serialization.PublicFormat.SubjectPublicKeyInfo)
    e = pb.envelope.Envelope(payload=payload, payload_type=TYPE.decode())
    e.signatures.add(sig=key.sign(pae(payload)), keyid=hashlib.sha256(spki).hexdigest())
    return e


def test_made_as_the_rules_say(pb, now):
    made = statement(pb, now).SerializeToString(deterministic=True)
    assert probe([sign(pb, made).SerializeToString(deterministic=True)]) == ["admitted"]


def test_other_kinds(pb, now):
    caa = statement(pb, now)
    from countersign.v1 import caa_check_pb2
    caa.caa_check.domain = b"example.com"
    caa.caa_check.tag = caa_check_pb2.CAA_TAG_ISSUE
    caa.caa_check.result = caa_check_pb2.CAA_RESULT_PERMITTED
    caa.caa_check.checked_at_unix_s = now - 15
    caa.caa_check.methods.extend([pb.common.VALIDATION_METHOD_DCV_ACME_HTTP_01,
                                  pb.common.VALIDATION_METHOD_DCV_DNS_CHANGE])  # packed
    caa.caa_check.dnssec = pb.common.DNSSEC_STATUS_SECURE
    caa.caa_check.record_sha256 = bytes(32)
    assert caa.WhichOneof("body") == "caa_check"
    assert probe([sign(pb, caa.SerializeToString()).SerializeToString()]) == ["admitted"]


def test_what_is_refused(pb, now):
    good = statement(pb, now).SerializeToString(deterministic=True)
    forwarded = pb.statement.Statement()
    forwarded.ParseFromString(good + b"\xf8\x7c\x01")  # field 1999: the library keeps it
    late = statement(pb, now)
    late.header.issued_at_unix_s = now + 31
    envelopes = [
        sign(pb, forwarded.SerializeToString()),
        sign(pb, good, seed=9),
        sign(pb, good, seed=2),
        sign(pb, late.SerializeToString()),
    ]
    raw_type = sign(pb, good)
    raw_type.payload_type = "application/octet-stream"
    ids = [line.split(" ")[0] for line in probe([e.SerializeToString() for e in envelopes + [raw_type]])]
    assert ids == ["E01", "E02", "E03", "E05", "E01"]
