"""Hostile HTTP/2 (python3-h2 and bytes by hand): during each attack a good client keeps being answered
within its deadline, on an old connection and on fresh ones, and the front's memory stays bounded. Prints
the figures."""
import os
import random
import resource
import socket
import struct
import threading
import time

import h2.config
import h2.connection
import h2.events
import pytest
from authority import CLIENT
from byhand import (CONTINUATION, DATA, ECHO, END_HEADERS, END_STREAM, GOOD, HEADERS, PING, RST, SETTINGS,
                    Wire, message)
from door import Door

DEADLINE_S = 3.0
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
PRIORITY, WINDOW_UPDATE = 2, 8
FRONT = os.environ["CS_FRONT"]
SANITIZED = b"__asan_init" in open(FRONT, "rb").read()
RSS_GROWTH_MAX_KIB = (600 if SANITIZED else 96) * 1024
RANDOM = random.Random(20261122)


def rss_kib(pid, name="VmRSS"):
    with open("/proc/%d/status" % pid) as f:
        return int(next(line for line in f if line.startswith(name + ":")).split()[1])


def one_call(path, body=b"good"):
    """A whole session by python-h2 on a fresh connection; the echo, or None."""
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)  # waits while the queue is full
        s.settimeout(DEADLINE_S)
        c = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        c.initiate_connection()
        c.send_headers(1, GOOD)
        c.send_data(1, message(body), end_stream=True)
        s.sendall(c.data_to_send())
        data, status = b"", None
        while True:
            got = s.recv(65536)
            if not got:
                return None
            for e in c.receive_data(got):
                if isinstance(e, h2.events.DataReceived):
                    data += e.data
                if isinstance(e, h2.events.TrailersReceived):
                    status = dict(e.headers).get(b"grpc-status", dict(e.headers).get("grpc-status"))
                if isinstance(e, h2.events.StreamEnded):
                    return data[5:] if status in (b"0", "0") else None
            s.sendall(c.data_to_send())


class Good(threading.Thread):
    """Calls without a pause on one connection; every fifth time on a fresh one."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path, self.stop, self.failed, self.took = path, threading.Event(), [], []
        self.wire = Wire(path)

    def run(self):
        stream = 1
        while not self.stop.is_set():
            start = time.monotonic()
            try:
                if len(self.took) % 5 == 4:
                    answer = one_call(self.path)
                else:
                    self.wire.head(GOOD, stream)
                    self.wire.send(DATA, END_STREAM, stream, message(b"good"))
                    fields, data, _ = self.answer(stream)
                    answer = data[5:] if fields.get("grpc-status") == "0" else None
                    stream += 2
            except Exception as e:  # whatever it is, the client was not served
                self.failed.append(repr(e))
                return
            self.took.append(time.monotonic() - start)
            if answer != b"good" or self.took[-1] > DEADLINE_S:
                self.failed.append("call %d: %r after %.2f s" % (len(self.took), answer, self.took[-1]))
            self.stop.wait(0.002)

    def answer(self, stream):
        """As Wire.answer, without its PING, which the rule of pings counts."""
        fields, data = {}, b""
        while True:
            kind, flags, sid, body = self.wire.frame()
            if kind == HEADERS:
                fields.update(self.wire.dec.decode(body))
            if kind == DATA:
                data += body
            if sid == stream and flags & END_STREAM and kind in (DATA, HEADERS):
                return fields, data, None


@pytest.fixture
def siege(house, request, capsys):
    good, pid = Good(house.path), house.front_pid()
    one_call(house.path)
    before, start = rss_kib(pid), time.monotonic()
    good.start()
    while len(good.took) < 5 and not good.failed:
        time.sleep(0.01)
    house.good = good
    yield house
    n = len(good.took)
    while len(good.took) < n + 10 and not good.failed:  # and after the attack
        time.sleep(0.01)
    good.stop.set()
    good.join(timeout=10)
    good.wire.s.close()
    high = rss_kib(pid, "VmHWM")
    with capsys.disabled():
        print("\n%-22s %5.1f s, %5d good calls, slowest %6.1f ms, RSS %d -> at most %d KiB" % (
            request.node.name.replace("test_", ""), time.monotonic() - start, len(good.took),
            1000 * max(good.took), before, high), flush=True)
    assert not good.failed, good.failed[:3]
    assert high - before < RSS_GROWTH_MAX_KIB
    assert one_call(house.path) == b"good"


def throw(path, data, read=True):
    """Bytes on a connection of their own; waits for what comes until its end or for a moment."""
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(0.02)
    s.connect(path)
    try:
        s.settimeout(5)
        s.sendall(data)
        s.settimeout(0.02)
        while read and s.recv(65536):
            pass
    except (OSError, TimeoutError):
        pass
    s.close()


def flood(wire, data, n):
    """The same bytes n times, or until the front has had enough; how many went."""
    for i in range(n):
        try:
            wire.s.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return i
    return n


def again(siege, n_calls=60):
    """Once more, until the good client was answered so often under attack."""
    served = len(siege.good.took)
    while len(siege.good.took) < served + n_calls and not siege.good.failed:
        yield


HELLO = PREFACE + Wire.raw(SETTINGS, 0, 0, b"")


def test_malformed_frames(siege):
    """Each type of frame with wrong lengths, streams and flags; one connection each."""
    n = 0
    for kind in list(range(10)) + [10, 12, 16, 0xf0, 0xff]:
        for stream in (0, 1, 2, 0x7fffffff, 0xffffffff):
            for flags in (0, 1, 4, 0x2d, 0xff):
                for body in (b"", b"\0", b"\0" * 4, b"\xff" * 5, b"\0" * 7, b"\xff" * 9, b"\x82" * 40):
                    throw(siege.path, HELLO + Wire.raw(kind, flags, stream, body) +
                          Wire.raw(HEADERS, 5, 1, b"\x82\x86"), read=n % 16 == 0)
                    n += 1
    for length in (16385, 1 << 20, (1 << 24) - 1):  # larger than SETTINGS_MAX_FRAME_SIZE
        for kind in range(10):
            throw(siege.path, HELLO + struct.pack(">I", length)[1:] + bytes([kind, 0, 0, 0, 0, 1]) + b"x" * 99)


def good_session():
    c = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    c.initiate_connection()
    c.send_headers(1, GOOD)
    c.send_data(1, message(b"hello"), end_stream=True)
    c.send_headers(3, [(n, v if n != ":path" else "/grpc.health.v1.Health/Watch") for n, v in GOOD])
    c.send_data(3, message(b"parts 3 9"), end_stream=True)
    c.increment_flow_control_window(1000)
    c.reset_stream(3, 8)
    return c.data_to_send()


def test_bit_flips_of_a_session(siege):
    whole = good_session()
    for i in range(len(whole)):
        for bit in (i % 8, (i * 5 + 3) % 8):
            throw(siege.path, whole[:i] + bytes([whole[i] ^ 1 << bit]) + whole[i + 1:], read=i % 8 == 0)
    for i in range(0, len(whole), 3):
        throw(siege.path, whole[:i], read=False)


def test_random_bytes(siege):
    for i, _ in zip(range(100000), again(siege, 200)):
        start = (b"", PREFACE, HELLO, HELLO + Wire.raw(HEADERS, 4, 1, b"\x82\x86\x84"))[i % 4]
        throw(siege.path, start + RANDOM.randbytes(RANDOM.randrange(1, 3000)), read=i % 10 == 0)


def test_rapid_reset(siege):
    for _ in again(siege):
        w = Wire(siege.path)
        frames = b""
        for i in range(400):
            frames += w.raw(HEADERS, END_HEADERS | END_STREAM, 1 + 2 * i, w.enc.encode(GOOD))
            frames += w.raw(RST, 0, 1 + 2 * i, struct.pack(">I", 8))
        flood(w, frames, 1)
        assert w.closed() is not None  # GOAWAY


@pytest.mark.parametrize("what,frame", [
    ("settings", Wire.raw(SETTINGS, 0, 0, b"\0\3\0\0\0\x64")), ("ping", Wire.raw(PING, 0, 0, b"12345678")),
    ("window", Wire.raw(WINDOW_UPDATE, 0, 0, b"\0\0\0\1")), ("priority", Wire.raw(PRIORITY, 0, 5, b"\0\0\0\0\1")),
    ("unknown", Wire.raw(0xbe, 0, 0, b"abc")), ("acks", Wire.raw(SETTINGS, 1, 0, b"")),
    ("resets", Wire.raw(RST, 0, 1, b"\0\0\0\x08"))],
    ids=["settings", "ping", "window", "priority", "unknown", "acks", "resets"])
def test_flood(siege, what, frame):
    for _ in again(siege):
        w = Wire(siege.path)
        w.head(GOOD)
        went = flood(w, frame * 500, 40)
        assert went < 40 or w.closed() is not None
        w.s.close()


def test_empty_data_flood(siege):
    for _ in again(siege):
        w = Wire(siege.path)
        w.head(GOOD)
        flood(w, w.raw(DATA, 0, 1, b"") * 500, 20)
        last = w.closed()
        assert last is None or last == (11, b"too_many_frames")  # our GOAWAY may be lost with the connection
        w.s.close()


def test_continuation_flood(siege):
    for _ in again(siege):
        w = Wire(siege.path)
        w.send(HEADERS, 0, 1, w.enc.encode(GOOD))
        flood(w, w.raw(CONTINUATION, 0, 1, b"\0\1x\1y" * 10), 5000)
        w.closed()
        w.s.close()


def test_headers_of_40_kib(siege):
    """One field, many fields, and compressed to almost nothing: 431, never a call."""
    kinds = [GOOD + [("x", "v" * 40000)], GOOD + [("x%d" % i, "v" * 90) for i in range(400)],
             GOOD + [("x", "v" * 3000)] * 13]
    for _ in again(siege):
        w = Wire(siege.path)
        for i, fields in enumerate(kinds):
            block, stream = w.enc.encode(fields, huffman=False), 1 + 2 * i
            pieces = [block[k:k + 16000] for k in range(0, len(block), 16000)]
            for k, piece in enumerate(pieces):
                last = END_HEADERS if k == len(pieces) - 1 else 0
                w.send(HEADERS if k == 0 else CONTINUATION, last | (END_STREAM if k == 0 else 0), stream, piece)
            fields = {}
            while ":status" not in fields:
                kind, _, _, body = w.frame()
                if kind == HEADERS:
                    fields = dict(w.dec.decode(body))
            assert fields[":status"] == "431"
        w.s.close()


def test_slow_bodies(siege):
    """A byte now and then on many streams: their deadline ends them."""
    wires = [Wire(siege.path) for _ in range(20)]
    fields = GOOD + [("grpc-timeout", "1500m")]
    for w in wires:
        for i in range(20):
            w.head(fields, 1 + 2 * i)
            w.send(DATA, 0, 1 + 2 * i, struct.pack(">BI", 0, 1 << 20))
    for _ in range(10):
        for w in wires:
            flood(w, b"".join(w.raw(DATA, 0, 1 + 2 * i, b"x") for i in range(20)), 1)
        time.sleep(0.1)
    for w in wires:
        seen = set()
        while len(seen) < 20:
            kind, _, sid, body = w.frame()
            if kind == HEADERS:
                assert dict(w.dec.decode(body))["grpc-status"] == "4"
                seen.add(sid)
        w.s.close()


def test_slow_readers(siege):
    """Windows of zero and answers of a megabyte: what waits is bounded for each and for all."""
    wires = []
    for _ in range(40):
        w = Wire(siege.path)
        w.send(SETTINGS, 0, 0, struct.pack(">HI", 4, 0))
        for i in range(4):
            w.head(GOOD, 1 + 2 * i)
            w.send(DATA, END_STREAM, 1 + 2 * i, message(b"size 300000"))
        wires.append(w)
    time.sleep(0.5)
    for w in wires:
        w.s.close()


def test_half_open_connections(siege, capsys):
    """10,000 connections that send nothing, half a preface, or no SETTINGS."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (10300, max(hard, 10300)))
    except (ValueError, PermissionError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    n = min(10000, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 300)
    many, start = [], time.monotonic()
    for i in range(n):
        s = socket.socket(socket.AF_UNIX)
        s.connect(siege.path)
        try:
            s.sendall((b"", PREFACE[:10], PREFACE)[i % 3])
        except (BrokenPipeError, ConnectionResetError):
            pass
        many.append(s)
    with capsys.disabled():
        print("\n%d half-open connections in %.1f s" % (n, time.monotonic() - start), end="", flush=True)
    served = len(siege.good.took)
    while len(siege.good.took) < served + 100 and not siege.good.failed:  # while all of them are held
        time.sleep(0.01)
    assert len(os.listdir("/proc/%d/fd" % siege.front_pid())) < 1200
    for s in many:
        s.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))


def test_half_open_tls(tmp_path, capsys):
    """TCP connections that begin a handshake at most: one pool of strangers, whose oldest goes first."""
    door = Door(tmp_path)
    pair = door.ca.issue(("ra.example",), (CLIENT,))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4200), hard))
    pid, many, took, stop = door.house.front_pid(), [], [], threading.Event()
    before = rss_kib(pid)

    def attack():
        while not stop.is_set():
            s = socket.create_connection(("localhost", door.port))
            try:
                s.sendall((b"", b"\x16\x03\x01\x02\x00\x01\x00", b"\x16")[len(many) % 3])
            except OSError:
                pass
            many.append(s)
            if len(many) > 3000:
                many.pop(0).close()

    thread = threading.Thread(target=attack, daemon=True)
    thread.start()
    while len(took) < 15 or (len(many) < 2000 and thread.is_alive()):
        start = time.monotonic()
        with door.channel(pair) as ch:
            assert ch.unary_unary(ECHO)(b"good", timeout=DEADLINE_S) == b"good"
        took.append(time.monotonic() - start)
    stop.set()
    thread.join(timeout=10)
    high = rss_kib(pid, "VmHWM")
    with capsys.disabled():
        print("\nhalf_open_tls: %d at once, %d good handshakes and calls, slowest %.1f ms, RSS %d -> at most %d KiB" % (
            len(many), len(took), 1000 * max(took), before, high), flush=True)
    assert len(os.listdir("/proc/%d/fd" % pid)) < 700
    assert high - before < RSS_GROWTH_MAX_KIB
    for s in many:
        s.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    door.house.close()


def test_one_peer_cannot_starve_another(tmp_path):
    """A local user takes all the connections and calls it may; a client on TLS is served."""
    door = Door(tmp_path)
    pair = door.ca.issue(("ra.example",), (CLIENT,))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 2000), hard))
    wires = [Wire(door.house.path) for _ in range(510)]
    for w in wires[:6]:
        for i in range(100):
            w.head(GOOD, 1 + 2 * i)
            w.send(DATA, END_STREAM, 1 + 2 * i, message(b"never"))
    for _ in range(500):
        if door.house.say("stats")["pending"] == 512:
            break
        time.sleep(0.01)
    assert door.house.say("stats")["pending"] == 512
    refused = Wire(door.house.path)
    refused.head(GOOD)
    refused.send(DATA, END_STREAM, 1, message(b"x"))
    assert refused.answer()[0]["grpc-status"] == "8"
    with door.channel(pair) as ch:
        futures = [ch.unary_unary(ECHO).future(b"delay 300 %d" % i, timeout=10) for i in range(90)]
        assert [f.result() for f in futures] == [b"delay 300 %d" % i for i in range(90)]
    for w in wires:
        w.s.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    door.house.close()
