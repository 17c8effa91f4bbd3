"""The founding stories, through the real daemon: what is refused, why, and what is then signed."""
import datetime
import hashlib
import secrets

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from house import Refused, statement_pb2

OV_SUBJECT = ((NameOID.COUNTRY_NAME, "DE"), (NameOID.STATE_OR_PROVINCE_NAME, "Berlin"),
              (NameOID.LOCALITY_NAME, "Berlin"), (NameOID.ORGANIZATION_NAME, "Example Verlag GmbH"))


def is_control(envelope):
    return statement_pb2.Statement.FromString(envelope.payload).HasField("domain_control")


def verify(house, issuer, certificate_der, tbs):
    """By python3-cryptography, not by anything of ours."""
    certificate = x509.load_der_x509_certificate(certificate_der)
    assert certificate.tbs_certificate_bytes == tbs
    key = house.issuer(issuer).certificate.public_key()
    algorithm = certificate.signature_hash_algorithm
    if isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(certificate.signature, tbs, ec.ECDSA(algorithm))
    else:
        key.verify(certificate.signature, tbs, padding.PKCS1v15(), algorithm)


@pytest.mark.parametrize("issuer", ["ec", "rsa"])
def test_signed_with_evidence(house, issuer):
    tbs = house.tbs(["www.example.com", "example.com"], issuer)
    answer = house.sign(tbs, house.complete(tbs), issuer)
    verify(house, issuer, answer.certificate, tbs)
    assert answer.verdict.admitted and not answer.replayed
    assert {"dns:www.example.com", "dns:example.com"} <= {c.subject for c in answer.verdict.covers}


def test_approval_without_evidence_is_refused(house):
    """H01: the agent approved, nothing was validated."""
    tbs = house.tbs(["renewal.example.com"])
    order_id = secrets.token_bytes(16)
    evidence = [*house.around(tbs, order_id=order_id), house.approval(order_id),
                house.approval(order_id, attester="ra-2")]
    with pytest.raises(Refused) as refused:
        house.sign(tbs, evidence)
    assert refused.value.code == grpc.StatusCode.FAILED_PRECONDITION
    assert refused.value.subjects("V01") == ["dns:renewal.example.com"]
    assert "X01" in refused.value.rules()
    assert refused.value.refusal.ledger_entry > 0
    verify(house, "ec", house.sign(tbs, evidence + [house.domain("renewal.example.com")]).certificate, tbs)


def test_another_customers_evidence_is_refused(house):
    tbs = house.tbs(["shop.example.net"])
    with pytest.raises(Refused) as refused:
        house.sign(tbs, house.around(tbs) + [house.domain("shop.example.net", account=b"acct-2")])
    assert {"V01", "V06"} <= set(refused.value.rules())


def test_organization_changed_by_one_letter_is_refused(house):
    """H02: the subject says another organisation than the one that was vetted."""
    names = ["www.example.org"]
    good = house.tbs(names, profile="ov", subject=OV_SUBJECT)
    vetted = house.organization(x509.Name([x509.NameAttribute(o, v) for o, v in OV_SUBJECT]))
    verify(house, "ec", house.sign(good, house.complete(good, profile="ov") + [vetted]).certificate, good)
    changed = OV_SUBJECT[:3] + ((NameOID.ORGANIZATION_NAME, "Example Verleg GmbH"),)
    bad = house.tbs(names, profile="ov", subject=changed)
    with pytest.raises(Refused) as refused:
        house.sign(bad, house.complete(bad, profile="ov") + [vetted])
    assert refused.value.rules() == ["O01", "O05"]  # another name than attested, and than the account's last
    reason = next(r for r in refused.value.refusal.reasons if r.rule == "O01")
    assert "Verleg" in reason.found and "Verlag" in reason.needed


def test_rejected_and_withdrawn_approvals_stop(house):
    for decision in ("reject", "withdraw"):
        name = f"{decision}.example.com"
        tbs = house.tbs([name])
        order_id = secrets.token_bytes(16)
        evidence = house.complete(tbs, order_id=order_id) + [house.approval(order_id)]
        with pytest.raises(Refused) as refused:
            house.sign(tbs, evidence + [house.approval(order_id, decision, attester="ra-2")])
        assert refused.value.rules() == ["A01"]


def test_deposited_evidence_is_found(house):
    """An old API version sends nothing but the TBS."""
    tbs = house.tbs(["old-api.example.com", "*.wild.example.com", "198.52.0.1"])
    evidence = house.complete(tbs)
    with pytest.raises(Refused) as refused:
        house.sign(tbs, [])
    assert "B01" in refused.value.rules()
    first = house.deposit(evidence)
    assert all(d.ledger_entry and not d.already_known for d in first.deposited)
    again = house.deposit(evidence)
    assert [d.ledger_entry for d in again.deposited] == [d.ledger_entry for d in first.deposited]
    assert all(d.already_known for d in again.deposited)
    verify(house, "ec", house.sign(tbs, []).certificate, tbs)
    with pytest.raises(Refused) as refused:  # one use
        house.sign(house.tbs(["old-api.example.com"]), [])
    assert "B01" in refused.value.rules()


def test_deposited_rejection_stops_inline_evidence(house):
    tbs = house.tbs(["objection.example.com"])
    order_id = secrets.token_bytes(16)
    house.deposit([house.approval(order_id, "reject")] + [])
    house.deposit([house.approval(order_id) for _ in range(40)])
    with pytest.raises(Refused) as refused:
        house.sign(tbs, house.complete(tbs, order_id=order_id))
    assert refused.value.rules() == ["A01"]


def test_a_full_request_does_not_push_a_deposited_rejection_out(house):
    tbs = house.tbs(["full.example.com"])
    order_id = secrets.token_bytes(16)
    house.deposit([house.approval(order_id, "reject")])
    evidence = house.complete(tbs, order_id=order_id)
    evidence += [house.approval(order_id) for _ in range(1024 - len(evidence))]
    ra = house.attesters["ra-1"].key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    for envelope in evidence[-1000:]:  # a named key costs one verification
        envelope.signatures[0].keyid = hashlib.sha256(ra).hexdigest()
    with pytest.raises(Refused) as refused:
        house.sign(tbs, evidence)
    assert refused.value.rules() == ["A01"]


def test_request_id_is_idempotent(house):
    tbs = house.tbs(["again.example.com"])
    evidence = house.complete(tbs)
    request_id = secrets.token_bytes(16)
    first = house.sign(tbs, evidence, request_id=request_id)
    second = house.sign(tbs, evidence, request_id=request_id)
    assert second.replayed and second.certificate == first.certificate and second.ledger_entry == first.ledger_entry
    other = house.tbs(["other.example.com"])
    with pytest.raises(Refused) as refused:
        house.sign(other, house.complete(other), request_id=request_id)
    assert refused.value.code == grpc.StatusCode.ALREADY_EXISTS


def test_order_and_serial_are_spent_once(house):
    key = ec.generate_private_key(ec.SECP256R1())
    tbs = house.tbs(["once.example.com"], key=key)
    evidence = house.complete(tbs)
    house.sign(tbs, evidence)
    other = house.tbs(["once.example.com"], key=key)
    with pytest.raises(Refused) as refused:
        house.sign(other, evidence + [house.lint(other)])
    assert refused.value.rules() == ["B04"] and refused.value.code == grpc.StatusCode.ALREADY_EXISTS
    with pytest.raises(Refused) as refused:
        house.sign(tbs, house.complete(tbs))
    assert refused.value.rules() == ["T05"]


def test_precertificate_then_its_certificate(house):
    args = dict(key=ec.generate_private_key(ec.SECP256R1()), serial=0x4F00112233445566778899AABBCCDDEE,
                not_before=datetime.datetime.utcnow().replace(microsecond=0) - datetime.timedelta(hours=1))
    precertificate = house.tbs(["ct.example.com"], precertificate=True, **args)
    evidence = house.complete(precertificate)
    verify(house, "ec", house.sign(precertificate, evidence).certificate, precertificate)
    with pytest.raises(Refused) as refused:  # the same serial and order for anything else
        other = house.tbs(["ct.example.com"], days=89, **args)
        house.sign(other, evidence + [house.lint(other)])
    assert refused.value.rules() == ["B04", "T05"]
    final = house.tbs(["ct.example.com"], **args)
    verify(house, "ec", house.sign(final, evidence).certificate, final)
    with pytest.raises(Refused) as refused:
        house.sign(final, evidence)
    assert refused.value.rules() == ["B04", "P04", "T05"]


def test_evaluate_says_the_same_and_spends_nothing(house):
    tbs = house.tbs(["evaluate.example.com"])
    evidence = house.complete(tbs)
    missing = house.evaluate(tbs, [e for e in evidence if not is_control(e)]).verdict
    assert not missing.admitted and {r.rule for r in missing.reasons} == {"V01"}
    for _ in range(2):
        assert house.evaluate(tbs, evidence).verdict.admitted
    house.sign(tbs, evidence)
