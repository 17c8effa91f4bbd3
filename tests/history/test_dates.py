"""Incidents at a boundary second, and the days on which the requirements change by themselves. The gate is the product's
with another clock (testclock.c): it stands still at the second that a scenario sets, and goes on when the scenario says.

All evidence is made by that clock. An account URI stands in the evidence throughout, since RFC 8657 requires it from
2027-03-15 on.
"""
import os
import pathlib

import grpc
import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

import house as h
import past
from past import DAY, refused, replaced, signed, utc, valid_for

URI = b"https://acme.ca.example/acct/1"
LAST_OF_200 = utc("2027-03-14T23:59:59")


@pytest.fixture
def at():
    """at("2027-03-15T00:00:00"): a house in which it is that second."""
    made = []

    def start(text, **args):
        made.append(past.PastHouse(clock=utc(text), issuers=past.EC, **args))
        return made[-1].start()
    yield start
    for house in made:
        house.close()


def caa_check(house, name, uri, method):
    statement = house.caa(name, envelope=False)
    statement.caa_check.account_uri = uri
    statement.caa_check.methods[:] = [h.common_pb2.ValidationMethod.Value("VALIDATION_METHOD_" + method.upper())]
    return house.attesters["dcv-1"].envelope(statement)


def evidence(house, tbs, *controls, uri=URI, method="dcv_dns_change"):
    """Order, lint, CAA for this method, and the controls, or fresh ones of every name."""
    names, _ = h.san_of(tbs)
    caa = [caa_check(house, n, uri, method) for n in names]
    controls = controls or [house.domain(n, account_uri=URI) for n in names]
    order = house.order(tbs, latest_not_after_unix_s=house.now() + 400 * DAY)
    return [order, house.lint(tbs), *caa, *controls]


# -- H06 --------------------------------------------------------------------------------------

SUNSETS = {"dcv_phone_txt_contact": ("2027-03-14T23:59:59", b"+49 30 123456"),
           "dcv_email_txt_contact": ("2028-03-14T23:59:59", b"person@example.com")}


@pytest.mark.parametrize("method", SUNSETS)
def test_h06(at, method):
    """Evidence of a method that had been retired was still reused (1756847, 1750631): evidence from before the day
    counts up to its last second, and not in the first second of the day."""
    last, contact = SUNSETS[method]
    house = at(last)
    old = house.domain("sunset.example.com", method=method, contact=contact, account_uri=URI, age_s=5 * DAY)

    def ask():
        tbs = house.tbs(["sunset.example.com"], days=60)
        return tbs, evidence(house, tbs, old, method=method)
    signed(house, *ask())
    house.set_clock(utc(last) + 1)
    said = refused(house.sign, *ask(), rules=["V01", "V02"])
    assert said.subjects("V02") == ["dns:sunset.example.com"]
    house.set_clock(utc(last) + 2)
    tbs = house.tbs(["sunset.example.com"], days=60)
    signed(house, tbs, evidence(house, tbs))  # by a method that is left


# -- H13 --------------------------------------------------------------------------------------

@pytest.mark.parametrize("now, days", [("2026-11-30T12:00:00", 200), ("2027-03-14T23:59:59", 200),
                                       ("2027-03-15T00:00:00", 100), ("2029-03-14T23:59:59", 100),
                                       ("2029-03-15T00:00:00", 47)])
def test_h13(at, now, days):
    """Certificates were valid for 398 days and one second, since the last second counts (1667744): the limit of the
    day to the second, and one more is refused."""
    house = at(now)
    bad = house.tbs(["second.example.com"], builder=valid_for(days * DAY + 1))
    said = refused(house.sign, bad, evidence(house, bad), rules=["T07"])
    assert said.subjects("T07") == ["tbs.validity"]
    good = house.tbs(["second.example.com"], builder=valid_for(days * DAY))
    signed(house, good, evidence(house, good))


# -- days on which the requirements change ----------------------------------------------------

def test_validity_steps_down_at_midnight(at):
    """The same request, one second apart: the day picks the row, nobody has to change a setting (BR 6.3.2)."""
    house = at("2027-03-14T23:59:59")
    first = house.tbs(["step.example.com"], builder=valid_for(200 * DAY))
    signed(house, first, evidence(house, first))
    house.set_clock(LAST_OF_200 + 1)
    second = house.tbs(["step.example.com"], builder=valid_for(200 * DAY))
    refused(house.sign, second, evidence(house, second), rules=["T07"])
    house.audit()


@pytest.mark.parametrize("before, limit_days", [("2027-03-14T23:59:59", 200), ("2027-03-15T00:00:00", 100),
                                                ("2029-03-15T00:00:00", 10)])
def test_domain_reuse(at, before, limit_days):
    """Evidence at the last second of its reuse period, and one second older (BR 4.2.1)."""
    house = at(before)
    tbs = house.tbs(["reuse.example.com"], days=40)
    old = house.domain("reuse.example.com", account_uri=URI, age_s=limit_days * DAY + 1)
    said = refused(house.sign, tbs, evidence(house, tbs, old), rules=["V01", "V03"])
    assert said.subjects("V03") == ["dns:reuse.example.com"]
    signed(house, tbs, evidence(house, tbs, house.domain("reuse.example.com", account_uri=URI,
                                                         age_s=limit_days * DAY)))


def test_domain_reuse_steps_down_at_midnight(at):
    """Evidence of 150 days dies with the day on which the limit becomes 100."""
    house = at("2027-03-14T23:59:59")
    old = house.domain("reuse.example.com", account_uri=URI, age_s=150 * DAY)
    tbs = house.tbs(["reuse.example.com"], days=40)
    signed(house, tbs, evidence(house, tbs, old))
    house.set_clock(LAST_OF_200 + 1)
    tbs = house.tbs(["reuse.example.com"], days=40)
    refused(house.sign, tbs, evidence(house, tbs, old), rules=["V01", "V03"])


def with_remotes(house, name, n, attempt_unix_s):
    """Control seen by n remote perspectives at that second."""
    made = house.domain(name, account_uri=URI, age_s=house.now() - attempt_unix_s, envelope=False)
    del made.domain_control.perspectives.remotes[n:]
    return house.attesters["dcv-1"].envelope(made)


@pytest.mark.parametrize("attempt, least", [("2026-12-14T23:59:59", 4), ("2026-12-15T00:00:00", 5)])
def test_remote_perspectives(at, attempt, least):
    """The number of remote perspectives is that of the day of the attempt: 4, and 5 from 2026-12-15 on (BR 3.2.2.9)."""
    house = at("2026-12-15T01:00:00")
    tbs = house.tbs(["remote.example.com"])
    few = with_remotes(house, "remote.example.com", least - 1, utc(attempt))
    said = refused(house.sign, tbs, evidence(house, tbs, few), rules=["V01", "V07"])
    assert said.subjects("V07") == ["dns:remote.example.com"]
    signed(house, tbs, evidence(house, tbs, with_remotes(house, "remote.example.com", least, utc(attempt))))


CLIENT_AUTH = replaced(ExtensionOID.EXTENDED_KEY_USAGE,
                       x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), False)


def test_client_auth_ends(at):
    """clientAuth beside serverAuth up to 2027-03-14, serverAuth alone from then on (Chrome 1.3.2)."""
    house = at("2027-03-14T23:59:59")
    tbs = house.tbs(["client.example.com"], builder=CLIENT_AUTH)
    signed(house, tbs, evidence(house, tbs))
    house.set_clock(LAST_OF_200 + 1)
    tbs = house.tbs(["client.example.com"], builder=CLIENT_AUTH)
    refused(house.sign, tbs, evidence(house, tbs), rules=["T16"])
    tbs = house.tbs(["client.example.com"])
    signed(house, tbs, evidence(house, tbs))


def test_account_uri_of_caa_becomes_required(at):
    """RFC 8657: a CAA check that was not evaluated for the account counts up to 2027-03-14 (BR 4.2.2.1.2)."""
    house = at("2027-03-14T23:59:59")
    tbs = house.tbs(["account.example.com"])
    signed(house, tbs, evidence(house, tbs, uri=b""))
    house.set_clock(LAST_OF_200 + 1)
    tbs = house.tbs(["account.example.com"])
    said = refused(house.sign, tbs, evidence(house, tbs, uri=b""), rules=["C01", "C04"])
    assert said.subjects("C04") == ["dns:account.example.com"]
    signed(house, tbs, evidence(house, tbs))


# -- the clock itself -------------------------------------------------------------------------

def test_the_clock_stands_still(at):
    """Two requests and a restart at one second: the ledger takes them, and an hour earlier it takes nothing."""
    house = at("2027-03-15T00:00:00")
    for _ in range(2):
        tbs = house.tbs(["still.example.com"])
        answer = signed(house, tbs, evidence(house, tbs))
        assert answer.verdict.judged_at_unix_s == utc("2027-03-15T00:00:00")
    assert house.stop() == 0
    house.start()
    house.set_clock(utc("2027-03-14T23:00:00"))
    tbs = house.tbs(["still.example.com"])
    with pytest.raises(h.Refused) as caught:
        house.sign(tbs, evidence(house, tbs))
    assert (caught.value.code, caught.value.rules()) == (grpc.StatusCode.UNAVAILABLE, ["X02"])


def test_the_product_has_no_such_clock():
    """The gate that takes its clock from a file is not the product's: no program of the product has its texts."""
    texts = (b"countersign-gate-testclock: no clock", b"%s.clock")
    test_gate = pathlib.Path(os.environ["COUNTERSIGN_GATE_TESTCLOCK"])
    assert all(text in test_gate.read_bytes() for text in texts)
    assert test_gate.parent != h.BIN and not (h.BIN / test_gate.name).exists()
    for program in h.BIN.iterdir():
        assert not any(text in program.read_bytes() for text in texts), program
