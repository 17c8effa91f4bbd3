"""Incidents of what stands between the judgement and the signature: envelopes, statements, bytes."""

import os

import grpc
import pytest
from cryptography import x509

import audit
import house as h
import past
from past import refused, request, signed, signed_by

UNSIGNED = "application/vnd.in-toto+json"


@pytest.fixture(scope="module")
def house():
    with past.PastHouse(issuers=past.EC, clients=past.clients(("est", "v1"), ("acme", "v3"))) as made:
        made.start()
        yield made


def one_bad_among_good(house, statement):
    e = house.attesters["dcv-1"].envelope(statement, [house.attesters["vetting-1"]])
    bad = bytearray(e.signatures[1].sig)
    bad[5] ^= 1
    e.signatures[1].sig = bytes(bad)
    return e


def unknown_key_among_good(house, statement):
    return house.attesters["dcv-1"].envelope(statement, [h.Attester("nobody", [])])


def same_signature_twice(house, statement):
    dcv = house.attesters["dcv-1"]
    return dcv.envelope(statement, [dcv])


def unknown_payload_type(house, statement):
    payload = statement.SerializeToString()
    e = h.envelope_pb2.Envelope(payload=payload, payload_type=UNSIGNED)
    e.signatures.add(sig=house.attesters["dcv-1"].signature(payload, UNSIGNED))
    return e


def no_signature(house, statement):
    return h.envelope_pb2.Envelope(payload=statement.SerializeToString(), payload_type=h.PAYLOAD_TYPE)


def signature_over_the_payload_alone(house, statement):
    e = no_signature(house, statement)
    e.signatures.add(sig=house.attesters["dcv-1"].key.sign(e.payload))
    return e


def signature_over_another_statement(house, statement):
    e = no_signature(house, statement)
    e.signatures.add(sig=house.attesters["dcv-1"].signature(house.domain("other.example.com").payload))
    return e


def signature_under_another_type(house, statement):
    e = no_signature(house, statement)
    e.signatures.add(sig=house.attesters["dcv-1"].signature(e.payload, UNSIGNED))
    return e


@pytest.mark.parametrize("make, rule", [
    (one_bad_among_good, "E02"), (unknown_key_among_good, "E02"), (same_signature_twice, "E02"),
    (unknown_payload_type, "E01"), (no_signature, "E02"), (signature_over_the_payload_alone, "E02"),
    (signature_over_another_statement, "E02"), (signature_under_another_type, "E02")])
def test_h31(house, make, rule):
    """A new bundle format brought a path on which envelopes counted that nobody had verified (policy-controller 1971,
    2026): one signature that does not hold spoils the envelope, and one envelope the request, through every RPC."""
    name = "bundle.example.com"
    tbs = house.tbs([name])
    around = house.around(tbs)
    bad = make(house, house.domain(name, envelope=False))
    for evidence in (around + [bad], around + [house.domain(name), bad]):
        refused(house.sign, tbs, evidence, rules=[rule], also=["V01"])
        verdict = judged(house, tbs, evidence)
        assert verdict is None or not verdict.admitted
    with pytest.raises(h.Refused):
        house.deposit([bad])
    signed(house, tbs, around + [house.domain(name)])


def judged(house, tbs, evidence):
    """EvaluateCertificate's verdict; None: it refuses to judge."""
    try:
        return house.evaluate(tbs, evidence).verdict
    except h.Refused:
        return None


def no_control(house, name):
    tbs = house.tbs([name])
    return tbs, house.around(tbs), "V01"


def another_profile(house, name):
    tbs = house.tbs([name])
    return tbs, house.complete(tbs, profile="ov"), "B06"


def no_possession(house, name):
    tbs = house.tbs([name])
    return tbs, house.complete(tbs, possession_proven=False), "B07"


def a_ca(house, name):
    ca = past.replaced(x509.oid.ExtensionOID.BASIC_CONSTRAINTS, x509.BasicConstraints(True, None), True)
    tbs = house.tbs([name], builder=ca)
    return tbs, house.complete(tbs), "T14"


@pytest.mark.parametrize("bad", [no_control, another_profile, no_possession, a_ca])
def test_h24(house, bad):
    """One protocol lacked the restriction that the others enforced (CVE-2020-28942): the same bad request gets the same
    reasons from every RPC, of every client, with the evidence inline or deposited."""
    tbs, evidence, rule = bad(house, f"{bad.__name__.replace('_', '-')}.example.com")
    first = refused(house.sign, tbs, evidence, rules=[rule])

    def reasons(refusal):
        return sorted((r.rule, r.subject) for r in refusal.reasons)
    house.deposit(evidence)
    for sent in (evidence, []):
        for uid in (past.OTHER_UID, past.OTHER_UID + (past.OTHER_UID != os.getuid()), os.getuid()):
            said = refused(house.sign_as, uid, request(tbs, sent), rules=[rule])
            assert reasons(said.refusal) == reasons(first.refusal)
        verdict = house.evaluate(tbs, sent).verdict
        assert not verdict.admitted and reasons(verdict) == reasons(first.refusal)


@pytest.mark.parametrize("ruleset", [b"", b"tls-br-0.9", b"latest", b"tls-br-9.9.9", b"TLS-BR-2.3.0"])
def test_h32(house, ruleset):
    """Validation records did not say which version of the requirements the work was done under, for 7.5 years
    (2013805)."""
    name = "ruleset.example.com"
    tbs = house.tbs([name])
    around = house.around(tbs)
    unversioned = signed_by(house, "dcv-1", house.domain(name, envelope=False), ruleset=ruleset)
    refused(house.sign, tbs, around + [unversioned], rules=["E07", "V01"], also=["E01"])
    signed(house, tbs, around + [house.domain(name)])


def test_h26(house):
    """An extension was added after signing, so that a CRL's signature did not verify (1712664): what is answered is
    what was judged and what the HSM was asked to sign, octet for octet, with a signature that verifies."""
    tbs = house.tbs(["octets.example.com"])
    answer = signed(house, tbs, house.complete(tbs))
    books = audit.audit(house)
    intent = books.intents[max(books.intents)]
    assert intent.tbs == tbs and audit.sha256(tbs) in [call[-64:] for call in books.hsm_calls]
    assert x509.load_der_x509_certificate(answer.certificate).tbs_certificate_bytes == tbs


def test_h26_changed_on_the_way(house):
    """The HSM signs other bytes than it was given, which shows as a signature that does not verify: nobody gets it, and
    it is never signed again."""
    tbs = house.tbs(["octets.example.com"])
    sent = request(tbs, house.complete(tbs))
    house.set_rules("C_Sign 1 1 corrupt")
    with house.channel() as channel:
        code, answer = house.take(house.future(channel, sent))
        assert (code, answer) == (grpc.StatusCode.DATA_LOSS, None)
        house.set_rules()
        code, answer = house.take(house.future(channel, sent))
        assert (code, answer) == (grpc.StatusCode.DATA_LOSS, None)
    past.rough.wait_for(house.is_serving, "the signer")
    books = audit.audit(house)
    assert [result for _, result in books.of_request(sent.request_id)] == [audit.UNKNOWN]
