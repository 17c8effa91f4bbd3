"""What the scenarios share: a house on the mock token, one whose clock stands still, and how to ask."""
import base64
import datetime
import json
import os
import struct
import subprocess
import time

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.x509.oid import NameOID

import house as h
import rough

DAY = h.DAY
OV_SUBJECT = ((NameOID.COUNTRY_NAME, "DE"), (NameOID.STATE_OR_PROVINCE_NAME, "Berlin"),
              (NameOID.LOCALITY_NAME, "Berlin"), (NameOID.ORGANIZATION_NAME, "Example Verlag GmbH"))
REFUSALS = {grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.ALREADY_EXISTS, grpc.StatusCode.INVALID_ARGUMENT}
EC = (h.House.ISSUERS[0],)
# More clients than one need more user ids than one, and so root. Without its rights the one client asks again.
OTHER_UID = 64104 if os.getuid() == 0 else os.getuid()
SIGN = "/countersign.v1.SigningService/SignCertificate"
METHODS = (*h.House.METHODS, "dcv_phone_txt_contact", "dcv_email_txt_contact")


class PastHouse(rough.RoughHouse):
    """policy: what makes the policy's text of the house's own, given both; clock: the Unix second at which the gate's
    clock stands still."""

    METHODS = METHODS

    def __init__(self, policy=lambda text, house: text, clock=None, **args):
        self.edit, self.clock_unix_s = policy, clock
        super().__init__(**args)
        self.dir.chmod(0o711)  # clients under other user ids reach the socket
        if clock is not None:
            self.set_clock(clock)

    def write_policy(self):
        super().write_policy()
        policy = self.dir / "policy.yaml"
        policy.write_text(self.edit(policy.read_text(), self))
        if self.clock_unix_s is not None:
            self._own_libexec()

    def _own_libexec(self):
        """The product's programs, but for the gate: the same with another clock."""
        libexec = self.dir / "libexec"
        libexec.mkdir(exist_ok=True)
        for program in h.BIN.iterdir():
            link = libexec / program.name
            if not link.is_symlink():
                link.symlink_to(os.environ["COUNTERSIGN_GATE_TESTCLOCK"] if program.name == "countersign-gate"
                                else program)
        config = self.dir / "countersignd.yaml"
        config.write_text(config.read_text().replace(f"libexec: {h.BIN}\n", f"libexec: {libexec}\n"))

    def set_clock(self, unix_s):
        """The gate's clock, and with it that of every statement made from now on; it must not go back."""
        self.clock_unix_s = unix_s
        with open(self.dir / "ledger.db.clock", "r+b" if (self.dir / "ledger.db.clock").exists() else "wb") as f:
            f.write(struct.pack("=q", unix_s))
        h.time = Stopped(unix_s)

    def close(self):
        h.time = time
        super().close()

    def now(self):
        return int(h.time.time())

    def tbs(self, names, issuer="ec", days=90, profile="dv", subject=(), key=None, serial=None, precertificate=False,
            not_before=None, builder=lambda b: b):
        not_before = not_before or datetime.datetime.utcfromtimestamp(self.now() - 3600)
        return super().tbs(names, issuer, days, profile, subject, key, serial, precertificate, not_before, builder)

    def sign_as(self, uid, request):
        """SignCertificate by a client with another user id: a process of its own."""
        if uid == os.getuid():
            return self.call(SIGN, request, h.signing_service_pb2.SignCertificateResponse)
        run = subprocess.run([*h.as_user(uid), "/usr/bin/python3", "-c", CHILD, str(self.socket), SIGN],
                             input=request.SerializeToString(), stdout=subprocess.PIPE, check=True, cwd="/",
                             env={"PATH": os.environ["PATH"]})
        said = json.loads(run.stdout)
        if said["code"] != "OK":
            raise h.Refused(Said(said))
        return h.signing_service_pb2.SignCertificateResponse.FromString(base64.b64decode(said["answer"]))


class Stopped:
    """The time module with another time()."""

    def __init__(self, unix_s):
        self.unix_s = unix_s

    def time(self):
        return float(self.unix_s)

    def __getattr__(self, name):
        return getattr(time, name)


CHILD = """
import base64, grpc, json, sys
with grpc.insecure_channel("unix:" + sys.argv[1]) as channel:
    try:
        answer = channel.unary_unary(sys.argv[2])(sys.stdin.buffer.read(), timeout=30)
        said = {"code": "OK", "answer": base64.b64encode(answer).decode()}
    except grpc.RpcError as e:
        said = {"code": e.code().name, "text": e.details(), "metadata": [
            [k, base64.b64encode(v if isinstance(v, bytes) else v.encode()).decode()] for k, v in e.trailing_metadata()]}
print(json.dumps(said))
"""


class Said:
    """What a client in another process was told, as the error it saw."""

    def __init__(self, said):
        self.said = said

    def code(self):
        return grpc.StatusCode[self.said["code"]]

    def details(self):
        return self.said["text"]

    def trailing_metadata(self):
        return [(k, base64.b64decode(v)) for k, v in self.said["metadata"]]


def request(tbs, evidence=(), issuer="ec", order_id=b""):
    return h.signing_service_pb2.SignCertificateRequest(
        request_id=h.secrets.token_bytes(16), issuer=issuer.encode(), tbs_certificate=tbs, evidence=evidence,
        order_id=order_id)


def refused(ask, *args, rules, also=(), **named):
    """ask(...) is refused by all of these rules, and by others only of also; the refusal is on record. Returns it."""
    with pytest.raises(h.Refused) as caught:
        ask(*args, **named)
    said = caught.value
    assert set(rules) <= set(said.rules()) <= {*rules, *also}, (said.rules(), said.text)
    assert said.code in REFUSALS and said.refusal.ledger_entry > 0
    return said


def signed(house, tbs, evidence, issuer="ec", **named):
    """Is signed, and the certificate verifies by python3-cryptography over the bytes that were sent."""
    answer = house.sign(tbs, evidence, issuer, **named)
    check(house, answer, tbs, issuer)
    return answer


def check(house, answer, tbs, issuer="ec"):
    certificate = x509.load_der_x509_certificate(answer.certificate)
    assert certificate.tbs_certificate_bytes == tbs
    key, algorithm = house.issuer(issuer).certificate.public_key(), certificate.signature_hash_algorithm
    if isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(certificate.signature, tbs, ec.ECDSA(algorithm))
    else:
        key.verify(certificate.signature, tbs, padding.PKCS1v15(), algorithm)


def body_of(envelope):
    return h.statement_pb2.Statement.FromString(envelope.payload).WhichOneof("body")


def without(evidence, *kinds):
    return [e for e in evidence if body_of(e) not in kinds]


def name_of(subject):
    return x509.Name([x509.NameAttribute(o, v) for o, v in subject])


def utc(text):
    """Unix second of "2027-03-15T00:00:00"."""
    return int(datetime.datetime.fromisoformat(text + "+00:00").timestamp())


def clients(*others):
    """The usual client, and others [(name, api version)] that may sign, each under a user id of its own from OTHER_UID
    on as far as there are rights to be them."""
    out = [("ra", "v2", os.getuid(), h.House.ALL_RPCS)]
    if os.getuid() == 0:
        out += [(name, version, OTHER_UID + i, ("SignCertificate", "Check")) for i, (name, version) in enumerate(others)]
    return out


def signed_by(house, signer, statement, **header):
    """A statement with another header, in an envelope with the signature of signer."""
    for key, value in header.items():
        setattr(statement.header, key, value)
    return house.attesters[signer].envelope(statement)


def valid_for(seconds):
    """A builder hook: the validity period, both ends counted."""
    def hook(builder):
        builder._not_valid_after = builder._not_valid_before + datetime.timedelta(seconds=seconds - 1)
        return builder
    return hook


def extensions(change):
    """A builder hook: change(list of extensions) -> list."""
    def hook(builder):
        builder._extensions = change(list(builder._extensions))
        return builder
    return hook


def replaced(oid, value, critical):
    """The extension of that type becomes this one, at its place."""
    return extensions(lambda all_: [x509.Extension(oid, critical, value) if e.oid == oid else e for e in all_])


def added(value, critical=False):
    return extensions(lambda all_: all_ + [x509.Extension(value.oid, critical, value)])
