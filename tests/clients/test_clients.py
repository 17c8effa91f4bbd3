"""gRPC libraries that countersign did not choose, against the real daemon.

CS_CLIENT is the command of a client program; driver.py says how it is spoken to.
"""
import os
import pathlib
import secrets
import signal
import sys

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

sys.path[:0] = [str(pathlib.Path(__file__).parent), str(pathlib.Path(__file__).parents[1] / "e2e")]
import driver  # noqa: E402
import house as h  # noqa: E402

OK, INVALID_ARGUMENT, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED = 0, 3, 4, 8
FAILED_PRECONDITION, UNIMPLEMENTED = 9, 12
SIGN = "/countersign.v1.SigningService/SignCertificate"
MESSAGE_MAX_LEN = 1024 * 1024


class Requests:
    """Files with the requests of the cases."""

    def __init__(self, house):
        self.house, self.dir = house, house.dir
        self.tbs = house.tbs(["www.example.com", "example.com"])
        self.good = self.request(self.tbs, house.complete(self.tbs))
        other = house.tbs(["renewal.example.com"])
        order_id = secrets.token_bytes(16)
        self.refused_id = secrets.token_bytes(16)
        self.refused = self.request(other, [*house.around(other, order_id=order_id), house.approval(order_id)],
                                    self.refused_id)

    def request(self, tbs, evidence, request_id=None):
        return h.signing_service_pb2.SignCertificateRequest(
            request_id=request_id or secrets.token_bytes(16), issuer=b"ec", tbs_certificate=tbs,
            evidence=evidence).SerializeToString(deterministic=True)

    def file(self, name, content):
        (self.dir / name).write_bytes(content)
        return str(self.dir / name)


def run(house, cases):
    """cases: (name, kind, words of driver.py). Returns the answers by name."""
    with driver.Session(os.environ["CS_CLIENT"], f"unix:{house.socket}", house.dir / "client.log") as session:
        return {name: session.call(*words) for name, *words in cases}


@pytest.fixture(scope="module")
def house():
    with h.House(signers=1, issuers=h.House.ISSUERS[:1]) as made:
        made.start()
        yield made


@pytest.fixture(scope="module")
def requests(house):
    return Requests(house)


@pytest.fixture(scope="module")
def answers(house, requests):
    good = requests.file("good", requests.good)
    return run(house, [
        ("health", "health", "-"),
        ("signed", "sign", good, house.dir / "signed.der"),
        ("refused", "sign", requests.file("refused", requests.refused), house.dir / "refused.der"),
        ("largest", "raw", requests.file("largest", b"\x1a" * MESSAGE_MAX_LEN), SIGN),
        ("too-large", "raw", requests.file("too-large", b"\x1a" * (MESSAGE_MAX_LEN + 1)), SIGN),
        ("method", "raw", good, "/countersign.v1.SigningService/SignAnything"),
        ("service", "raw", good, "/countersign.v9.SigningService/SignCertificate"),
        ("garbage", "raw", requests.file("garbage", b"\xff\xff\xff\xff"), SIGN),
        ("unknown-field", "raw", requests.file("unknown", requests.good + b"\xf8\x06\x01"), SIGN),
        ("empty", "raw", requests.file("empty", b""), SIGN),
        ("health-after", "health", "-"),
    ])


def test_health(answers):
    for name in ("health", "health-after"):
        assert answers[name]["code"] == OK and answers[name]["answer"] == "SERVING"


def test_signed_with_evidence(house, requests, answers):
    signed = answers["signed"]
    assert signed["code"] == OK, signed
    assert signed["answer"]["admitted"] and signed["answer"]["ledger_entry"] > 0
    assert {"dns:www.example.com", "dns:example.com"} <= set(signed["answer"]["covers"])
    certificate = x509.load_der_x509_certificate((house.dir / "signed.der").read_bytes())
    assert certificate.tbs_certificate_bytes == requests.tbs
    house.issuer("ec").certificate.public_key().verify(
        certificate.signature, requests.tbs, ec.ECDSA(certificate.signature_hash_algorithm))


def test_refused_for_people(house, requests, answers):
    refused = answers["refused"]
    assert refused["code"] == FAILED_PRECONDITION and not (house.dir / "refused.der").exists()
    assert refused["status"]["code"] == FAILED_PRECONDITION
    assert refused["status"]["message"] == refused["text"] != ""
    details = {d["type"]: d for d in refused["status"]["details"]}
    assert set(details) == {"google.rpc.ErrorInfo", "google.rpc.PreconditionFailure", "countersign.v1.Refusal"}
    info, failure, refusal = (details[t] for t in (
        "google.rpc.ErrorInfo", "google.rpc.PreconditionFailure", "countersign.v1.Refusal"))
    assert info["domain"] == "countersign" and info["reason"].startswith("RULE_")
    assert any(line.startswith("V01 dns:renewal.example.com: there is: ") for line in failure["lines"])
    assert any(line.startswith("V01 dns:renewal.example.com: there is ") and "; needed: " in line
               for line in refusal["lines"])
    assert refusal["ledger_entry"] > 0 and refusal["request_id"] == requests.refused_id.hex()


@pytest.mark.parametrize("name,code", [
    ("largest", INVALID_ARGUMENT), ("too-large", RESOURCE_EXHAUSTED), ("method", UNIMPLEMENTED),
    ("service", UNIMPLEMENTED), ("garbage", INVALID_ARGUMENT), ("unknown-field", INVALID_ARGUMENT),
    ("empty", INVALID_ARGUMENT)])
def test_calls_that_are_wrong(answers, name, code):
    assert answers[name]["code"] == code, answers[name]
    assert answers[name]["text"] != ""


def test_deadline_while_nobody_answers(house, requests):
    request = requests.file("waits", requests.request(requests.tbs, []))
    (gate,) = house.children()["countersign-gate"]
    with driver.Session(os.environ["CS_CLIENT"], f"unix:{house.socket}", house.dir / "client.log") as session:
        assert session.call("health", "-")["answer"] == "SERVING"
        os.kill(gate, signal.SIGSTOP)
        try:
            got = session.call("sign", request, house.dir / "waits.der", deadline_ms=400)
        finally:
            os.kill(gate, signal.SIGCONT)
        assert got["code"] == DEADLINE_EXCEEDED and 380 <= got["ms"] < 5000
        assert session.call("health", "-")["answer"] == "SERVING"
