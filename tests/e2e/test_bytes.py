"""P-BYTES: what is judged is what is signed. A good request, cut at every length and with every bit flipped.

What holds, exactly:

 1. While nothing is spent: every proper prefix of the request, and every flip of a bit outside the value of request_id,
    the values of keyid and the TBS, is refused with a reason and recorded. Neither evidence nor framing has a free bit.
    The same for every flip in an order_id field behind it (a prefix without that field is another good request).
 2. Every flip inside the TBS is judged by EvaluateCertificate, which spends nothing. It is refused: the lint is about
    other bytes. With a lint of its own it is admitted only where neither other evidence nor policy binds the bit: in the
    serial number, in the validity, and in extensions that say nothing about who holds which key. Of an admitted TBS the
    names, key, subject, issuer, policies, authority key identifier, version and algorithm are the original's, octet for
    octet, and it is no CA.
 3. The unchanged request is then signed: it was good all along, and nothing before has spent it.
 4. With it signed, every flip of request_id (another valid id) and of the TBS is refused. A flip of keyid (a hint that
    nobody trusts) leaves the same request id and the same TBS: it gets the recorded certificate, octet for octet.

So of all calls exactly one is signed, and the ledger has exactly one intent, whose TBS is the one that was sent.
"""
import hashlib
import secrets

import grpc
import pytest
from cryptography import x509

import audit
from house import Refused, _der, signing_service_pb2, tbs_fields

SIGN = "/countersign.v1.SigningService/SignCertificate"
EVALUATE = "/countersign.v1.SigningService/EvaluateCertificate"
REFUSED = {grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.ALREADY_EXISTS,
           grpc.StatusCode.PERMISSION_DENIED}
IN_FLIGHT = 256
NAMES = ["www.example.com", "*.example.com"]


def flips(data, places):
    for at in places:
        for bit in range(8):
            yield at, data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1:]


def send_all(house, path, requests):
    """Yields (label, status, response) of each raw unary call, with many under way at a time."""
    with house.channel() as channel:
        method = channel.unary_unary(path)
        running = []

        def take():
            label, future = running.pop(0)
            code = future.code()  # waits
            return label, code, future.result() if code == grpc.StatusCode.OK else None
        for label, data in requests:
            if len(running) == IN_FLIGHT:
                yield take()
            running.append((label, method.future(data, timeout=120)))
        while running:
            yield take()


def all_refused(house, requests):
    n = 0
    for label, code, _ in send_all(house, SIGN, requests):
        assert code in REFUSED, f"{label}: {code}"
        n += 1
    return n


def ranges(data, parts):
    """The places of the values of fields, each of which occurs once in data."""
    out = set()
    for part in parts:
        assert data.count(part) == 1
        at = data.index(part)
        out |= set(range(at, at + len(part)))
    return out


class Good:
    """The good request, and where its free bits are."""

    def __init__(self, house):
        self.tbs = house.tbs(NAMES)
        order_id = secrets.token_bytes(16)
        evidence = house.around(self.tbs, order_id=order_id) + [house.domain("example.com", scope="namespace")]
        keyids = []
        for envelope in evidence:
            keyids.append(secrets.token_hex(8))
            envelope.signatures[0].keyid = keyids[-1]
        self.request = signing_service_pb2.SignCertificateRequest(
            request_id=secrets.token_bytes(16), issuer=b"ec", tbs_certificate=self.tbs, evidence=evidence)
        self.bytes = self.request.SerializeToString()
        self.in_tbs = ranges(self.bytes, [self.tbs])
        self.in_request_id = ranges(self.bytes, [self.request.request_id])
        self.in_keyid = ranges(self.bytes, [k.encode() for k in keyids])
        named = signing_service_pb2.SignCertificateRequest(order_id=order_id)
        named.MergeFrom(self.request)
        self.named_bytes = named.SerializeToString()
        assert self.named_bytes.startswith(self.bytes)
        self.evidence = evidence


@pytest.fixture(scope="module")
def good(house):
    return Good(house)


NAMES_POLICIES_ISSUER_KEY = [bytes.fromhex(oid) for oid in ("551d11", "551d20", "551d23")]


def bound(tbs):
    """What evidence and policy bind of a TBS."""
    version, _, algorithm, issuer, _, subject, spki, extensions = tbs_fields(tbs)
    kept = [version, algorithm, issuer, subject, spki]
    rest = _der(_der(extensions)[1])[1]
    while rest:
        whole = rest
        _, extension, rest = _der(rest)
        _, oid, value = _der(extension)
        if oid in NAMES_POLICIES_ISSUER_KEY:
            kept.append(whole[:len(whole) - len(rest)])
        if oid == bytes.fromhex("551d13"):
            assert b"\x01\x01\xff" not in value[3:], "a CA"
    return kept


def test_every_prefix_and_every_bound_bit(house, good):
    before = audit.Books(house)
    places = [at for at in range(len(good.bytes)) if at not in good.in_tbs | good.in_request_id | good.in_keyid]
    named_places = range(len(good.bytes), len(good.named_bytes))
    n = all_refused(house, ((f"cut to {length}", good.bytes[:length]) for length in range(len(good.bytes))))
    n += all_refused(house, ((f"flip at {at}", data) for at, data in flips(good.bytes, places)))
    n += all_refused(house, ((f"flip at {at}", data) for at, data in flips(good.named_bytes, named_places)))
    assert n == len(good.bytes) + 8 * (len(places) + len(named_places)) and house.is_serving()
    after = audit.Books(house)
    assert not after.intents and not after.witness
    assert len(after.refusals) - len(before.refusals) == n  # each refusal is recorded, too


def test_every_bit_of_the_tbs_is_judged(house, good):
    wanted = bound(good.tbs)
    n_admitted = 0

    def requests():
        for at, tbs in flips(good.tbs, range(len(good.tbs))):
            for linted in (False, True):
                yield (at, tbs, linted), signing_service_pb2.EvaluateCertificateRequest(
                    issuer=b"ec", tbs_certificate=tbs,
                    evidence=good.evidence + [house.lint(tbs)] * linted).SerializeToString()
    for (at, tbs, linted), code, response in send_all(house, EVALUATE, requests()):
        assert code == grpc.StatusCode.OK, f"flip at {at}: {code}"
        verdict = signing_service_pb2.EvaluateCertificateResponse.FromString(response).verdict
        if verdict.admitted:
            assert linted, f"admitted with a flip at {at} and another's lint"
            assert bound(tbs) == wanted, f"admitted with a flip at {at}"
            assert verdict.tbs_sha256 == hashlib.sha256(tbs).digest()
            n_admitted += 1
        else:
            assert verdict.reasons
    assert n_admitted >= 8 * 15  # the serial number at least
    assert not audit.Books(house).intents


def test_the_good_one_is_signed_then_its_free_bits_do_not_sign_again(house, good):
    answer = house.call(SIGN, good.bytes, signing_service_pb2.SignCertificateResponse)
    assert x509.load_der_x509_certificate(answer.certificate).tbs_certificate_bytes == good.tbs
    places = sorted(good.in_request_id | good.in_tbs)
    n = all_refused(house, ((f"flip at {at}", data) for at, data in flips(good.bytes, places)))
    n_replayed = 0
    for at, code, response in send_all(house, SIGN, flips(good.bytes, sorted(good.in_keyid))):
        if code != grpc.StatusCode.OK:
            assert code in REFUSED, f"flip at {at}: {code}"  # no UTF-8 any more
            continue
        again = signing_service_pb2.SignCertificateResponse.FromString(response)
        assert again.replayed and again.certificate == answer.certificate
        n_replayed += 1
    assert n == 8 * len(places) and n_replayed == 7 * len(good.in_keyid) and house.is_serving()
    books = audit.audit(house, [answer.certificate])
    assert [(i.tbs, i.request_id) for i in books.intents.values()] == [(good.tbs, good.request.request_id)]
    assert len(books.witness) == 1


@pytest.mark.parametrize("field", ["request_id", "issuer", "order_id", "names"])
def test_overlong_fields_are_refused_like_any_other(house, field):
    """The refusal of a field does not carry the field, and so fits its answer; everybody else is served on."""
    tbs = house.tbs(["x" * 60 + f"{n}.example.com" for n in range(40)])
    for length in (65, 2000, 6000, 70000, 900000):
        request = signing_service_pb2.SignCertificateRequest(
            request_id=secrets.token_bytes(16), issuer=b"ec", tbs_certificate=tbs)
        if field == "names":  # control characters are shown escaped: four octets for one
            request.tbs_certificate = tbs.replace(b"x" * 60, b"\x01" * 60)
        else:
            setattr(request, field, b"\xff" * length)
        with pytest.raises(Refused) as refused:
            house.call(SIGN, request, signing_service_pb2.SignCertificateResponse)
        assert refused.value.code in REFUSED and refused.value.refusal.reasons, refused.value
    assert house.is_serving()
