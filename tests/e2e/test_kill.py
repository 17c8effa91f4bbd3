"""P-LEDGER: kill -9 at every step of a request and under load; then the books are audited from outside.

What holds after each kill and restart (audit.py): `ledger verify` accepts; the HSM was asked only for what a durable
intent names, once; each witness line has its intent with the same TBS; each signed outcome has its witness line;
each certificate that a client received has its signed outcome; no intent is open, no serial number and no request id
counts twice. The same request again gets the recorded certificate, or DATA_LOSS when it is unknown whether the key was
used, or is signed for the first time when nothing of it was recorded.
"""
import contextlib
import datetime
import os
import random
import signal
import threading
import time

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

import audit
import rough
from house import signing_service_pb2

SignCertificateRequest = signing_service_pb2.SignCertificateRequest

STEPS = ("received", "granted", "signed", "witnessed", "recorded")
VICTIMS = ("front", "gate", "signer-0", "signer-1", "parent")
# What must be in the books; the pairs that are not here may end as signed or as unknown, depending on who is quicker.
MUST_BE = {
    ("received", "gate"): None,  # nothing was recorded
    ("granted", "gate"): audit.UNKNOWN, ("granted", "signer-0"): audit.UNKNOWN,
    ("signed", "gate"): audit.UNKNOWN, ("signed", "signer-0"): audit.UNKNOWN,
    ("witnessed", "gate"): audit.UNKNOWN,
    **{("recorded", victim): audit.SIGNED for victim in VICTIMS}}


@pytest.fixture(scope="module")
def house():
    with rough.RoughHouse(signers=2) as made:
        made.start()
        yield made


def pid_of(house, victim):
    return house.signer_of(int(victim[-1])) if victim.startswith("signer") else house.pids(victim)[0]


def reach(house, step, future, request):
    """Brings a request to a step and stops there; returns the processes that are stopped."""
    gate, front = house.pids("gate")[0], house.pids("front")[0]
    if step == "received":  # in the gate's socket, unread
        os.kill(gate, signal.SIGSTOP)
        running = future(request)
        time.sleep(0.05)
        return running, [gate]
    house.hold("after" if step == "signed" else "before")
    running = future(request)
    house.wait_held()
    if step == "witnessed":
        os.kill(gate, signal.SIGSTOP)
        n = len(audit.Books(house).witness)
        house.set_rules()
        rough.wait_for(lambda: len(audit.Books(house).witness) > n, "the witness line")
        return running, [gate]
    if step == "recorded":
        os.kill(front, signal.SIGSTOP)
        house.set_rules()
        rough.wait_for(lambda: audit.Books(house).of_request(request.request_id)[0][1] == audit.SIGNED, "the outcome")
        return running, [front]
    return running, []


@pytest.mark.parametrize("victim", VICTIMS)
@pytest.mark.parametrize("step", STEPS)
def test_killed_at(house, step, victim):
    if house.process.poll() is not None:
        house.start()
    request = house.request(f"{step}.{victim}.example.com")
    with house.channel() as channel:
        running, stopped = reach(house, step, lambda r: house.future(channel, r), request)
        before = audit.Books(house).of_request(request.request_id)
        assert [result for _, result in before] == {"received": [], "recorded": [audit.SIGNED]}.get(step, [None])
        os.kill(pid_of(house, victim), signal.SIGKILL)
        for pid in stopped:
            with contextlib.suppress(ProcessLookupError):  # the parent may have taken it away already
                os.kill(pid, signal.SIGCONT)
        house.set_rules()  # a signature that was held goes on now, if its signer lives
        code, _ = house.take(running)
        assert code in (grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DATA_LOSS,
                        grpc.StatusCode.CANCELLED)
        assert house.wait_ended() != 0
    house.start()
    books = house.audit()
    after = books.of_request(request.request_id)
    if code == grpc.StatusCode.OK:
        assert [r for _, r in after] == [audit.SIGNED]
    if before:
        assert [seq for seq, _ in after] == [seq for seq, _ in before]  # one intent, no other
    if (step, victim) in MUST_BE:
        assert [r for _, r in after] == ([] if MUST_BE[step, victim] is None else [MUST_BE[step, victim]])
    house.ask_again(request)
    house.ask_again(request)
    assert len([s for s, r in house.audit().of_request(request.request_id) if r != audit.NOT_SIGNED]) == 1


def pair(house, name):
    """Precertificate and certificate of one order: requests for both, and for a certificate that differs."""
    args = dict(key=ec.generate_private_key(ec.SECP256R1()), serial=int.from_bytes(b"\x4f" + os.urandom(15), "big"),
                not_before=datetime.datetime.utcnow().replace(microsecond=0) - datetime.timedelta(hours=1))
    precertificate = house.tbs([name], precertificate=True, **args)
    three = (precertificate, house.tbs([name], **args), house.tbs([name], days=89, **args))
    evidence = house.complete(precertificate) + [house.lint(tbs) for tbs in three[1:]]
    return [SignCertificateRequest(request_id=os.urandom(16), issuer=b"ec", tbs_certificate=tbs, evidence=evidence)
            for tbs in three]


def answer_to(house, request, fresh_id=False):
    if fresh_id:
        request.request_id = os.urandom(16)
    with house.channel() as channel:
        return house.take(house.future(channel, request))[0]


def killed_and_started(house):
    os.kill(house.pids("gate")[0], signal.SIGKILL)
    house.set_rules()
    house.wait_ended()
    house.start()


def test_a_pair_stays_a_pair_over_kills(house):
    """P-PAIR: one serial is one precertificate and at most one certificate that corresponds to it."""
    if house.process.poll() is not None:
        house.start()
    OK, SPENT = grpc.StatusCode.OK, grpc.StatusCode.ALREADY_EXISTS
    first, final, other = pair(house, "pair.example.com")
    assert answer_to(house, first) == OK
    killed_and_started(house)
    assert answer_to(house, first, fresh_id=True) == SPENT
    assert answer_to(house, other) == SPENT
    assert answer_to(house, final) == OK
    killed_and_started(house)
    for request in (first, final, other):
        assert answer_to(house, request, fresh_id=True) == SPENT
    house.audit()


@pytest.mark.parametrize("at", ["precertificate", "certificate"])
def test_a_pair_with_an_unknown_half(house, at):
    """Killed while the key may be in use: that half counts as signed, and nobody gets a second one."""
    if house.process.poll() is not None:
        house.start()
    first, final, other = pair(house, f"{at}.pair.example.com")
    if at == "certificate":
        assert answer_to(house, first) == grpc.StatusCode.OK
    cut = first if at == "precertificate" else final
    house.hold("after")
    with house.channel() as channel:
        running = house.future(channel, cut)
        house.wait_held()
        killed_and_started(house)
        assert house.take(running)[0] != grpc.StatusCode.OK
    assert answer_to(house, cut) == grpc.StatusCode.DATA_LOSS
    assert answer_to(house, cut, fresh_id=True) == grpc.StatusCode.ALREADY_EXISTS
    assert answer_to(house, other) == grpc.StatusCode.ALREADY_EXISTS
    house.audit()


class Load:
    """Clients that ask for certificates until they are told to stop or lose the connection."""

    def __init__(self, house, clients=8):
        self.house, self.stop, self.unanswered, self.wrong = house, False, [], []
        self.n_signed = 0
        self.lock, self.making = threading.Lock(), threading.Lock()  # python3-cryptography is not made for threads
        self.threads = [threading.Thread(target=self._run, args=(n,)) for n in range(clients)]
        for t in self.threads:
            t.start()

    def _run(self, n):
        try:
            self._ask(n)
        except Exception as error:
            self.wrong.append(error)

    def _ask(self, n):
        with self.house.channel() as channel:
            while not self.stop:
                with self.making:
                    request = self.house.request(f"{n}.load.example.com", "ec" if n % 4 else "rsa")
                code, answer = self.house.take(self.house.future(channel, request))
                with self.lock:
                    if answer is not None:
                        self.n_signed += 1
                        continue
                    self.unanswered.append(request)
                    if code not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DATA_LOSS, grpc.StatusCode.CANCELLED):
                        self.wrong.append(code)
                    return

    def join(self):
        for t in self.threads:
            t.join()
        assert not self.wrong, self.wrong


def test_killed_at_random_under_load(house):
    seed = random.SystemRandom().randrange(1 << 32)
    dice = random.Random(seed)
    n_signed = n_unknown = 0
    for turn in range(20):
        if house.process.poll() is not None:
            house.start()
        load = Load(house)
        victim = dice.choice(VICTIMS)
        time.sleep(dice.uniform(0.02, 0.25))
        print(f"seed {seed} turn {turn}: {victim}")  # shown by pytest when this fails
        os.kill(pid_of(house, victim), signal.SIGKILL)
        assert house.wait_ended() != 0
        load.stop = True
        load.join()
        n_signed += load.n_signed
        house.start()
        house.audit()
        for request in load.unanswered:
            n_unknown += house.ask_again(request) == audit.UNKNOWN
        house.audit()
    print(f"{n_signed} signed, {n_unknown} unknown")
    assert n_signed > 0 and len(audit.Books(house).hsm_calls) > n_signed  # the HSM did count


def test_sigterm_finishes_running_calls(house):
    if house.process.poll() is not None:
        house.start()
    request = house.request("running.example.com")
    house.hold("before")
    with house.channel() as channel:
        running = house.future(channel, request)
        house.wait_held()
        house.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        assert house.process.poll() is None
        house.set_rules()
        code, _ = house.take(running)
        assert code == grpc.StatusCode.OK
        assert house.wait_ended() == 0
    assert house.audit().last_kind() == "stop"


def test_sigterm_under_load(house):
    for _ in range(3):
        house.start()
        load = Load(house)
        time.sleep(0.3)
        house.process.send_signal(signal.SIGTERM)
        assert house.wait_ended() == 0
        load.stop = True
        load.join()
        books = house.audit()
        assert load.n_signed > 0 and books.last_kind() == "stop"
        last_start = max(i for i, e in enumerate(books.entries) if e.WhichOneof("body") == "start")
        results = [e.outcome.result for e in books.entries[last_start:] if e.WhichOneof("body") == "outcome"]
        assert results and audit.UNKNOWN not in results
        assert len([r for r in results if r == audit.SIGNED]) == load.n_signed  # nothing was signed and not answered
