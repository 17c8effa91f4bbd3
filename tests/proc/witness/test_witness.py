"""`countersign witness` as a log sees it: every answer of the protocol, the vectors, and what a kill leaves behind."""
import base64
import hashlib
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

sys.path.insert(0, os.environ["CS_E2E_DIR"])
import tlog_by_hand as by_hand  # noqa: E402
import witness_by_hand as wh  # noqa: E402

CLI = os.environ["CS_CLI"]
ORIGIN, NAME = "ca.example/countersign-audit", "witness.example/w1"
# The published vectors: log seed 01*32, witness seed 02*32, tree over eight entries, sizes 3 -> 8.
LOG_VKEY = "ca.example/countersign-audit+98267374+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c"
WITNESS_VKEY = "witness.example/w1+df1c0a35+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU"
CHECKPOINT = b"""ca.example/countersign-audit
8
XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=

\xe2\x80\x94 ca.example/countersign-audit mCZzdLj0updnEE0Rhlyec/EaUBuT1TSxt1hfcDe6qzIVa8J39kDwWvR4pP7QaFVrXRMbYbWjGX7ZVn05+41aLeTh1Q4=
"""
PROOF_3_8 = [b"ApjRIpBtz8EIkstTpzmS/FufST6kybrbJ7eRtBJ6f+c=", b"B1Bqhf2d0vEg62lPhgEeW7RmLlxBWmKRcDPUqWJEh+c=",
             b"+sVCA+fMaWzw38tCySodnbr3CtnmIfS9jZhmLwDjwSU=", b"a0eq8p7jwq+a+Im8H7klTavTEXfxYjLdaqsDXKOb9uQ="]


def seeded(byte):
    return Ed25519PrivateKey.from_private_bytes(bytes([byte]) * 32)


def pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


class Server:
    def __init__(self, folder, logs, key="w.key", state="state"):
        self.folder, self.logs, self.process = folder, logs, None
        self.key, self.state = folder / key, folder / state
        self.state.mkdir(exist_ok=True)
        if not self.key.exists():
            self.key.write_bytes(pem(seeded(2)))
            self.key.chmod(0o600)

    def start(self):
        logs = [word for log in self.logs for word in ("--log", log)]
        self.process = subprocess.Popen(
            [CLI, "witness", "--listen", "127.0.0.1:0", "--key", self.key, "--name", NAME, *logs, "--state", self.state,
             "--json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        text = b""
        while not text.endswith(b"}\n"):
            line = self.process.stdout.readline()
            assert line, self.process.wait()
            text += line
        said = json.loads(text)
        self.port, self.verifier = said["port"], by_hand.Verifier(said["vkey"])
        return self

    def ask(self, method, path, body=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            c.request(method, path, body)
            r = c.getresponse()
            return r.status, r.headers.get("Content-Type"), r.read()
        finally:
            c.close()

    def add(self, body):
        return self.ask("POST", "/add-checkpoint", body)

    def held(self, origin=ORIGIN):
        return self.ask("GET", "/" + hashlib.sha256(origin.encode()).hexdigest() + "/checkpoint")

    def end(self, sig=signal.SIGTERM):
        if self.process is not None:
            self.process.send_signal(sig)
            code = self.process.wait(20)
            self.process.stdout.close()
            self.process = None
            return code


@pytest.fixture
def log():
    made = wh.Log(ORIGIN)
    made.grow(20)
    return made


@pytest.fixture
def server(tmp_path, log):
    made = Server(tmp_path, [log.key.vkey]).start()
    yield made
    made.end(signal.SIGKILL)


def cosigned(server, log, body, size):
    status, kind, answer = server.add(body)
    assert status == 200 and kind.startswith("text/plain"), answer
    by_hand.open_note(log.text(size) + b"\n" + answer, server.verifier)
    return answer


def test_the_vectors(tmp_path):
    server = Server(tmp_path, [LOG_VKEY]).start()
    try:
        status, _, line = server.add(b"old 0\n\n" + CHECKPOINT)
        assert status == 200 and line.startswith(b"\xe2\x80\x94 witness.example/w1 3xwKNQAAAA")
        assert server.verifier.id.hex() == "df1c0a35"
        by_hand.open_note(CHECKPOINT[:CHECKPOINT.rindex(b"\n\n") + 1] + b"\n" + line, by_hand.Verifier(WITNESS_VKEY))
        # the head of the request from 3 to 8, byte for byte: to a witness that has 3 it is a proof, to this one a conflict
        assert server.add(b"old 3\n" + b"\n".join(PROOF_3_8) + b"\n\n" + CHECKPOINT) == (409, "text/x.tlog.size", b"8\n")
        status, _, note = server.held()
        assert status == 200 and note.startswith(CHECKPOINT) and note[len(CHECKPOINT):] == line
    finally:
        server.end(signal.SIGKILL)


def test_key_prints_the_vector_and_makes_keys(tmp_path):
    (tmp_path / "k").write_bytes(pem(seeded(2)))
    (tmp_path / "k").chmod(0o600)
    run = lambda *a: subprocess.run([CLI, "witness", "key", *a], capture_output=True, text=True)  # noqa: E731
    assert run(tmp_path / "k", "--name", NAME).stdout.strip() == WITNESS_VKEY
    made = run(tmp_path / "new", "--name", NAME, "--json")
    assert made.returncode == 0 and (tmp_path / "new").stat().st_mode & 0o777 == 0o600
    assert run(tmp_path / "new", "--name", NAME).stdout.strip() == json.loads(made.stdout)["vkey"]
    assert by_hand.Verifier(json.loads(made.stdout)["vkey"]).type == 4
    assert run(tmp_path / "new", "--name", "a b").returncode == 2
    (tmp_path / "junk").write_text("junk")
    assert run(tmp_path / "junk", "--name", NAME).returncode == 2


def test_it_grows_with_the_log(server, log):
    assert server.held()[0] == 404
    old = 0
    for size in (1, 2, 3, 7, 8, 8, 13, 20):
        cosigned(server, log, log.add(old, size), size)
        old = size
    status, _, note = server.held()
    assert status == 200
    assert by_hand.open_checkpoint(note, by_hand.Verifier(log.key.vkey))[0] == 20
    by_hand.open_note(note, server.verifier)


def test_every_pair_of_sizes(tmp_path, log):
    for old in range(1, 12):
        for size in range(old, 12):
            proof = wh.consistency(old, log.leaves[:size])
            assert wh.consistent(old, size, by_hand.tree_hash(log.leaves[:old]), by_hand.tree_hash(log.leaves[:size]), proof)
    server = Server(tmp_path, [log.key.vkey])
    for old in (1, 2, 3, 4, 6, 7):
        for file in server.state.iterdir():
            file.unlink()
        server.start()
        cosigned(server, log, log.add(0, old), old)
        cosigned(server, log, log.add(old, 11), 11)
        server.end(signal.SIGKILL)


def test_refusals(server, log):
    other, stranger = wh.Log(ORIGIN), wh.Log("other.example/log")
    other.grow(20, salt=b"!")
    stranger.grow(20)
    forged = wh.Log(ORIGIN, log.key.key)
    forged.grow(20, salt=b"?")
    cosigned(server, log, log.add(0, 8), 8)
    flip = lambda h: h[:5] + bytes([h[5] ^ 1]) + h[6:]  # noqa: E731
    proof = wh.consistency(8, log.leaves[:13])
    rows = [
        ("old above size", log.add(9, 8, []), 400),
        ("unsigned by the log", other.add(8, 13), 403),
        ("its signature over another text", log.add(8, 13).replace(b"\n13\n", b"\n12\n"), 403),
        ("unknown log", stranger.add(0, 8), 404),
        ("behind", log.add(0, 13), 409),
        ("ahead", log.add(9, 13), 409),
        ("a smaller tree", log.add(3, 5), 409),
        ("no proof", log.add(8, 13, []), 422),
        ("a hash too many", log.add(8, 13, proof + [proof[0]]), 422),
        ("a hash too few", log.add(8, 13, proof[:-1]), 422),
        ("a wrong hash", log.add(8, 13, [flip(proof[0]), *proof[1:]]), 422),
        ("another tree, larger", forged.add(8, 13), 422),
        ("another tree, same size", forged.add(8, 8), 422),
        ("a proof to the same size", log.add(8, 8, proof), 422),
        ("nothing", b"", 400),
        ("no head", log.checkpoint(13), 400),
        ("old without number", log.add(8, 13).replace(b"old 8", b"old x"), 400),
        ("leading zero", log.add(8, 13).replace(b"old 8", b"old 08"), 400),
        ("sign", log.add(8, 13).replace(b"old 8", b"old +8"), 400),
        ("too many hashes", log.add(8, 13, proof * 64), 400),
        ("short hash", log.add(8, 13, [b"short"]), 400),
        ("no newline at the end", log.add(8, 13)[:-1], 400),
        ("no signature", b"old 8\n\n" + log.text(13), 400),
        ("not text", b"old 8\n\n\xff\xfe\n\n", 400),
    ]
    for name, body, want in rows:
        status, kind, answer = server.add(body)
        assert status == want, (name, status, answer)
        if want == 409:
            assert (kind, answer) == ("text/x.tlog.size", b"8\n"), name
    assert server.add(b"x" * 400000)[0] in (400, 413)
    for method, path, want in (("GET", "/add-checkpoint", 405), ("GET", "/", 404), ("GET", "/../state/lock", 404),
                               ("POST", "/other", 404), ("GET", "/" + "0" * 64 + "/checkpoint", 404)):
        assert server.ask(method, path)[0] == want, (method, path)
    assert by_hand.open_checkpoint(server.held()[2], by_hand.Verifier(log.key.vkey))[0] == 8
    cosigned(server, log, log.add(8, 13), 13)


def test_cut_and_flipped_requests_never_move_it(server, log):
    cosigned(server, log, log.add(0, 3), 3)
    good = log.add(3, 8)
    for n in range(0, len(good) - 1, 3):
        assert server.add(good[:n])[0] in (400, 403, 422), n
    for n in range(0, len(good) - 1):
        bad = good[:n] + bytes([good[n] ^ 1]) + good[n + 1:]
        status, _, answer = server.add(bad)
        assert status in (400, 403, 404, 409, 422), (n, bad, answer)
    cosigned(server, log, good, 8)


def test_it_remembers_across_kills(tmp_path, log):
    """Killed at any moment: what was answered is remembered."""
    server, answered = Server(tmp_path, [log.key.vkey]), 0
    log.grow(300)
    for turn in range(6):
        server.start()
        killer = threading.Timer(0.05 + 0.04 * turn, server.process.kill)
        killer.start()
        status, _, body = server.held()
        size = by_hand.open_checkpoint(body, by_hand.Verifier(log.key.vkey))[0] if status == 200 else 0
        assert size >= answered  # it may have kept one whose answer was lost
        try:
            while size < 300:
                if server.add(log.add(size, size + 1))[0] != 200:
                    break
                size += 1
                answered = size
        except (OSError, http.client.HTTPException):
            pass
        killer.join()
        server.process.wait(20)
        server.process.stdout.close()
        answered = max(answered, size)
    server.start()
    assert server.add(log.add(0, 320))[0] == 409
    size = int(server.add(log.add(0, 320))[2])
    assert size >= answered > 0
    cosigned(server, log, log.add(size, 320), 320)
    assert not [p for p in server.state.iterdir() if p.suffix == ".tmp"]
    assert server.end() == 0


def test_the_folder_is_one_witness_s(server, tmp_path, log):
    args = ["--listen", "127.0.0.1:0", "--key", server.key, "--name", NAME, "--log", log.key.vkey]
    second = subprocess.run([CLI, "witness", *args, "--state", server.state], capture_output=True, text=True, timeout=20)
    assert second.returncode == 2 and "another witness" in second.stderr
    cosigned(server, log, log.add(0, 8), 8)
    server.end()
    file = next(server.state.glob("*.checkpoint"))
    good = file.read_bytes()
    for bad in (b"", good[:-1], good.replace(b"\n8\n", b"\n7\n"), log.checkpoint(8)):
        file.write_bytes(bad)
        done = subprocess.run([CLI, "witness", *args, "--state", server.state], capture_output=True, text=True, timeout=20)
        assert done.returncode == 2 and "cosigned" in done.stderr, bad
    file.write_bytes(good)
    server.start()
    cosigned(server, log, log.add(8, 9), 9)


def test_what_it_cannot_write_it_does_not_cosign(server, log):
    if os.geteuid() == 0:
        # root writes anywhere: the folder itself goes away
        server.state.rename(server.state.with_name("gone"))
        assert server.add(log.add(0, 8))[0] == 500
        server.state.with_name("gone").rename(server.state)
    else:
        server.state.chmod(0o500)
        assert server.add(log.add(0, 8))[0] == 500
        server.state.chmod(0o700)
    cosigned(server, log, log.add(0, 8), 8)


def test_two_logs(tmp_path, log):
    second = wh.Log("second.example/log")
    second.grow(9)
    server = Server(tmp_path, [log.key.vkey, second.key.vkey]).start()
    try:
        cosigned(server, log, log.add(0, 8), 8)
        cosigned(server, second, second.add(0, 9), 9)
        assert server.add(log.add(9, 20))[2] == b"8\n"
        assert by_hand.open_checkpoint(server.held("second.example/log")[2], by_hand.Verifier(second.key.vkey))[0] == 9
    finally:
        server.end(signal.SIGKILL)


def test_a_slow_client_holds_nobody_up(server, log):
    with socket.create_connection(("127.0.0.1", server.port)) as slow:
        slow.sendall(b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 100\r\n\r\nold")
        before = time.monotonic()
        cosigned(server, log, log.add(0, 8), 8)
        assert time.monotonic() - before < 10


@pytest.mark.parametrize("args", [
    [], ["--listen", "nowhere"], ["--listen", "127.0.0.1:99999"], ["--log", WITNESS_VKEY], ["--log", "x"],
    ["--log", LOG_VKEY, "--log", LOG_VKEY], ["--state", "/nonexistent"], ["--key", "/nonexistent"]])
def test_usage(tmp_path, args):
    Server(tmp_path, [])
    given = {"--listen": "127.0.0.1:0", "--key": tmp_path / "w.key", "--name": NAME, "--state": tmp_path / "state"}
    if "--log" not in args and args:
        given["--log"] = LOG_VKEY
    rest = [word for key, value in given.items() if key not in args for word in (key, value)]
    done = subprocess.run([CLI, "witness", *args, *rest], capture_output=True, text=True, timeout=20)
    assert done.returncode == 2 and done.stderr, done
