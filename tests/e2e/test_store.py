"""P-CLOSED at the store: a ledger that takes no more bytes. RLIMIT_FSIZE of the running gate (and of a signer, for its
witness file) stands for a full disk: each write that would grow a file fails, and can be allowed again."""
import os
import resource
import signal
import subprocess

import grpc
import pytest

import audit
import house as h
import rough

UNAVAILABLE, DATA_LOSS, OK = grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DATA_LOSS, grpc.StatusCode.OK
NO_LIMIT = resource.RLIM_INFINITY


def limit(pid, n_bytes):
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (n_bytes, NO_LIMIT))


@pytest.fixture
def house():
    with rough.RoughHouse(signers=2) as made:
        made.start()
        yield made


def ask(house, request):
    with house.channel() as channel:
        return house.take(house.future(channel, request))


def status_of(call):
    try:
        call()
    except h.Refused as refused:
        return refused.code
    return OK


def test_a_full_disk_refuses_and_recovers(house):
    before = audit.Books(house)
    gate = house.pids("gate")[0]
    limit(gate, 0)
    requests = [house.request(f"{n}.full.example.com") for n in range(5)]
    uncovered = house.request("uncovered.example.com")
    del uncovered.evidence[-1]  # control of its name
    for request in requests:
        assert ask(house, request)[0] == UNAVAILABLE
    # a refusal that cannot be recorded is not given either, nor is a deposit confirmed
    assert ask(house, uncovered)[0] == UNAVAILABLE
    assert status_of(lambda: house.deposit(requests[0].evidence)) == UNAVAILABLE
    assert not house.is_serving()
    with house.channel() as channel:
        running = [house.future(channel, r) for r in requests * 10]
        assert {house.take(f)[0] for f in running} == {UNAVAILABLE}
    full = audit.Books(house)
    assert len(full.entries) == len(before.entries) and not full.witness
    assert len(full.hsm_calls) == len(before.hsm_calls)  # the key was not touched
    limit(gate, NO_LIMIT)
    rough.wait_for(house.is_serving, "SERVING")  # by itself: a balancer sends nobody to a server that is not serving
    assert house.pids("gate") == house.children()["countersign-gate"]
    for request in requests:
        assert ask(house, request)[0] == OK
    assert ask(house, uncovered)[0] == grpc.StatusCode.FAILED_PRECONDITION
    assert house.stop() == 0
    books = house.audit()
    assert len(books.intents) == len(books.witness) == len(requests)


def unrecorded(house, name):
    """A request whose signature was made while the ledger could not take its outcome."""
    request = house.request(name)
    house.hold("before")
    with house.channel() as channel:
        running = house.future(channel, request)
        house.wait_held()
        limit(house.pids("gate")[0], 0)
        house.set_rules()
        assert house.take(running)[0] == DATA_LOSS  # it was made, and does not leave
    assert not house.is_serving()
    books = audit.Books(house)
    (seq, result), = books.of_request(request.request_id)
    assert result is None and seq in books.witnessed()
    assert ask(house, request)[0] in (DATA_LOSS, UNAVAILABLE)
    return request


def test_an_outcome_that_was_not_recorded_is_recorded_later(house):
    request = unrecorded(house, "later.example.com")
    limit(house.pids("gate")[0], NO_LIMIT)
    rough.wait_for(lambda: audit.Books(house).of_request(request.request_id)[0][1] == audit.SIGNED, "the outcome")
    assert house.is_serving()
    assert house.ask_again(request) == audit.SIGNED
    assert len(house.audit().witness) == 1


def test_an_outcome_that_was_never_recorded_is_unknown(house):
    request = unrecorded(house, "never.example.com")
    os.kill(house.pids("gate")[0], signal.SIGKILL)
    house.wait_ended()
    house.start()
    assert house.ask_again(request) == audit.UNKNOWN
    assert len(house.audit().witness) == 1


def test_asked_to_stop_while_the_disk_is_full(house):
    """It ends; the next start closes what is open."""
    request = unrecorded(house, "stop.example.com")
    house.process.send_signal(signal.SIGTERM)
    house.wait_ended()
    house.start()
    assert house.ask_again(request) == audit.UNKNOWN
    house.audit()


@pytest.mark.parametrize("room_kib", [0, 8, 24, 64, 120, 250])
def test_disk_full_at_any_point(house, room_kib):
    """The limit is reached in the middle of a write: 60 requests, 12 at a time."""
    gate = house.pids("gate")[0]
    wal = house.ledger.with_name(house.ledger.name + "-wal")
    limit(gate, wal.stat().st_size + room_kib * 1024)
    requests = [house.request(f"{n}.point.example.com") for n in range(60)]
    codes = []
    with house.channel() as channel:
        for at in range(0, len(requests), 12):
            running = [house.future(channel, r) for r in requests[at:at + 12]]
            codes += [house.take(f)[0] for f in running]
    assert set(codes) <= {OK, UNAVAILABLE, DATA_LOSS} and codes[-1] != OK
    # whether it is serving is open here: what is left may suffice for a small entry and not for an intent
    books = audit.Books(house)
    assert set(books.witnessed()) <= set(books.intents)
    house.stop()
    house.wait_ended()
    house.start()
    house.audit()
    for request, code in zip(requests, codes):
        result = house.ask_again(request)
        assert code != OK or result == audit.SIGNED
    assert len(house.audit().intents) >= len(requests)


def test_a_ledger_that_cannot_be_written_does_not_start(house):
    """After a kill the log is longer than what may be written: nothing can be added behind it."""
    for n in range(8):
        assert ask(house, house.request(f"{n}.log.example.com"))[0] == OK
    os.kill(house.pids("gate")[0], signal.SIGKILL)
    house.wait_ended()
    assert house.ledger.with_name(house.ledger.name + "-wal").stat().st_size > 48 * 1024
    n = len(audit.Books(house).entries)
    done = subprocess.run(
        [h.BIN / "countersignd", "--config", house.dir / "countersignd.yaml"], capture_output=True, text=True, timeout=60,
        env={"PATH": os.environ["PATH"]},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (40 * 1024, NO_LIMIT)))
    assert done.returncode == 3 and '"event":"gate_ends"' in done.stderr, done.stderr
    assert len(audit.Books(house).entries) == n
    house.start()
    assert ask(house, house.request("writable.example.com"))[0] == OK
    house.audit()


def test_a_signer_without_its_witness_file_signs_nothing_more():
    with rough.RoughHouse(module=h.MODULE) as house:  # the mock module could not count its calls either
        house.start()
        without_witness_file(house)


def without_witness_file(house):
    limit(house.signer_of(0), 0)
    lost = house.request("witness.example.com")
    assert ask(house, lost)[0] == DATA_LOSS  # made, but withheld
    assert ask(house, house.request("other.example.com"))[0] == OK  # by the other signer
    limit(house.signer_of(1), 0)
    assert ask(house, house.request("both.example.com"))[0] == DATA_LOSS
    assert not house.is_serving()
    waiting = house.request("none.example.com")
    assert ask(house, waiting)[0] == UNAVAILABLE
    house.stop()
    house.wait_ended()
    house.start()
    assert house.ask_again(lost) == audit.UNKNOWN
    assert house.ask_again(waiting) is None
    books = house.audit()
    assert len(books.witness) == 2
