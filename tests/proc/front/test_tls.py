"""TLS of the front: who gets in, who does not, and what new material changes."""
import hashlib
import re
import socket
import ssl
import time

import authority
import byhand
import grpc
import hpack
import pytest
from authority import HOUR, SERVER, Authority
from conftest import House
from door import ECHO, describe, door  # noqa: F401 (fixture)
from cryptography.hazmat.primitives import serialization


def test_names_and_key_reach_the_gate(door):
    pair = door.ca.issue(("API-1.Example", "b.example"))
    spki = pair[0].public_key().public_bytes(authority.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    with door.channel(pair) as ch:
        text = describe(ch)
    assert " transport=2 uid=0 gid=0 pid=0 " in text
    assert " listener=1:api-tls names=api-1.example,b.example " in text
    assert f"spki={hashlib.sha256(spki).hexdigest()}" in text
    with grpc.insecure_channel("unix:" + door.house.path) as ch:
        text = describe(ch)
        assert " transport=1 " in text and " listener=0:door names= " in text


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_versions(door, version):
    c = door.context(door.ca.issue())
    c.minimum_version = c.maximum_version = version
    with door.connect(c) as s:
        assert s.selected_alpn_protocol() == "h2" and s.recv(9)[3] == 4  # SETTINGS
        s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
        assert s.session is None or not s.session.has_ticket
        assert not s.session_reused


def test_old_version(door):
    c = door.context(door.ca.issue())
    c.set_ciphers("ALL:@SECLEVEL=0")
    c.minimum_version = ssl.TLSVersion.TLSv1
    c.maximum_version = ssl.TLSVersion.TLSv1_1
    door.refused(c, "unsupported protocol")


BAD = {
    "wrong CA": (lambda d: Authority("Elsewhere").issue(), "unable to get local issuer"),
    "same name, other key": (lambda d: Authority().issue(), "signature failure"),
    "expired": (lambda d: d.ca.issue(start=-3 * HOUR, end=-HOUR), "expired"),
    "not yet": (lambda d: d.ca.issue(start=HOUR, end=2 * HOUR), "not yet valid"),
    "no SAN": (lambda d: d.ca.issue(()), "no dNSName"),
    "address only": (lambda d: d.ca.issue((), ip=(__import__("ipaddress").ip_address("192.0.2.1"),)), "no dNSName"),
    "wildcard": (lambda d: d.ca.issue(("a.example", "*.example")), "wildcard"),
    "underscore": (lambda d: d.ca.issue(("a_b.example",)), "no host name"),
    "17 names": (lambda d: d.ca.issue(tuple(f"n{i}.example" for i in range(17))), "more than 16"),
    "server only": (lambda d: d.ca.issue(usage=(SERVER,)), "unsuitable certificate purpose|unsupported certificate purpose"),
    "no usage": (lambda d: d.ca.issue(usage=()), "no clientAuth"),
    "the CA itself": (lambda d: (d.ca.certificate, d.ca.key), "tls_refused"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_certificates(door, what):
    make, why = BAD[what]
    door.refused(door.context(make(door)), "tls_refused")
    assert re.search(why, "".join(door.house.log)), "".join(door.house.log)


def test_intermediate_from_the_client(door):
    """Only what the policy names may issue: a CA below it is nobody."""
    below = Authority("Below", door.ca)
    pair = below.issue()
    c = door.context(pair)
    (door.folder / "chain.pem").write_bytes(b"".join(x.public_bytes(authority.PEM) for x in (pair[0], below.certificate)))
    c.load_cert_chain(door.folder / "chain.pem", door.folder / "client.key")
    door.refused(c, "tls_refused")


def test_sixteen_names(door):
    names = tuple(f"n{i}.example" for i in range(16))
    with door.channel(door.ca.issue(names)) as ch:
        assert f"names={','.join(names)} " in describe(ch)


def test_no_certificate(door):
    door.refused(door.context(), "peer did not return a certificate")


def test_alpn(door):
    pair = door.ca.issue()
    door.refused(door.context(pair, ()), "offers no ALPN")
    door.refused(door.context(pair, ("http/1.1", "h2c", "xh2")), "ALPN has no h2")
    with door.connect(door.context(pair, ("http/1.1", "h2"))) as s:
        assert s.selected_alpn_protocol() == "h2"


def test_plain_text(door):
    for text in (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", b"GET / HTTP/1.1\r\n\r\n", b"\0" * 100):
        with socket.create_connection(("127.0.0.1", door.port), timeout=5) as s:
            s.sendall(text)
            try:
                assert not s.recv(100).startswith(b"\0\0")
            except ConnectionError:
                continue
    assert door.house.logged("tls_refused")
    with door.channel(door.ca.issue()) as ch:
        assert describe(ch)


def test_refusals_in_the_log_are_bounded(door):
    for _ in range(60):
        with socket.create_connection(("127.0.0.1", door.port), timeout=5) as s:
            s.sendall(b"GET / HTTP/1.1\r\n\r\n")
            try:
                s.recv(100)
            except ConnectionError:
                continue
    with door.channel(door.ca.issue()) as ch:
        assert describe(ch)
    assert 0 < "".join(door.house.log).count('"tls_refused"') <= 20


def test_large_messages(door):
    with door.channel(door.ca.issue()) as ch:
        body = bytes(range(256)) * 4000
        call = ch.unary_unary(ECHO)
        assert call(body, timeout=10) == body
        futures = [call.future(b"%d " % i + body[: 100000 + i], timeout=20) for i in range(50)]
        assert all(f.result() == b"%d " % i + body[: 100000 + i] for i, f in enumerate(futures))


def test_revoked(door):
    good, bad = door.ca.issue(), door.ca.issue(("b.example",))
    assert door.reload([door.ca.revoke(bad[0])])
    door.refused(door.context(bad), "certificate revoked")
    with door.channel(good) as ch:
        assert "names=api-1.example " in describe(ch)


def test_a_list_for_every_authority(door):
    """A list of another CA does not speak for this one."""
    other = Authority("Other")
    assert door.reload([other.revoke()])
    door.refused(door.context(door.ca.issue()), "unable to get certificate CRL")


def test_list_past_its_date(door):
    assert door.reload([door.ca.revoke(start=-2 * HOUR, end=-HOUR)])
    with pytest.raises((ssl.SSLError, ConnectionError)):
        door.connect(door.context(door.ca.issue()))
    assert door.house.logged("past its nextUpdate")
    with grpc.insecure_channel("unix:" + door.house.path) as ch:
        assert describe(ch)  # others are served
    assert door.reload([door.ca.revoke()])
    with door.channel(door.ca.issue()) as ch:
        assert describe(ch)


def test_reload_with_a_call_running(door):
    pair, fresh = door.ca.issue(), door.server_ca.issue(("localhost",), (SERVER,))
    with door.channel(pair) as ch:
        running = ch.unary_unary(ECHO).future(b"delay 1500", timeout=10)
        while door.house.say("stats")["pending"] == 0:
            time.sleep(0.01)
        assert door.reload(server=fresh)
        with door.connect(door.context(pair)) as s:
            assert s.getpeercert(True) == fresh[0].public_bytes(authority.DER)
        assert not running.done()
        assert running.result() == b"delay 1500"
        assert describe(ch)  # the same connection goes on


def test_revocation_cuts_an_open_connection(door):
    stays, goes = door.ca.issue(), door.ca.issue(("b.example",))
    with door.connect(door.context(goes)) as s, door.channel(stays) as ch:
        assert s.recv(9)[3] == 4
        assert describe(ch)
        assert door.reload([door.ca.revoke(goes[0])])
        with pytest.raises((ConnectionError, StopIteration)):
            while s.recv(1000):
                continue
            raise StopIteration
        assert describe(ch)
    assert door.house.logged('"tls_dropped"') and door.house.logged("b.example")


@pytest.mark.parametrize("bad", [b"", b"\0", b"x" * 100])
def test_bad_material_keeps_the_old(door, bad):
    door.file.write_bytes(bad)
    door.say_material()
    assert door.house.logged("the old stays")
    with door.channel(door.ca.issue()) as ch:
        assert describe(ch)


def test_material_for_another_listener_keeps_the_old(door):
    door.file.write_bytes(authority.material([door.ca], door.server, index=0))
    door.say_material()
    assert door.house.logged("the old stays")
    other = door.server_ca.issue(("localhost",), (SERVER,))
    door.file.write_bytes(authority.material([door.ca], (door.server[0], other[1])))
    door.say_material()
    assert door.house.logged("certificate and key")
    with door.channel(door.ca.issue()) as ch:
        assert describe(ch)


def test_material_at_start(tmp_path):
    d = Authority()
    (tmp_path / "material").write_bytes(authority.material([d], d.issue(), index=0))
    house = House(str(tmp_path), material=str(tmp_path / "material"))
    assert not house.ready and house.exit_code() == 1
    house.close()


class Secure(byhand.Wire):
    def __init__(self, s):
        self.s, self.buf = s, b""
        self.enc, self.dec = hpack.Encoder(), hpack.Decoder()
        self.s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + self.raw(byhand.SETTINGS, 0, 0, b""))


@pytest.mark.parametrize("name, fine", [("localhost", True), ("/run/x", False), ("a b", False)])
def test_authority_is_checked(door, name, fine):
    """On Unix sockets clients send what they like; here nghttp2's own checks hold."""
    with door.connect(door.context(door.ca.issue())) as s:
        w = Secure(s)
        w.head(byhand.changed(p_authority=name))
        w.send(byhand.DATA, byhand.END_STREAM, 1, byhand.message(b"x"))
        while (frame := w.frame())[2] != 1:
            continue
        assert frame[0] == (byhand.HEADERS if fine else byhand.RST)
        assert fine or int.from_bytes(frame[3], "big") == byhand.PROTOCOL_ERROR


def test_drain(door):
    with door.channel(door.ca.issue()) as ch, socket.create_connection(("127.0.0.1", door.port)):
        running = ch.unary_unary(ECHO).future(b"delay 800", timeout=10)
        while door.house.say("stats")["pending"] == 0:
            time.sleep(0.01)
        door.house.say("drain")
        assert running.result() == b"delay 800"
        assert door.house.exit_code() == 0
