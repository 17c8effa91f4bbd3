"""TLS and time: a handshake that does not end, a certificate that does."""
import socket
import time

import authority
from door import describe, door  # noqa: F401 (fixture)


def test_slow_handshake(door):
    start = time.monotonic()
    with socket.create_connection(("127.0.0.1", door.port), timeout=20) as s:
        s.sendall(b"\x16\x03\x01")
        with door.channel(door.ca.issue()) as ch:
            assert describe(ch)
        assert s.recv(100) == b""
    assert 8 < time.monotonic() - start < 15
    assert door.house.logged("not finished in time")


def test_expiry_ends_an_open_connection(door):
    pair = door.ca.issue(end=authority.datetime.timedelta(seconds=5))
    with door.connect(door.context(pair)) as s:
        s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
        came = b""
        s.settimeout(15)
        while chunk := s.recv(1000):
            came += chunk
    assert b"\0\0\x08\x07\0" in came  # GOAWAY
    assert door.house.logged("has expired")
