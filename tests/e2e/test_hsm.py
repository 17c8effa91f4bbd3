"""P-CLOSED at the HSM: a token that fails. Every request is answered, none is signed twice, a signature of which
nobody knows whether it was made is never made again; the token is found again without a restart."""
import time

import grpc
import pytest

import audit
import rough
from countersign.ledger.v1 import entry_pb2
from house import evidence_service_pb2

UNAVAILABLE, DATA_LOSS, OK = grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DATA_LOSS, grpc.StatusCode.OK
READY, LOST = entry_pb2.HSM_STATE_READY, entry_pb2.HSM_STATE_LOST


@pytest.fixture
def house():
    with rough.RoughHouse(signers=2) as made:
        made.start()
        yield made
        made.set_rules()
        made.audit()


def ask(house, request):
    with house.channel() as channel:
        future = house.future(channel, request)
        code, answer = house.take(future)
        return code, future.details(), answer


def is_serving(house, service):
    with house.channel() as channel:
        check = channel.unary_unary("/grpc.health.v1.Health/Check")
        return check(b"\x0a" + bytes([len(service)]) + service.encode(), timeout=5) == b"\x08\x01"


@pytest.mark.parametrize("rule", ["C_Sign 1 1 30", "C_SignInit 1 1 b3", "C_Sign 1 1 32"])
def test_one_failure(house, rule):
    """The intent is closed as unknown, the other signer goes on, the failed one comes back."""
    request = house.request("one.example.com")
    house.set_rules(rule)
    code, text, _ = ask(house, request)
    house.set_rules()
    assert code == DATA_LOSS and "recorded as unknown" in text
    assert house.is_serving()
    assert ask(house, house.request("next.example.com"))[0] == OK
    code, text, _ = ask(house, request)
    assert code == DATA_LOSS and "never signed again" in text
    rough.wait_for(lambda: len(audit.Books(house).hsm) == 4, "the lost signer")  # 2 at start, lost, ready
    events = audit.Books(house).hsm
    assert [e.state for e in events] == [READY, READY, LOST, READY]
    assert events[2].signer == events[3].signer and events[2].ck_rv == int(rule.split()[-1], 16)
    assert [r for _, r in audit.Books(house).of_request(request.request_id)] == [audit.UNKNOWN]


def test_all_signers_lost_and_found(house):
    house.set_rules("C_Sign 1 100000 30", "C_OpenSession 1 100000 32")
    lost = [house.request(f"lost-{n}.example.com") for n in range(2)]
    for request in lost:
        assert ask(house, request)[0] == DATA_LOSS
    rough.wait_for(lambda: not house.is_serving(), "NOT_SERVING")
    waiting = house.request("waiting.example.com")
    for _ in range(3):
        code, text, _ = ask(house, waiting)
        assert code == UNAVAILABLE and "nothing was signed" in text
    # what needs no key still works
    assert is_serving(house, "countersign.v1.EvidenceService") and not is_serving(house, "countersign.v1.SigningService")
    assert house.evaluate(waiting.tbs_certificate, waiting.evidence).verdict.admitted
    house.call("/countersign.v1.EvidenceService/DepositEvidence",
               evidence_service_pb2.DepositEvidenceRequest(evidence=waiting.evidence),
               evidence_service_pb2.DepositEvidenceResponse)
    pid = house.process.pid
    house.set_rules()
    rough.wait_for(house.is_serving, "SERVING")
    assert house.process.pid == pid and house.process.poll() is None
    assert ask(house, waiting)[0] == OK
    for request in lost:
        assert ask(house, request)[0] == DATA_LOSS
    states = [e.state for e in audit.Books(house).hsm]
    assert states.count(LOST) == 2 and states[:2] == [READY, READY] and READY in states[4:]


def test_failure_under_load(house):
    """Each signer fails at its 9th signature while 64 calls wait: each call is answered, each retry gets what is
    recorded or is signed once."""
    requests = [house.request(f"{n}.example.com", "ec" if n % 3 else "rsa") for n in range(64)]
    house.set_rules("C_Sign 9 1 30")
    with house.channel() as channel:
        answers = [house.take(f)[0] for f in [house.future(channel, r) for r in requests]]
    assert set(answers) <= {OK, UNAVAILABLE, DATA_LOSS} and 1 <= answers.count(DATA_LOSS) <= 2
    rough.wait_for(house.is_serving, "SERVING")
    house.set_rules()
    for request, code in zip(requests, answers):
        house.ask_again(request)
    books = house.audit()
    results = [r for request in requests for _, r in books.of_request(request.request_id) if r != audit.NOT_SIGNED]
    assert len(results) == 64 and results.count(audit.UNKNOWN) == answers.count(DATA_LOSS)


def test_a_corrupted_signature_never_leaves(house):
    request = house.request("corrupt.example.com")
    house.set_rules("C_Sign 1 1 corrupt")
    code, _, answer = ask(house, request)
    house.set_rules()
    assert code == DATA_LOSS and answer is None
    seq = audit.Books(house).of_request(request.request_id)[0][0]
    assert seq not in audit.Books(house).witnessed()
    assert house.stop() == 0
    house.start()
    assert house.ask_again(request) == audit.UNKNOWN
    assert ask(house, house.request("sound.example.com"))[0] == OK


def test_the_client_does_not_wait_for_a_slow_token(house):
    """Its deadline passes, the signature is made and recorded; asking again fetches it."""
    request = house.request("slow.example.com")
    house.hold("before")
    with house.channel() as channel:
        code, _ = house.take(house.future(channel, request, timeout=0.3))
        assert code == grpc.StatusCode.DEADLINE_EXCEEDED
    house.wait_held()
    house.set_rules()
    rough.wait_for(lambda: audit.Books(house).of_request(request.request_id)[0][1] == audit.SIGNED, "the outcome")
    assert house.ask_again(request) == audit.SIGNED


def test_nothing_is_signed_for_clients_that_went_away(house):
    """Both signers are busy and full; what still waits for its turn when its client leaves is not signed."""
    house.hold("before")
    house.set_rules("C_Sign 1 100000 hold-before")
    n = 2 * 8 + 5  # what both signers may hold, and five more
    requests = [house.request(f"{i}.away.example.com") for i in range(n)]
    with house.channel() as channel:
        running = [house.future(channel, r) for r in requests]
        rough.wait_for(lambda: len(audit.Books(house).intents) == n, "all intents")
        for future in running:
            future.cancel()
        time.sleep(0.3)
    house.set_rules()
    rough.wait_for(lambda: len(audit.Books(house).outcomes) == n, "all outcomes")
    results = [audit.Books(house).of_request(r.request_id)[0][1] for r in requests]
    assert results.count(audit.SIGNED) == 16 and results.count(audit.NOT_SIGNED) == 5
