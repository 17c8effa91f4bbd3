"""CRLs, OCSP responses, requests, certificates and documents where a tbsCertificate belongs: refused, with a reason that
says what it is. The PKCS#11 module's side is in tests/clients/pkcs11/test_calls.py."""
import grpc
import pytest

import audit
import house as h
import other_data




def ask_sign(house, data):
    return house.sign(data, [])


def ask_authorize(house, data):
    return house.authorize(data, [])


@pytest.mark.parametrize("ask", [ask_sign, ask_authorize])
def test_refused_by_its_name(house, ask):
    before = audit.Books(house)
    rows = {**other_data.rows(house), "octet": b"I owe you a certificate"}
    for noun, data in rows.items():
        with pytest.raises(h.Refused) as caught:
            ask(house, data)
        said = caught.value
        assert said.code == grpc.StatusCode.INVALID_ARGUMENT and said.rules() == ["T01"], noun
        (reason,) = said.refusal.reasons
        assert noun in reason.found and reason.subject == "tbs" and "TBSCertificate" in reason.needed, reason
        assert said.refusal.ledger_entry > 0
    after = audit.Books(house)
    assert len(after.intents) == len(before.intents) and len(after.witness) == len(before.witness)
    assert len(after.refusals) == len(before.refusals) + len(rows)


def test_evaluated_by_its_name(house):
    for noun, data in other_data.rows(house).items():
        try:
            reasons = house.evaluate(data, []).verdict.reasons
        except h.Refused as said:
            reasons = said.refusal.reasons
        (reason,) = reasons
        assert reason.rule == "T01" and noun in reason.found


def test_a_damaged_tbs_is_told_from_other_data(house):
    """Where the reader stopped is said as before; nothing else is claimed about it."""
    tbs = house.tbs(["damaged.example.com"])
    with pytest.raises(h.Refused) as caught:
        house.sign(tbs[:-1], [])
    (reason,) = caught.value.refusal.reasons
    assert reason.rule == "T01" and reason.found.startswith("at octet ")
