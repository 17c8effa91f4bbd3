"""The two incidents that countersign was written after, whole."""
import hashlib
import datetime
import os
import secrets

import grpc
import pytest

import house as h
import past
from past import OV_SUBJECT, check, name_of, refused, request, signed

# Three API versions are three clients. Unix sockets tell clients apart by their user id alone, so only root can be
# all three; without its rights the one client asks in the three ways in turn.
VERSIONS = {v: past.OTHER_UID + i if os.getuid() == 0 else os.getuid() for i, v in enumerate(("v1", "v2", "v3"))}


@pytest.fixture(scope="module")
def house():
    with past.PastHouse(clients=past.clients(*((f"api-{v}", v) for v in VERSIONS))) as made:
        made.start()
        yield made


def ask(house, version, tbs, order_id, evidence):
    """v1 sends the TBS alone, v2 names the order, v3 sends all it has; the rest was deposited."""
    house.deposit(evidence if version != "v3" else evidence[:1])
    sent = request(tbs, evidence if version == "v3" else (), order_id=order_id if version == "v2" else b"")
    return house.sign_as(VERSIONS[version], sent)


@pytest.mark.parametrize("version", VERSIONS)
def test_h01(house, version):
    """An agent approved a renewal that nobody had validated, and an old API had no check (1930029): whichever API
    asks, approvals are no evidence; with the evidence each of them gets the certificate."""
    name = f"renewal-{version}.example.com"
    tbs, order_id = house.tbs([name]), secrets.token_bytes(16)
    evidence = [*house.around(tbs, order_id=order_id), house.approval(order_id),
                house.approval(order_id, attester="ra-2")]
    said = refused(ask, house, version, tbs, order_id, evidence, rules=["V01", "X01"])
    assert said.subjects("V01") == [f"dns:{name}"]
    check(house, ask(house, version, tbs, order_id, [*evidence, house.domain(name)]), tbs)


def test_h01_withdrawn_in_flight(house):
    """The customer was asked to wait, and automation fetched the certificate 22 minutes later: what was judged before
    the withdrawal is answered, and nothing after it is signed, neither the final certificate nor another try."""
    args = dict(key=h.ec.generate_private_key(h.ec.SECP256R1()), serial=0x4F00112233445566778899AABBCC0001,
                not_before=datetime.datetime.utcfromtimestamp(house.now() - 3600))
    names, order_id = ["withdrawn.example.com"], secrets.token_bytes(16)
    precertificate = house.tbs(names, precertificate=True, **args)
    evidence = [*house.complete(precertificate, order_id=order_id), house.approval(order_id)]
    house.hold("before")
    with house.channel() as channel:
        running = house.future(channel, request(precertificate, evidence))
        house.wait_held()
        withdrawal = house.approval(order_id, "withdraw", attester="ra-2")
        assert house.deposit([withdrawal]).deposited[0].ledger_entry > 0
        house.set_rules()
        code, answer = house.take(running)
    assert code == grpc.StatusCode.OK
    check(house, answer, precertificate)
    final = house.tbs(names, **args)
    for version, uid in VERSIONS.items():  # the evidence is the one that was good enough a moment ago
        with pytest.raises(h.Refused) as caught:
            house.sign_as(uid, request(final, evidence))
        assert "A01" in caught.value.rules() and "V01" not in caught.value.rules(), version
    anew = house.tbs(names, key=args["key"])
    assert "A01" in refused_rules(house, anew, [*evidence, house.lint(anew)])
    again = house.complete(anew)  # a new order, after the question is settled
    signed(house, anew, again)
    house.audit()


def refused_rules(house, tbs, evidence):
    with pytest.raises(h.Refused) as caught:
        house.sign(tbs, evidence)
    return caught.value.rules()


CHANGED = (*OV_SUBJECT[:3], (h.NameOID.ORGANIZATION_NAME, "Erika Mustermann"))


def earlier(house, account):
    """The account's last certificate, with the organisation as it was vetted. Returns that statement's payload."""
    tbs = house.tbs([f"{account.decode()}.example.org"], profile="ov", subject=OV_SUBJECT)
    vetted = house.organization(name_of(OV_SUBJECT), account)
    signed(house, tbs, [*house.complete(tbs, account, profile="ov"), vetted])
    return vetted


def test_h02_another_organization_than_vetted(house):
    """A change of contact was also written to the organisation, and 48 certificates went out in 12 weeks (1535735):
    the record says one organisation, the TBS another, and the first of the 48 is refused as the last one is."""
    vetted = earlier(house, b"h02-tbs")
    for n in range(48):
        tbs = house.tbs([f"shop-{n}.example.org"], profile="ov", subject=CHANGED)
        said = refused(house.sign, tbs, [*house.complete(tbs, b"h02-tbs", profile="ov"), vetted],
                       rules=["O01", "O05"])
        reason = next(r for r in said.refusal.reasons if r.rule == "O01")
        assert reason.subject == "subject:O" and "Erika Mustermann" in reason.found
        assert "Example Verlag GmbH" in reason.needed


def test_h02_changed_by_one_person(house):
    """The same, with the change in the vetting record itself, signed by one person: the ledger knows what the account's
    last certificate said, and the change needs two people who name the version before."""
    vetted = earlier(house, b"h02-record")
    previous = hashlib.sha256(vetted.payload).digest()
    alone = house.organization(name_of(CHANGED), b"h02-record", version=2, previous_statement_sha256=previous)
    for n in range(48):
        tbs = house.tbs([f"shop-{n}.example.org"], profile="ov", subject=CHANGED)
        said = refused(house.sign, tbs, [*house.complete(tbs, b"h02-record", profile="ov"), alone],
                       rules=["O01", "O05"])
        assert any("Example Verlag GmbH" in r.found + r.needed for r in said.refusal.reasons)
    both = [house.organization(name_of(CHANGED), b"h02-record", version=2, attester=a,
                               previous_statement_sha256=previous) for a in ("vetting-1", "vetting-2")]
    tbs = house.tbs(["shop.example.org"], profile="ov", subject=CHANGED)
    signed(house, tbs, [*house.complete(tbs, b"h02-record", profile="ov"), *both])
