"""Floods, silence, garbage: the front stays bounded and serves the others."""
import resource
import socket
import struct
import time

import hpack
import pytest
from byhand import (ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, GOOD, HEADERS,
                    PING, RST, SETTINGS, Wire, message, still_serves)


def test_rapid_reset_ends_the_connection(house):
    w = Wire(house.path)
    try:
        for i in range(300):
            w.head(GOOD, 1 + 2 * i)
            w.send(RST, 0, 1 + 2 * i, struct.pack(">I", 8))
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert w.closed() is not None
    still_serves(Wire(house.path), 1)


def test_ping_flood(house):
    w = Wire(house.path)
    for _ in range(4):
        w.send(PING, 0, 0, b"12345678")
    assert w.closed() == (ENHANCE_YOUR_CALM, b"too_many_pings")
    still_serves(Wire(house.path), 1)


def test_continuation_flood(house):
    w = Wire(house.path)
    block = w.enc.encode(GOOD, huffman=False)
    w.send(HEADERS, 0, 1, block)
    try:
        for _ in range(20):
            w.send(CONTINUATION, 0, 1, b"\0\1x\1y")
    except (BrokenPipeError, ConnectionResetError):
        pass
    w.closed()
    still_serves(Wire(house.path), 1)


def test_client_that_reads_nothing_is_bounded(house):
    """Answers of 1 MiB that nobody takes: the connection is cut, the front serves on."""
    w = Wire(house.path)
    w.send(SETTINGS, 0, 0, struct.pack(">HI", 4, 0))  # no window at all
    try:
        for i in range(30):
            w.head(GOOD, 1 + 2 * i)
            w.send(DATA, END_STREAM, 1 + 2 * i, message(b"size 1048576"))
    except (BrokenPipeError, ConnectionResetError):
        pass
    assert house.logged("does not take its answers")
    still_serves(Wire(house.path), 1)


def test_too_many_calls_at_the_gate(house):
    """One peer gets half of the places: what it holds is never more than what is left."""
    wires = [Wire(house.path) for _ in range(6)]
    for w in wires:
        for i in range(100):
            w.head(GOOD, 1 + 2 * i)
            w.send(DATA, END_STREAM, 1 + 2 * i, message(b"never"))
    for _ in range(200):
        if house.say("stats")["pending"] == 512:
            break
        time.sleep(0.02)
    assert house.say("stats")["pending"] == 512
    refused = 0
    for w in wires:
        w.send(PING, 0, 0, b"fence  2")
        while True:
            kind, flags, _, body = w.frame()
            if kind == HEADERS:
                assert dict(w.dec.decode(body))["grpc-status"] == "8"
                refused += 1
            if kind == PING and flags & ACK:
                break
    assert refused == 600 - 512
    for w in wires:
        w.s.close()
    for _ in range(200):
        if house.say("stats")["pending"] == 0:
            break
        time.sleep(0.02)
    still_serves(Wire(house.path), 1)


def conversation():
    w = object.__new__(Wire)
    enc = hpack.Encoder()
    return (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + w.raw(SETTINGS, 0, 0, b"\0\4\0\1\0\0") +
            w.raw(HEADERS, END_HEADERS, 1, enc.encode(GOOD)) + w.raw(DATA, END_STREAM, 1, message(b"hi")) +
            w.raw(PING, 0, 0, b"12345678"))


def abandon(path, data):
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    try:
        s.sendall(data)
    except (BrokenPipeError, ConnectionResetError):
        pass
    s.close()


def test_every_truncation(house):
    whole = conversation()
    for n in range(len(whole)):
        abandon(house.path, whole[:n])
    still_serves(Wire(house.path), 1)


def test_every_bit_flip(house):
    whole = conversation()
    for i in range(len(whole)):
        for bit in range(8):
            abandon(house.path, whole[:i] + bytes([whole[i] ^ 1 << bit]) + whole[i + 1:])
    still_serves(Wire(house.path), 1)


def test_connections_are_capped(house):
    """One peer gets half of the table; one more connection of it closes its longest idle one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 1200:
        pytest.skip("not enough descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1200), hard))
    busy = Wire(house.path)
    busy.head(GOOD)
    busy.send(DATA, END_STREAM, 1, message(b"never"))
    many = []
    for _ in range(511):
        many.append(Wire(house.path))
        many[-1].send(PING, 0, 0, b"settled ")
    for w in many:
        kind = SETTINGS
        while kind != PING:
            kind = w.frame()[0]
    extra = Wire(house.path)
    still_serves(extra, 1)
    assert many[0].closed() == (0, b"")  # GOAWAY without an error: its calls may go elsewhere
    still_serves(many[1], 1)
    still_serves(busy, 3)
    for w in many:
        w.s.close()


def test_silent_and_unfinished_clients_are_cut(house):
    """Ten seconds for the preface, ten for a header block; a served connection stays."""
    served = Wire(house.path)
    still_serves(served, 1)
    silent = socket.socket(socket.AF_UNIX)
    silent.settimeout(20)
    silent.connect(house.path)
    unfinished = Wire(house.path)
    unfinished.s.settimeout(20)
    unfinished.send(HEADERS, 0, 1, unfinished.enc.encode(GOOD))
    start = time.monotonic()
    unfinished.closed()
    while silent.recv(4096):
        pass
    assert 8 < time.monotonic() - start < 15
    assert house.logged("header block not finished")
    assert house.logged("no HTTP/2 settings")
    still_serves(served, 3)


@pytest.mark.parametrize("bytes_", [b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", b"\0" * 64])
def test_other_protocols_are_cut(house, bytes_):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(10)
    s.connect(house.path)
    s.sendall(bytes_)
    try:
        while s.recv(4096):
            pass
    except ConnectionResetError:
        pass
    still_serves(Wire(house.path), 1)


@pytest.mark.parametrize("frame", [Wire.raw(SETTINGS, 0, 0, b""), Wire.raw(0xbe, 0, 0, b"x"),
                                   Wire.raw(DATA, 0, 1, b"")], ids=["settings", "unknown", "empty data"])
def test_frames_that_bring_nothing(house, frame):
    """A hundred at once are too many; half of them are not."""
    w = Wire(house.path)
    w.head(GOOD)
    for _ in range(50):
        w.s.sendall(frame)
    still_serves(w, 3)
    for _ in range(60):
        try:
            w.s.sendall(frame)
        except (BrokenPipeError, ConnectionResetError):
            break
    assert w.closed() in (None, (ENHANCE_YOUR_CALM, b"too_many_frames"))
    still_serves(Wire(house.path), 1)
