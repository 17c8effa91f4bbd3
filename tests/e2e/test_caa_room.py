"""A CAA check that forbids is deposited; whatever else comes with a request, it is seen: it has room of its own among the
evidence, and where that does not suffice the request is refused with that reason."""
import time

import grpc
import pytest

import house as h
from countersign.v1 import caa_check_pb2

FORBIDDEN = caa_check_pb2.CAA_RESULT_FORBIDDEN
EVIDENCE_MAX, FORBIDS_PER_NAME = 1024, 256


@pytest.fixture(scope="module")
def house():
    with h.House(signers=1, issuers=h.House.ISSUERS[:1]) as made:
        made.start()
        yield made


@pytest.fixture(scope="module")
def others(house):
    """Evidence of other names: as much as a request may carry."""
    return [house.domain(f"n{n}.example.org") for n in range(EVIDENCE_MAX)]


def full(house, tbs, others):
    own = house.complete(tbs)
    return own + others[:EVIDENCE_MAX - len(own)]


def refused(ask, *args, subject):
    with pytest.raises(h.Refused) as caught:
        ask(*args)
    said = caught.value
    assert said.code == grpc.StatusCode.FAILED_PRECONDITION and "C01" in said.rules(), said.text
    assert subject in said.subjects("C01")
    return said


@pytest.mark.parametrize("name", ["forbidden.example.com", "*.forbidden.example.com"])
def test_among_a_thousand_other_envelopes(house, others, name):
    house.deposit([house.caa(name, age_s=60, result=FORBIDDEN)])  # complete()'s own are of ten minutes ago
    tbs = house.tbs([name])
    for evidence in (house.complete(tbs), full(house, tbs, others)):
        refused(house.sign, tbs, evidence, subject=f"dns:{name}")
        refused(house.authorize, tbs, evidence, subject=f"dns:{name}")
        assert not house.evaluate(tbs, evidence).verdict.admitted


def test_a_newer_check_knows_better(house, others):
    tbs = house.tbs(["mended.example.com"])
    house.deposit([house.caa("mended.example.com", age_s=3600, result=FORBIDDEN)])
    assert house.sign(tbs, full(house, tbs, others)).certificate


def test_not_pushed_out_by_later_deposits(house):
    """More deposits of checks that permit, made before it, than are looked at for one name."""
    name = "late.example.com"
    house.deposit([house.caa(name, age_s=60, result=FORBIDDEN)])
    house.deposit([house.caa(name, age_s=600 + n, methods=house.METHODS[:1 + n % 4]) for n in range(20)])
    tbs = house.tbs([name])
    refused(house.sign, tbs, house.complete(tbs), subject=f"dns:{name}")


def wait_until(unix_s):
    while (left := unix_s + 1 - time.time()) > 0:
        time.sleep(left)


def short_lived(house, name, age_s, life_s=3, **over):
    """A deposited check that forbids, of which the statement expires before the test goes on."""
    statement = house.caa(name, age_s=age_s, envelope=False, result=FORBIDDEN, **over)
    statement.header.expires_at_unix_s = int(time.time()) + life_s
    house.deposit([house.attesters["dcv-1"].envelope(statement)])
    wait_until(statement.header.expires_at_unix_s)


def test_its_own_expiry_does_not_bring_back_what_is_older(house, others):
    """The check that permits is of ten minutes ago and lives on; the one that forbids is newer and has expired."""
    name = "expired.example.com"
    short_lived(house, name, age_s=60)
    tbs = house.tbs([name])
    evidence = house.complete(tbs)
    for asked in (evidence, full(house, tbs, others)):
        said = refused(house.sign, tbs, asked, subject=f"dns:{name}")
        assert said.rules() == ["C01"] and "forbids" in said.text, said.text
    house.deposit(evidence)  # nor when it is looked up
    refused(house.sign, tbs, [], subject=f"dns:{name}")
    newer = house.caa(name, age_s=10)
    assert house.sign(tbs, [*evidence, newer]).certificate


def test_looks_back_as_far_as_a_check_that_permits(house):
    """A TTL of a week: the check of five days ago still counts, and so does the one that forbids of three days ago;
    inline and deposited."""
    name = "week.example.com"
    short_lived(house, name, age_s=3 * h.DAY)
    tbs = house.tbs([name])
    rest = [e for e in house.complete(tbs)
            if h.statement_pb2.Statement.FromString(e.payload).WhichOneof("body") != "caa_check"]
    refused(house.sign, tbs, [*rest, house.caa(name, age_s=5 * h.DAY, ttl_s=7 * h.DAY)], subject=f"dns:{name}")
    house.deposit([house.caa(name, age_s=4 * h.DAY, ttl_s=7 * h.DAY)])
    refused(house.sign, tbs, rest, subject=f"dns:{name}")
    # a younger one that permits counts, and an older check about another question takes nothing away
    assert house.sign(tbs, [*rest, house.caa(name, age_s=2 * h.DAY, ttl_s=7 * h.DAY)]).certificate


def test_as_many_as_are_looked_at_and_one_more(house):
    name = "often.example.com"
    older = [house.caa(name, age_s=7200 + n, result=FORBIDDEN) for n in range(FORBIDS_PER_NAME + 1)]
    house.deposit(older[:FORBIDS_PER_NAME])
    tbs = house.tbs([name])
    assert house.sign(tbs, house.complete(tbs)).certificate  # all older than the one that permits
    house.deposit(older[FORBIDS_PER_NAME:])
    tbs = house.tbs([name])
    said = refused(house.sign, tbs, house.complete(tbs), subject=f"caa:{name}")
    assert "more deposited CAA checks" in said.text


def test_more_names_than_there_is_room_for(house, others):
    """Beside 1024 envelopes: 64 objections' and 128 checks' room."""
    room = 64 + 128
    names = [f"n{n:03}.many.example.com" for n in range(room + 1)]
    forbids = [house.caa(n, age_s=7200, result=FORBIDDEN) for n in names]
    house.deposit(forbids[:room])
    tbs = house.tbs(names)
    assert house.sign(tbs, full(house, tbs, others)).certificate
    house.deposit(forbids[room:])
    tbs = house.tbs(names)
    refused(house.sign, tbs, full(house, tbs, others), subject=f"caa:{names[room]}")
    assert house.sign(tbs, house.complete(tbs)).certificate  # with less evidence all of it is seen
