"""Incidents of domain control and CAA."""
import os
import secrets

import grpc
import pytest

import house as h
import past
from past import refused, request, signed, signed_by, without


@pytest.fixture(scope="module")
def house():
    with past.PastHouse(clients=past.clients(("support", "v1"))) as made:
        made.start()
        yield made


def test_h03(house):
    """CAA was checked again for one name N times instead of for N names once (1619047, some 3 million certificates)."""
    names = [f"n{i}.caa.example.com" for i in range(12)]
    tbs = house.tbs(names)
    evidence = without(house.complete(tbs), "caa_check")
    said = refused(house.sign, tbs, evidence + [house.caa(names[0]) for _ in names], rules=["C01"])
    assert said.subjects("C01") == sorted(f"dns:{n}" for n in names[1:])
    signed(house, tbs, evidence + [house.caa(n) for n in names])


def test_h04(house):
    """www was validated and the apex was put into the certificate besides (1694233)."""
    tbs = house.tbs(["www.example.com", "example.com"])
    evidence = house.around(tbs) + [house.domain("www.example.com")]
    said = refused(house.sign, tbs, evidence, rules=["V01", "V05"])
    assert said.subjects("V01") == said.subjects("V05") == ["dns:example.com"]


def test_h05(house):
    """The domain of the contact's mailbox was marked as verified in place of the one that was asked for (1961406)."""
    tbs = house.tbs(["customer.example.com", "mail-hoster.example.net"])
    evidence = house.around(tbs) + [house.domain("customer.example.com", method="dcv_email_txt_contact",
                                                 contact=b"person@mail-hoster.example.net")]
    said = refused(house.sign, tbs, evidence, rules=["V01", "V05"])
    assert said.subjects("V01") == ["dns:mail-hoster.example.net"]


@pytest.mark.parametrize("scope", ["exact", "namespace"])
@pytest.mark.parametrize("name", ["*.web.example.com", "a.web.example.com"])
def test_h07(house, name, scope):
    """A file on the web server of a name says nothing of the names below it (ballot SC-45)."""
    tbs = house.tbs([name])
    evidence = house.around(tbs)
    said = refused(house.sign, tbs, evidence + [house.domain("web.example.com", method="dcv_acme_http_01", scope=scope)],
                   rules=["V01", "V05"])
    assert said.subjects("V01") == [f"dns:{name}"]
    signed(house, tbs, evidence + [house.domain("web.example.com", scope="namespace")])


def test_h10_attester_without_the_method():
    """Bad validations in the cache were reused while they were looked into (2017), the part that needs no recall: the
    operators take the method from the attester, and what it deposited with it no longer covers anything."""
    with past.PastHouse(issuers=past.EC) as house:
        house.start()
        tbs = house.tbs(["cached.example.com"])
        house.deposit(house.complete(tbs))
        assert house.evaluate(tbs, []).verdict.admitted
        house.stop()
        house.attesters["dcv-1"].methods = tuple(m for m in house.attesters["dcv-1"].methods if m != "dcv_dns_change")
        house.write_policy()
        house.start()
        said = refused(house.sign, tbs, [], rules=["V01", "C01"])
        assert said.subjects("V01") == ["dns:cached.example.com"]


def by_third_party(house, name, cosigned):
    statement = house.domain(name, envelope=False)
    if cosigned:
        return house.attesters["dcv-1"].envelope(statement, [house.attesters["ra-1"]])
    return signed_by(house, "ra-1", statement, attester=b"ra-1")


def test_h11(house):
    """A partner did validations, and nobody could tell them from the CA's own (2017, at least 30,000 certificates):
    who does not hold the role validates nothing, whatever his statement says of itself."""
    tbs = house.tbs(["partner.example.com"])
    for name in (b"ra-1", b"dcv-1"):
        statement = house.domain("partner.example.com", envelope=False)
        said = refused(house.sign, tbs, house.around(tbs) + [signed_by(house, "ra-1", statement, attester=name)],
                       rules=["E03", "V01"])
        assert "ra-1" in said.text


def test_h11_third_party():
    """The same, for a partner whom the policy knows as a delegated third party: it may not hold the role, and its
    signature spoils the statement it stands on."""
    def partner(text, house):
        return text.replace("    roles: [ra-officer]\n", "    roles: [ra-officer]\n    third_party: true\n", 1)

    def validator(text, house):
        return text.replace("    roles: [validation-system]\n", "    roles: [validation-system]\n    third_party: true\n")
    with past.PastHouse(policy=partner, issuers=past.EC) as house:
        house.start()
        tbs = house.tbs(["partner.example.com"])
        refused(house.sign, tbs, house.around(tbs) + [by_third_party(house, "partner.example.com", False)],
                rules=["E03", "V01"])
        refused(house.sign, tbs, house.around(tbs) + [by_third_party(house, "partner.example.com", True)],
                rules=["E03", "V01"])
    with past.PastHouse(policy=validator, issuers=past.EC) as house:
        with pytest.raises(RuntimeError, match="third party"):
            house.start()


def test_h20(house):
    """Test certificates from production keys for an address whose holder was never asked (1986968: 12 for 1.1.1.1,
    unnoticed for 18 months): without evidence, and with that of the staging system."""
    foreign = house.tbs(["1.1.1.1"])
    said = refused(house.sign, foreign, house.around(foreign), rules=["V01"])
    assert said.subjects("V01") == ["ip:1.1.1.1"]
    statement = house.domain("1.1.1.1", envelope=False)
    staging = signed_by(house, "dcv-1", statement, audience=b"ca.example/staging")
    refused(house.sign, foreign, house.around(foreign) + [staging], rules=["E04", "V01"])


@pytest.mark.parametrize("address", ["10.0.0.1", "127.0.0.1", "192.0.2.1", "100.64.0.1", "fc00::1", "2001:db8::1"])
def test_h20_reserved(house, address):
    """Test certificates for addresses that are nobody's (1712188), whatever the evidence says."""
    reserved = house.tbs([address])
    said = refused(house.sign, reserved, house.complete(reserved), rules=["T17"])
    assert said.subjects("T17") == [f"ip:{address}"]


@pytest.mark.parametrize("name", ["localhost", "mail.corp", "test.internal"])
def test_h20_internal(house, name):
    """The same for names of no public domain."""
    internal = house.tbs([name])
    said = refused(house.sign, internal, house.complete(internal), rules=["T17"], also=["V01", "V05"])
    assert said.subjects("T17") == [f"dns:{name}"]


def test_h22(house):
    """A reissue tool for support staff, rarely used, skipped the check (1443731, 1894054): the support client's request
    for the same names and key has an order that is spent and evidence that is too old."""
    key = h.ec.generate_private_key(h.ec.SECP256R1())
    name = ["reissue.example.com"]
    first = house.tbs(name, key=key)
    order_id = secrets.token_bytes(16)
    evidence = house.complete(first, order_id=order_id)
    signed(house, first, evidence)
    second = house.tbs(name, key=key)
    stale = house.domain(name[0], age_s=399 * past.DAY)
    kept = [*without(evidence, "domain_control", "lint"), house.lint(second), stale]
    said = refused(house.sign_as, past.OTHER_UID, request(second, kept, order_id=order_id), rules=["B04", "V01", "V03"])
    assert said.subjects("V03") == [f"dns:{name[0]}"]
    if os.getuid() == 0:
        kept = [e for e in kept if e is not stale] + [house.domain(name[0])]
        assert house.evaluate(second, kept + [house.order(second)]).verdict.admitted  # a new order is all it took


def test_h23(house):
    """A person set a CAA alarm aside (2018): no number of approvals makes a permission of it."""
    name = "forbidden.example.com"
    tbs, order_id = house.tbs([name]), secrets.token_bytes(16)
    evidence = without(house.complete(tbs, order_id=order_id), "caa_check")
    forbids = house.caa(name, result=h.caa_check_pb2.CAA_RESULT_FORBIDDEN)
    for n in (0, 1, 2, 40):
        people = [house.approval(order_id, attester=f"ra-{1 + i % 2}") for i in range(n)]
        said = refused(house.sign, tbs, [*evidence, forbids, *people], rules=["C01", *(["X01"] if n else [])])
        assert said.subjects("C01") == [f"dns:{name}"]
    with pytest.raises(h.Refused) as caught:  # the client learns why, in words
        house.sign(tbs, [*evidence, forbids])
    assert "CAA" in caught.value.text and caught.value.code == grpc.StatusCode.FAILED_PRECONDITION
