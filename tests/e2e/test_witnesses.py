"""A running house and its witnesses: the gate's side of C2SP tlog-witness against a witness written from the
specification (witness_by_hand.py), the quorum, and what depends on it."""
import datetime
import ipaddress
import os
import pathlib
import secrets
import shutil
import signal
import sqlite3
import ssl
import subprocess
import threading
import time

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import house as h
import tlog_by_hand as by_hand
import witness_by_hand as wh

ORIGIN = "ca.example/countersign-audit"


class WitnessHouse(h.House):
    def __init__(self, n=2, quorum=2, require="no"):
        self.witnesses, self.quorum, self.require = [], quorum, require
        super().__init__(signers=1)
        made = subprocess.run([h.BIN / "countersign", "ledger", "key", self.dir / "ledger.key", "--origin", ORIGIN],
                              capture_output=True, text=True, check=True)
        self.vkey = made.stdout.strip()
        self.witnesses = [wh.Witness(f"witness.example/w{i}", self.vkey) for i in range(n)]
        self.write_policy()

    def write_policy(self):
        super().write_policy()
        if self.witnesses:
            with open(self.dir / "policy.yaml", "a") as policy:
                policy.write(f"ledger:\n  origin: {ORIGIN}\nwitnesses:\n  quorum: {self.quorum}\n"
                             f"  require: {self.require}\n  list:\n")
                for w in self.witnesses:
                    policy.write(f"    - vkey: \"{w.key.vkey}\"\n      url: \"{w.url}\"\n")
        with open(self.dir / "countersignd.yaml", "a") as config:
            config.write("ledger_key: ledger.key\n")

    def close(self):
        super().close()
        for w in self.witnesses:
            w.close()

    def rows(self, sql):
        with sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True) as db:
            return db.execute(sql).fetchall()

    def until(self, true, what, seconds=20):
        deadline = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < deadline, f"{what}\n{self.log_text()}"
            time.sleep(0.05)

    def signed(self, name="w.example.com", request_id=None, tbs=None):
        tbs = tbs or self.tbs([name])
        return self.sign(tbs, self.complete(tbs), request_id=request_id or secrets.token_bytes(16))

    def log_has(self, text, seconds=20):
        self.until(lambda: text in (self.dir / "log").read_text(errors="replace"), text, seconds)


def test_checkpoints_are_cosigned_and_kept():
    with WitnessHouse(n=3, quorum=2) as house:
        house.start()
        answer = house.signed()
        for w in house.witnesses:
            w.wait(lambda w: w.size >= answer.ledger_entry)
        size = house.witnesses[0].size
        house.until(lambda: len(house.rows(f"SELECT 1 FROM cosignature WHERE size >= {size}")) >= 1, "kept")
        assert house.stop() == 0, house.log_text()
        lines = house.rows("SELECT size, line FROM cosignature")
        notes = dict(house.rows("SELECT size, note FROM checkpoint"))
        verifiers = [by_hand.Verifier(w.key.vkey) for w in house.witnesses]
        seen = set()
        for size, line in lines:
            good = [v.name for v in verifiers if f" {v.name} " in line.decode()]
            assert len(good) == 1 and by_hand.open_checkpoint(notes[size], by_hand.Verifier(house.vkey))[0] == size
            by_hand.open_note(notes[size] + line, next(v for v in verifiers if v.name == good[0]))
            seen.add(good[0])
        assert len(seen) >= 2
        # the offline verifier knows them too, and finds one that is not there
        args = [h.BIN / "countersign", "ledger", "verify", house.ledger, "--key", house.vkey]
        for v in seen:
            w = next(w for w in house.witnesses if w.key.name == v)
            args += ["--witness", w.key.vkey]
        assert subprocess.run(args, capture_output=True).returncode == 0
        stranger = wh.NoteKey("witness.example/stranger", 4)
        assert subprocess.run([*args, "--witness", stranger.vkey], capture_output=True).returncode == 1


def test_a_second_run_goes_on_from_what_the_witness_knows():
    with WitnessHouse(n=1, quorum=1) as house:
        w = house.witnesses[0]
        house.start()
        w.wait(lambda w: w.size > 0)
        house.stop()
        size = w.size
        house.start()
        w.wait(lambda w: w.size > size)
        # it asked from nothing, was told the size, and came back with the proof from there
        assert [b for p, b in w.asked if b.startswith(b"old %d\n" % size)]
        assert not (house.dir / "ledger.db.forked").exists()


def test_before_answer_waits_for_the_quorum():
    with WitnessHouse(n=3, quorum=2, require="before_answer") as house:
        house.start()  # serving: the quorum has cosigned the start
        answer = house.signed()
        entries = house.rows("SELECT max(seq) FROM entry")[0][0]
        covering = [w for w in house.witnesses if w.size > answer.ledger_entry]
        assert len(covering) >= 2 and entries >= answer.ledger_entry + 1
        # one is gone: two are enough
        house.witnesses[2].mode = lambda body: (500, "text/plain", b"")
        answer = house.signed("two.example.com")
        assert sum(w.size > answer.ledger_entry for w in house.witnesses) == 2
        # two are gone: recorded, and nothing leaves
        house.witnesses[1].mode = lambda body: (500, "text/plain", b"")
        tbs, request_id = house.tbs(["one.example.com"]), secrets.token_bytes(16)
        with pytest.raises(h.Refused) as refused:
            house.signed(tbs=tbs, request_id=request_id)
        assert refused.value.code == grpc.StatusCode.UNAVAILABLE and "waiting for witnesses" in refused.value.text
        house.until(lambda: not house.is_serving(), "not serving while the quorum is away")
        with pytest.raises(h.Refused) as refused:
            house.signed("new.example.com")
        assert (refused.value.code, refused.value.rules()) == (grpc.StatusCode.UNAVAILABLE, ["X02"])
        assert refused.value.subjects("X02") == ["witnesses"]
        # they are back: the same request id gets what was signed
        for w in house.witnesses:
            w.mode = None
        house.until(house.is_serving, "serving again", 45)
        again = house.signed(tbs=tbs, request_id=request_id)
        assert again.replayed and again.certificate
        assert house.rows("SELECT count(*) FROM entry")[0][0] > 0


def test_within_stops_signing_and_goes_on():
    with WitnessHouse(n=1, quorum=1, require="{within_s: 2}") as house:
        w = house.witnesses[0]
        w.mode = lambda body: (500, "text/plain", b"")
        with pytest.raises(RuntimeError):
            house.start(wait_s=3)  # no witness heard since the start: not serving
        with pytest.raises(h.Refused) as refused:
            house.signed()
        assert refused.value.rules() == ["X02"]
        w.mode = None
        house.until(house.is_serving, "serving", 45)
        assert house.signed().certificate
        w.wait(lambda w: w.size >= house.rows("SELECT max(seq) FROM entry")[0][0])
        w.mode = lambda body: (503, "text/plain", b"")
        assert house.signed("late.example.com").certificate  # within the time, answers do not wait
        house.until(lambda: not house.is_serving(), "not serving after two seconds", 10)
        house.log_has("witnesses_lapsed")


WRONG = {
    "bad signature": lambda w: lambda body: (200, "text/plain", w.key.line(b"another text\n")),
    "another key": lambda w: lambda body: (200, "text/plain", wh.NoteKey("witness.example/x", 4).line(
        body.split(b"\n\n", 1)[1].rsplit(b"\n\n", 1)[0] + b"\n")),
    "its name, another key": lambda w: lambda body: (200, "text/plain", wh.NoteKey(w.key.name, 4).line(
        body.split(b"\n\n", 1)[1].rsplit(b"\n\n", 1)[0] + b"\n")),
    "no lines": lambda w: lambda body: (200, "text/plain", b"thank you\n"),
    "nothing": lambda w: lambda body: (200, "text/plain", b""),
    "huge": lambda w: lambda body: (200, "text/plain", b"\xe2\x80\x94 a b\n" * 100000),
    "500": lambda w: lambda body: (500, "text/plain", b"no"),
    "redirect": lambda w: lambda body: (307, "text/plain", b"", {"Location": w.url + "/elsewhere"}),
    "409 without a size": lambda w: lambda body: (409, "text/plain", b"7\n"),
    "409 and no number": lambda w: lambda body: (409, "text/x.tlog.size", b"many\n"),
    "a size of its own, unproven": lambda w: lambda body: (409, "text/x.tlog.size", b"4000000000\n"),
    "422, unproven": lambda w: lambda body: (422, "text/plain", b""),
}


def test_wrong_answers_do_not_count_and_do_not_stop():
    with WitnessHouse(n=1, quorum=1) as house:
        w = house.witnesses[0]
        house.start()
        w.wait(lambda w: w.size > 0)
        kept = len(house.rows("SELECT 1 FROM cosignature"))
        for name, make in WRONG.items():
            with w.changed:
                w.mode, before = make(w), len(w.asked)
            house.signed()
            w.wait(lambda w: len(w.asked) > before, 40)
            with w.changed:
                w.mode = None  # so that the next one is not waited for longer and longer
            size = w.size
            house.signed()
            w.wait(lambda w: w.size > size, 40)
            assert house.is_serving(), (name, house.log_text())
        house.until(lambda: len(house.rows("SELECT 1 FROM cosignature")) >= kept + len(WRONG), "kept")
        bad = [line for _, line in house.rows("SELECT size, line FROM cosignature") if w.key.name not in line.decode()]
        assert not [path for path, _ in w.asked if path.endswith("/elsewhere")]
        assert not bad and not (house.dir / "ledger.db.forked").exists()


def test_a_slow_witness_holds_nobody_up():
    with WitnessHouse(n=3, quorum=2, require="before_answer") as house:
        house.start()
        released = threading.Event()
        house.witnesses[0].mode = lambda body: (500, "text/plain", b"") if released.wait(60) else None
        before = time.monotonic()
        assert house.signed().certificate and house.signed("two.example.com").certificate
        assert time.monotonic() - before < 8  # an errand may last 10 s
        released.set()
        house.witnesses[0].mode = None
        size = house.witnesses[1].size
        house.witnesses[0].wait(lambda w: w.size >= size)


def test_a_name_is_resolved_and_a_stranger_s_certificate_refused(tmp_path):
    """The resolver and TLS work where the courier is confined; TLS without a trusted certificate does not count."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.utcnow()
    certificate = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
                   .serial_number(1).not_valid_before(now - datetime.timedelta(1)).not_valid_after(now + datetime.timedelta(1))
                   .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
                   .sign(key, hashes.SHA256()))
    pem = tmp_path / "tls.pem"
    pem.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                      serialization.NoEncryption()) + certificate.public_bytes(serialization.Encoding.PEM))
    with WitnessHouse(n=2, quorum=1) as house:
        named, strange = house.witnesses
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(pem)
        strange.server.socket = tls.wrap_socket(strange.server.socket, server_side=True)
        named.url = named.url.replace("127.0.0.1", "localhost")
        strange.url = strange.url.replace("http://", "https://")
        house.write_policy()
        house.start()
        house.signed()
        named.wait(lambda w: w.size > 0)
        house.log_has("certificate")
        assert strange.size == 0 and not strange.asked and house.is_serving()
        courier = [line for line in house.log_text().splitlines() if '"courier"' in line and '"sandbox"' in line]
        assert len(courier) == 1, house.log_text()


def test_with_the_witness_of_the_product():
    """Both sides ours; the read side is what the gate believes in the end."""
    with WitnessHouse(n=1, quorum=1, require="before_answer") as house:
        key, state, saved = house.dir / "w.key", house.dir / "w.state", house.dir / "saved"
        state.mkdir()
        name = "witness.example/own"
        run = [h.BIN / "countersign", "witness"]
        vkey = subprocess.run([*run, "key", key, "--name", name], capture_output=True, text=True, check=True).stdout.strip()
        own = subprocess.Popen([*run, "--listen", "127.0.0.1:0", "--key", key, "--name", name, "--log", house.vkey,
                                "--state", state], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            port = own.stdout.readline().split()[-1]
            policy = house.dir / "policy.yaml"
            policy.write_text(policy.read_text().replace(house.witnesses[0].key.vkey, vkey)
                              .replace(house.witnesses[0].url, f"http://127.0.0.1:{port}"))
            house.start()
            house.stop()
            copy_ledger(house, saved)
            house.start()
            answer = house.signed()
            house.stop()
            held = next(state.glob("*.checkpoint")).read_bytes()
            assert by_hand.open_checkpoint(held, by_hand.Verifier(house.vkey))[0] > answer.ledger_entry
            by_hand.open_note(held, by_hand.Verifier(vkey))
            put_back(house, saved)
            with pytest.raises(RuntimeError, match="ended with 3"):
                house.start(wait_s=20)
            assert (house.dir / "ledger.db.forked").read_bytes() == held
        finally:
            own.terminate()
            assert own.wait(20) == 0
            own.stdout.close()


def copy_ledger(house, to):
    to.mkdir(exist_ok=True)
    for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm"):
        (to / name).unlink(missing_ok=True)
        if (house.dir / name).exists():
            shutil.copy2(house.dir / name, to / name)


def put_back(house, of):
    for name in ("ledger.db", "ledger.db-wal", "ledger.db-shm"):
        (house.dir / name).unlink(missing_ok=True)
        if (of / name).exists():
            shutil.copy2(of / name, house.dir / name)


@pytest.mark.parametrize("require", ["no", "before_answer"])
def test_a_rolled_back_ledger_stops_the_house(require):
    with WitnessHouse(n=1, quorum=1, require=require) as house:
        w, saved, newest = house.witnesses[0], house.dir / "saved", house.dir / "newest"
        house.start()
        w.wait(lambda w: w.size > 0)
        assert house.stop() == 0
        copy_ledger(house, saved)
        house.start()
        for i in range(4):
            house.signed(f"more{i}.example.com")
        last = house.rows("SELECT max(seq) FROM entry")[0][0]
        w.wait(lambda w: w.size >= last)
        assert house.stop() == 0
        copy_ledger(house, newest)
        put_back(house, saved)

        with pytest.raises(RuntimeError):
            house.start(wait_s=15)
            house.process.wait(15)
            raise RuntimeError("it served first, and ended")
        assert house.process.wait(15) == 3
        text = (house.dir / "log").read_text()
        assert "ledger_forked" in text
        mark = house.dir / "ledger.db.forked"
        assert by_hand.open_checkpoint(mark.read_bytes(), by_hand.Verifier(house.vkey))[0] == w.size

        entries = house.rows("SELECT max(seq) FROM entry")[0][0]
        with pytest.raises(RuntimeError, match="forked"):
            house.start(wait_s=15)  # the mark is there
        assert house.process.returncode == 3 and house.rows("SELECT max(seq) FROM entry")[0][0] == entries

        # the procedure: the mark tells which ledger it is of; that one back, the mark away
        verify = [h.BIN / "countersign", "ledger", "verify", house.ledger, "--key", house.vkey, "--checkpoint", mark,
                  "--allow-tail"]
        assert subprocess.run(verify, capture_output=True).returncode == 1
        put_back(house, newest)
        assert subprocess.run(verify, capture_output=True).returncode == 0
        mark.unlink()
        house.start()
        assert house.signed("after.example.com").certificate


def test_a_fork_of_the_same_size_is_found():
    """Two copies of one ledger go on for themselves; the witness knows the first."""
    with WitnessHouse(n=1, quorum=1) as house:
        w, saved = house.witnesses[0], house.dir / "saved"
        house.start()
        w.wait(lambda w: w.size > 0)
        house.stop()
        copy_ledger(house, saved)
        house.start()
        house.signed("first.example.com")
        first = house.rows("SELECT max(seq) FROM entry")[0][0]
        w.wait(lambda w: w.size >= first)
        house.stop()
        with w.changed:
            mode, w.mode = None, lambda body: (503, "text/plain", b"")
        put_back(house, saved)
        house.start()
        for i in range(6):  # longer than what the witness knows: its size alone says nothing
            house.signed(f"second{i}.example.com")
        with w.changed:
            w.mode = mode
        assert house.process.wait(60) == 3
        assert "ledger_forked" in (house.dir / "log").read_text()


def test_the_courier_is_one_of_the_house():
    with WitnessHouse(n=1, quorum=1) as house:
        house.start()
        house.witnesses[0].wait(lambda w: w.size > 0)
        children = house.children()
        assert set(children) == {"countersign-courier", "countersign-front", "countersign-gate", "countersign-signer"}
        pid = children["countersign-courier"][0]
        fds = {os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd")} \
            if os.access(f"/proc/{pid}/fd", os.R_OK) else set()
        assert not [f for f in fds if "ledger" in f or "policy" in f]
        os.kill(pid, signal.SIGKILL)
        assert house.process.wait(20) == 3
        assert not any(pathlib.Path(f"/proc/{p}").exists() for ps in children.values() for p in ps)


def test_configuration_is_refused_without_a_ledger_key():
    with WitnessHouse(n=1, quorum=1) as house:
        config = house.dir / "countersignd.yaml"
        config.write_text(config.read_text().replace("ledger_key: ledger.key\n", ""))
        done = subprocess.run([h.BIN / "countersignd", "--config", config, "--check"], capture_output=True, text=True)
        assert done.returncode == 2 and "ledger_key" in done.stderr
