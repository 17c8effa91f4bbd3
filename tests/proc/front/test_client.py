"""client/lib against the real front (the rows are in client_calls.c) and against odd servers."""
import os
import socket
import struct
import subprocess
import threading

import hpack
import pytest
from byhand import (CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, RST, SETTINGS, Wire,
                    message)

HEAD = [(":status", "200"), ("content-type", "application/grpc")]
OK = [("grpc-status", "0")]


def test_client_calls(house):
    p = subprocess.Popen([os.environ["CS_CLIENT_CALLS"], house.path], stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, text=True)
    for line in p.stdout:
        if line.strip() == "CUT":
            house.say("cut")
    err = p.stderr.read()
    assert p.wait(timeout=30) == 0, err
    assert house.exit_code() == 0


def frames(*parts):
    """("head", fields, end), ("data", bytes, end), ("rst", code), ("goaway", last), raw bytes."""
    enc, out = hpack.Encoder(), Wire.raw(SETTINGS, 0, 0, b"")
    for part in parts:
        if isinstance(part, bytes):
            out += part
        elif part[0] == "head":
            block, end = enc.encode(part[1], huffman=False), END_STREAM if part[2] else 0
            blocks = [block[i:i + 16000] for i in range(0, len(block), 16000)]
            for i, b in enumerate(blocks):
                last = END_HEADERS if i == len(blocks) - 1 else 0
                out += Wire.raw(HEADERS, end | last, 1, b) if i == 0 else Wire.raw(CONTINUATION, last, 1, b)
        elif part[0] == "data":
            for i in range(0, max(len(part[1]), 1), 16000):
                end = END_STREAM if part[2] and i + 16000 >= len(part[1]) else 0
                out += Wire.raw(DATA, end, 1, part[1][i:i + 16000])
        elif part[0] == "rst":
            out += Wire.raw(RST, 0, 1, struct.pack(">I", part[1]))
        elif part[0] == "goaway":
            out += Wire.raw(GOAWAY, 0, 0, struct.pack(">II", part[1], 0))
    return out


ROWS = [
    ("whole answer", frames(("head", HEAD, 0), ("data", message(b"abc"), 0), ("head", OK, 1)), "status=0 response=3"),
    ("refusal", frames(("head", HEAD + [("grpc-status", "9"), ("grpc-message", "%C3%BC")], 1)),
     "status=9 response=0 message=ü"),
    ("refusal, then reset", frames(("head", HEAD + [("grpc-status", "9")], 1), ("rst", 0)), "status=9"),
    ("refusal with a message", frames(("head", HEAD, 0), ("data", message(b"abc"), 0),
                                      ("head", [("grpc-status", "9")], 1)), "status=9 response=0"),
    ("details that are no base64", frames(("head", HEAD + [("grpc-status", "9"),
                                                           ("grpc-status-details-bin", "!")], 1)), "status=9"),
    ("OK without a message", frames(("head", HEAD + OK, 1)), "status=13"),
    ("OK with half a message", frames(("head", HEAD, 0), ("data", message(b"abc")[:-1], 0), ("head", OK, 1)),
     "status=13"),
    ("two messages", frames(("head", HEAD, 0), ("data", message(b"a") * 2, 0), ("head", OK, 1)), "status=13"),
    ("compressed", frames(("head", HEAD, 0), ("data", message(b"a", flag=1), 0), ("head", OK, 1)), "status=13"),
    ("encoded", frames(("head", HEAD + [("grpc-encoding", "gzip")], 0)), "status=13"),
    ("announces over 4 MiB", frames(("head", HEAD, 0), ("data", struct.pack(">BI", 0, (4 << 20) + 1), 0)),
     "status=13"),
    ("no status", frames(("head", HEAD, 0), ("data", message(b"a"), 1)), "status=13"),
    ("two statuses", frames(("head", HEAD + OK + OK, 1)), "status=13"),
    ("status is no number", frames(("head", HEAD + [("grpc-status", "x")], 1)), "status=13"),
    ("headers over 64 KiB", frames(("head", HEAD + [("x%d" % i, "v" * 4000) for i in range(20)] + OK, 1)),
     "status=13"),
    ("HTTP 503", frames(("head", [(":status", "503")], 1)), "status=14"),
    ("HTTP 405", frames(("head", [(":status", "405")], 1)), "status=2"),
    ("refused stream", frames(("rst", 7)), "status=14"),
    ("cancelled", frames(("rst", 8)), "status=1"),
    ("not processed", frames(("goaway", 0)), "status=14"),
    ("silence, then the end", frames(), "PEER_GONE"),
    ("the end inside an answer", frames(("head", HEAD, 0), ("data", message(b"abc")[:6], 0)), "PEER_GONE"),
    ("no HTTP/2", b"HTTP/1.1 400 Bad Request\r\n\r\n", "PEER_GONE"),
    ("frame over the limit", frames(b"\xff\xff\xff\0\0\0\0\0\1"), "PEER_GONE"),
]


def serve(listener, answer):
    s, _ = listener.accept()
    with s:
        s.settimeout(10)
        got = b""
        while not got.endswith(message(b"x")):  # the whole request
            got += s.recv(65536)
        s.sendall(answer)
        s.shutdown(socket.SHUT_WR)
        try:
            while s.recv(65536):
                pass
        except OSError:
            pass


@pytest.mark.parametrize("answer,expected", [r[1:] for r in ROWS], ids=[r[0] for r in ROWS])
def test_odd_servers(tmp_path, answer, expected):
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        thread = threading.Thread(target=serve, args=(listener, answer))
        thread.start()
        r = subprocess.run([os.environ["CS_CLIENT_CALLS"], path, "ask"], stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True, timeout=20)
        thread.join(timeout=15)
    assert r.returncode == 0 and not r.stderr, r.stderr
    assert r.stdout.startswith(expected), r.stdout


def test_client_survives_every_truncation_and_bit_flip(tmp_path):
    """Only that it ends by itself and cleanly; what it says is up to the bytes."""
    whole = frames(("head", HEAD, 0), ("data", message(b"abc"), 0), ("head", OK, 1))
    variants = [whole[:n] for n in range(0, len(whole), 2)]
    variants += [whole[:i] + bytes([whole[i] ^ 1 << (i * 3 + 1) % 8]) + whole[i + 1:] for i in range(len(whole))]
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        for variant in variants:
            thread = threading.Thread(target=serve, args=(listener, variant))
            thread.start()
            r = subprocess.run([os.environ["CS_CLIENT_CALLS"], path, "ask"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, timeout=20)
            thread.join(timeout=15)
            assert r.returncode == 0 and not r.stderr, r.stderr
            assert r.stdout.startswith(("status=", "PEER_GONE")), r.stdout
