"""What stops an authorised digest between its authorisation and its signature, and what does not stop because it was
never recorded: a hold, a lifting and a recall of a commit that failed."""
import resource
import secrets

import grpc
import pytest

import audit
import house as h
import rough
from house import Refused

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
FAILED_PRECONDITION = grpc.StatusCode.FAILED_PRECONDITION


@pytest.fixture(scope="module")
def house():
    with rough.RoughHouse() as made:
        made.start()
        yield made
        made.audit()


def case(house, account=b"acct-1"):
    tbs = house.tbs([f"s{secrets.token_hex(4)}.example.com"])
    return tbs, house.complete(tbs, account)


def refused(ask, *args, **named):
    with pytest.raises(Refused) as caught:
        ask(*args, **named)
    return caught.value


# -- between AuthorizeTbs and SignAuthorized --------------------------------------------------


@pytest.mark.parametrize("deposited", [False, True], ids=["inline", "deposited"])
@pytest.mark.parametrize("fields", [dict(everything=True), dict(accounts=[b"acct-held"]), dict(clients=[b"api"])],
                         ids=["everything", "account", "client"])
def test_a_hold_in_between(house, fields, deposited):
    """Refused with H01 as often as it is asked, and signed once the hold is lifted: the authorisation was not spent."""
    tbs, evidence = case(house, b"acct-held")
    if deposited:
        house.deposit(evidence)
    entry = house.authorize(tbs, [] if deposited else evidence).ledger_entry
    hold_id, hold_entry = house.place(**fields)
    try:
        n = len(audit.Books(house).intents)
        for _ in range(2):
            said = refused(house.sign_authorized, tbs)
            assert said.code == FAILED_PRECONDITION and said.rules() == ["H01"], said.text
            assert f"ledger entry {hold_entry})" in said.refusal.reasons[0].found
        assert refused(house.authorize, *case(house, b"acct-held")).rules() == ["H01"]
        assert len(audit.Books(house).intents) == n and entry < hold_entry
    finally:
        house.lift(hold_id)
    signed = house.sign_authorized(tbs)
    assert signed.ledger_entry > hold_entry


@pytest.mark.parametrize("what", ["domain_control", "order", "lint", "caa_check"])
@pytest.mark.parametrize("deposited", [False, True], ids=["inline", "deposited"])
def test_a_recall_in_between(house, what, deposited):
    """What the authorisation rests on is withdrawn: H02, and nothing is signed under it ever again."""
    tbs, evidence = case(house)
    statements = [h.statement_pb2.Statement.FromString(e.payload) for e in evidence]
    (gone,) = [s.header.statement_id for s in statements if s.WhichOneof("body") == what]
    if deposited:
        house.deposit(evidence)
    house.authorize(tbs, [] if deposited else evidence)
    house.recall(statement_ids=[gone])
    n = len(audit.Books(house).intents)
    said = refused(house.sign_authorized, tbs)
    assert said.code == FAILED_PRECONDITION and "H02" in said.rules(), said.text
    assert len(audit.Books(house).intents) == n
    if what == "domain_control":  # new work is good for the same TBS, authorised anew
        house.authorize(tbs, [e for e, s in zip(evidence, statements) if s.header.statement_id != gone]
                        + [house.domain(h.san_of(tbs)[0][0], age_s=60)])
        assert house.sign_authorized(tbs).ledger_entry


def test_other_evidence_recalled_changes_nothing(house):
    tbs, evidence = case(house)
    house.authorize(tbs, evidence)
    house.recall(statement_ids=[b"a statement of somebody else"])
    assert house.sign_authorized(tbs).signature


# -- a commit that failed ---------------------------------------------------------------------


class Full:
    """The ledger takes no byte while it lasts."""

    def __init__(self, house):
        self.house = house

    def limit(self, n):
        resource.prlimit(self.house.pids("gate")[0], resource.RLIMIT_FSIZE, (n, resource.RLIM_INFINITY))

    def __enter__(self):
        self.limit(0)

    def __exit__(self, *exc):
        self.limit(resource.RLIM_INFINITY)
        rough.wait_for(self.house.is_serving, "SERVING")


def holds_in_books(house):
    return [e.hold for e in audit.Books(house).entries if e.WhichOneof("body") == "hold"]


def test_a_hold_that_was_not_recorded_is_not_in_force(house):
    n = len(holds_in_books(house))
    with Full(house):
        assert refused(house.place, everything=True, hold_id=b"lost").code == UNAVAILABLE
        assert refused(house.place, accounts=[b"acct-1"], hold_id=b"lost").code == UNAVAILABLE  # the id is free
    listed = house.holds(include_lifted=True)
    assert listed.n_in_force == 0 and b"lost" not in [r.hold_id for r in listed.holds]
    assert len(holds_in_books(house)) == n
    tbs, evidence = case(house)
    assert house.evaluate(tbs, evidence).verdict.admitted
    house.sign(tbs, evidence)
    hold_id, _ = house.place(everything=True, hold_id=b"lost")  # asked again, it is
    assert refused(house.sign, *case(house)).rules() == ["H01"]
    house.lift(hold_id)


def test_a_lifting_that_was_not_recorded_lifts_nothing(house):
    hold_id, _ = house.place(accounts=[b"acct-1"])
    with Full(house):
        assert refused(house.lift, hold_id).code == UNAVAILABLE
    assert house.holds().n_in_force == 1
    assert refused(house.sign, *case(house)).rules() == ["H01"]
    house.lift(hold_id)
    house.sign(*case(house))


def test_a_recall_that_was_not_recorded_withdraws_nothing(house):
    tbs, evidence = case(house)
    gone = h.statement_pb2.Statement.FromString(evidence[-1].payload).header.statement_id
    with Full(house):
        assert refused(house.recall, statement_ids=[gone]).code == UNAVAILABLE
    assert house.evaluate(tbs, evidence).verdict.admitted
    house.recall(statement_ids=[gone])
    assert "H02" in refused(house.sign, tbs, evidence).rules()


def test_a_hold_not_recorded_amid_requests(house):
    """Requests of the same turns are UNAVAILABLE or refused by nothing but the store; afterwards all are signed."""
    requests = [house.request(f"a{secrets.token_hex(4)}.example.com") for _ in range(20)]
    with house.channel() as channel, Full(house):
        futures = [house.future(channel, r) for r in requests[:10]]
        assert refused(house.place, everything=True).code == UNAVAILABLE
        futures += [house.future(channel, r) for r in requests[10:]]
        assert {house.take(f)[0] for f in futures} == {UNAVAILABLE}
    with house.channel() as channel:
        assert {house.take(house.future(channel, r))[0] for r in requests} == {grpc.StatusCode.OK}
