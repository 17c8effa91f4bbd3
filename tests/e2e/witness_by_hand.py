"""A witness and a log's side of C2SP tlog-witness, written from the text of the specifications; nothing is shared with
the product. It can be told to misbehave."""
import base64
import hashlib
import http.server
import threading
import time

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import tlog_by_hand as by_hand


def raw_public(key):
    return key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


class NoteKey:
    """Signs notes: type 1 a log, type 4 a witness."""

    def __init__(self, name, kind, key=None):
        self.name, self.kind, self.key = name, kind, key or Ed25519PrivateKey.generate()
        self.raw = bytes([kind]) + raw_public(self.key)
        self.id = hashlib.sha256(name.encode() + b"\n" + self.raw).digest()[:4]

    @property
    def vkey(self):
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(self.raw).decode()}"

    def line(self, text, seconds=None):
        if self.kind == 4:
            seconds = int(time.time()) if seconds is None else seconds
            blob = seconds.to_bytes(8, "big") + self.key.sign(b"cosignature/v1\ntime %d\n" % seconds + text)
        else:
            blob = self.key.sign(text)
        return f"\u2014 {self.name} {base64.b64encode(self.id + blob).decode()}\n".encode()


def subproof(m, leaves, whole):
    """RFC 6962, 2.1.2."""
    n = len(leaves)
    if m == n:
        return [] if whole else [by_hand.tree_hash(leaves)]
    k = 1
    while 2 * k < n:
        k *= 2
    if m <= k:
        return subproof(m, leaves[:k], whole) + [by_hand.tree_hash(leaves[k:])]
    return subproof(m - k, leaves[k:], False) + [by_hand.tree_hash(leaves[:k])]


def consistency(old, leaves):
    return subproof(old, leaves, True) if 0 < old < len(leaves) else []


def consistent(old, size, old_root, root, proof):
    """RFC 9162, 2.1.4.2."""
    if old == 0:
        return not proof
    if old == size:
        return not proof and old_root == root
    if not proof:
        return False
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    fn, sn = old - 1, size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for c in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = by_hand.node_hash(c, fr), by_hand.node_hash(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = by_hand.node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return (fr, sr, sn) == (old_root, root, 0)


class Log:
    """A log in memory."""

    def __init__(self, origin, key=None):
        self.key, self.leaves = NoteKey(origin, 1, key), []

    def grow(self, n, salt=b""):
        for _ in range(n):
            self.leaves.append(by_hand.leaf_hash(b"entry %d" % len(self.leaves) + salt))

    def text(self, size=None):
        leaves = self.leaves[:size]
        return f"{self.key.name}\n{len(leaves)}\n{base64.b64encode(by_hand.tree_hash(leaves)).decode()}\n".encode()

    def checkpoint(self, size=None):
        text = self.text(size)
        return text + b"\n" + self.key.line(text)

    def add(self, old, size=None, proof=None):
        proof = consistency(old, self.leaves[:size]) if proof is None else proof
        return b"old %d\n" % old + b"".join(base64.b64encode(h) + b"\n" for h in proof) + b"\n" + self.checkpoint(size)


class Witness:
    """Serves add-checkpoint on a port of its own. mode(body) may answer instead: (status, type, body, headers or nothing)."""

    def __init__(self, name, log_vkey):
        self.key, self.log = NoteKey(name, 4), by_hand.Verifier(log_vkey)
        self.size, self.root, self.note, self.mode = 0, None, None, None
        self.asked, self.cosigned, self.changed = [], [], threading.Condition()
        witness = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def answer(self, status, kind, body, **headers):
                try:
                    self.send_response(status)
                    self.send_header("Content-Type", kind)
                    self.send_header("Content-Length", str(len(body)))
                    for key, value in headers.items():
                        self.send_header(key, value)
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    self.close_connection = True

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with witness.changed:
                    mode = witness.mode
                    answer = witness.add(body) if mode is None and self.path == "/w/add-checkpoint" else None
                    witness.asked.append((self.path, body))
                    witness.changed.notify_all()
                status, kind, text, *more = answer or (mode(body) if mode else (404, "text/plain", b""))
                self.answer(status, kind, text, **(more[0] if more else {}))

            def do_GET(self):
                path = "/w/" + hashlib.sha256(witness.log.name.encode()).hexdigest() + "/checkpoint"
                with witness.changed:
                    witness.asked.append((self.path, b""))
                    note = witness.note if self.path == path else None
                    witness.changed.notify_all()
                self.answer(*((404, "text/plain", b"") if note is None else (200, "text/plain", note)))

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/w"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def add(self, body):
        """The protocol; the caller holds the lock."""
        head, checkpoint = body.split(b"\n\n", 1)
        lines = head.decode().split("\n")
        assert lines[0].startswith("old ") and len(lines) <= 64
        old, proof = int(lines[0][4:]), [base64.b64decode(h, validate=True) for h in lines[1:]]
        if checkpoint.split(b"\n", 1)[0].decode() != self.log.name:
            return 404, "text/plain", b""
        try:
            size, root = by_hand.open_checkpoint(checkpoint, self.log)
        except InvalidSignature:
            return 403, "text/plain", b""
        if old > size:
            return 400, "text/plain", b""
        if old != self.size:
            return 409, "text/x.tlog.size", b"%d\n" % self.size
        if not consistent(old, size, self.root, root, proof):
            return 422, "text/plain", b""
        text = checkpoint[:checkpoint.rindex(b"\n\n") + 1]
        line = self.key.line(text)
        self.size, self.root, self.note = size, root, checkpoint + line
        self.cosigned.append(size)
        return 200, "text/plain", line

    def wait(self, true, seconds=15):
        with self.changed:
            assert self.changed.wait_for(lambda: true(self), seconds), (self.size, len(self.asked))
