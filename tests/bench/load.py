"""Requests for the bench: each one another certificate with its own key, serial, order and request id.

One TBS per issuer is made by python3-cryptography; the others are that one with other serial and key octets.
"""
import hashlib
import os
import secrets

import house as h
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

NAMES = ("www.bench.example.com", "bench.example.com")
ACCOUNT = b"bench"
DEPOSIT_MAX = 64  # envelopes per DepositEvidence
SIGN = "/countersign.v1.SigningService/SignCertificate"
EVALUATE = "/countersign.v1.SigningService/EvaluateCertificate"
DEPOSIT = "/countersign.v1.EvidenceService/DepositEvidence"


def point(key):
    return key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def keyid(attester):
    return hashlib.sha256(attester.key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)).hexdigest()


class Template:
    """One TBS with holes where serial and subject key are."""

    def __init__(self, house, issuer):
        key, serial = ec.generate_private_key(ec.SECP256R1()), b"\x4f" + secrets.token_bytes(15)
        tbs = house.tbs(list(NAMES), issuer, key=key, serial=int.from_bytes(serial, "big"))
        old = point(key)
        if tbs.count(serial) != 1 or tbs.count(old) != 1:
            raise RuntimeError("the template's serial or key is there twice")
        self.spki = h.spki_of(tbs)
        self.before, rest = tbs.split(serial)
        self.middle, self.after = rest.split(old)
        self.spki_before = self.spki[:-len(old)]

    def fill(self):
        """(TBS, SHA-256 of its SubjectPublicKeyInfo)"""
        new = point(ec.generate_private_key(ec.SECP256R1()))
        tbs = b"".join((self.before, b"\x4f", secrets.token_bytes(15), self.middle, new, self.after))
        return tbs, hashlib.sha256(self.spki_before + new).digest()


class Maker:
    """Makes requests of one kind. All evidence of one: order, lint, and for each name domain control and CAA check.

    fresh      all of it is new in each request
    renewal    domain control is the same in every request, the rest is new
    reissue    domain control and CAA checks are the same, order and lint are new: they are good for one TBS
    seen       as reissue, but the request was evaluated before it is signed
    deposited  nothing but TBS and order id; all evidence was deposited before
    """

    def __init__(self, house, issuer):
        self.house, self.issuer = house, issuer
        self.template = Template(house, issuer)
        # without this hint the gate tries one key after the other: several verifications for one signature
        self.keyid = {a.name: keyid(a) for a in house.attesters.values()}
        first, _ = self.template.fill()
        self.order = house.order(first, account=ACCOUNT, envelope=False)
        self.lint = house.lint(first, account=ACCOUNT, envelope=False)
        self.domains = [house.domain(name, account=ACCOUNT, envelope=False) for name in NAMES]
        self.caas = [house.caa(name, account=ACCOUNT, envelope=False) for name in NAMES]
        self.same_domains = [self._signed(s, "dcv-1") for s in self.domains]
        self.same_caas = [self._signed(s, "dcv-1") for s in self.caas]

    def _signed(self, statement, attester):
        """The statement as a new one: with another id."""
        statement.header.statement_id = secrets.token_bytes(16)
        envelope = self.house.attesters[attester].envelope(statement)
        envelope.signatures[0].keyid = self.keyid[attester]
        return envelope

    def _of_tbs(self, tbs, spki_sha256):
        """Order and lint of one TBS, and the order's id."""
        self.order.order.order_id = secrets.token_bytes(16)
        self.order.order.spki_sha256 = spki_sha256
        self.lint.lint.tbs_sha256 = hashlib.sha256(tbs).digest()
        return [self._signed(self.order, "orders"), self._signed(self.lint, "lint")], self.order.order.order_id

    def one(self, kind):
        """(SignCertificateRequest, its order and lint)"""
        tbs, spki_sha256 = self.template.fill()
        own, order_id = self._of_tbs(tbs, spki_sha256)
        request = h.signing_service_pb2.SignCertificateRequest(
            request_id=secrets.token_bytes(16), issuer=self.issuer.encode(), tbs_certificate=tbs)
        if kind == "deposited":
            request.order_id = order_id
            return request, own
        new = (lambda statements: [self._signed(s, "dcv-1") for s in statements])
        request.evidence.extend([*own, *(new(self.domains) if kind == "fresh" else self.same_domains),
                                 *(new(self.caas) if kind in ("fresh", "renewal") else self.same_caas)])
        return request, own


def evaluation_of(request):
    return h.signing_service_pb2.EvaluateCertificateRequest(
        issuer=request.issuer, tbs_certificate=request.tbs_certificate, evidence=request.evidence,
        order_id=request.order_id)


class Records:
    """A file of messages, each behind its length."""

    def __init__(self, path):
        self.path, self.n, self.n_octets = path, 0, 0
        self.file = open(path, "wb")

    def put(self, message):
        data = message.SerializeToString(deterministic=True)
        self.file.write(len(data).to_bytes(4, "big") + data)
        self.n += 1
        self.n_octets += len(data)

    def close(self):
        self.file.close()
        return self


class Load:
    """The requests of one timed run, and what has to be called before it."""

    def __init__(self, requests, before=None, before_rpc=None):
        self.requests, self.before, self.before_rpc = requests, before, before_rpc

    def remove(self):
        for records in filter(None, (self.requests, self.before)):
            os.unlink(records.path)


def make_load(maker, kind, n, stem):
    requests, before, to_deposit = Records(f"{stem}.requests"), None, []
    if kind in ("deposited", "seen"):
        before = Records(f"{stem}.before")
    for _ in range(n):
        request, own = maker.one(kind)
        requests.put(request)
        if kind == "seen":
            before.put(evaluation_of(request))
        elif kind == "deposited":
            to_deposit.extend(own)
    if kind == "deposited":
        to_deposit[:0] = maker.same_domains + maker.same_caas
        for first in range(0, len(to_deposit), DEPOSIT_MAX):
            before.put(h.evidence_service_pb2.DepositEvidenceRequest(evidence=to_deposit[first:first + DEPOSIT_MAX]))
    return Load(requests.close(), before and before.close(), EVALUATE if kind == "seen" else DEPOSIT)
