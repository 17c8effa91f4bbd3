"""What no well-behaved client sends: frames by hand, read back frame by frame."""
import socket
import struct
import time

import hpack
import pytest

ECHO = "/countersign.v1.SigningService/SignCertificate"
DATA, HEADERS, RST, SETTINGS, PING, GOAWAY, CONTINUATION = 0, 1, 3, 4, 6, 7, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4
NO_ERROR, PROTOCOL_ERROR, ENHANCE_YOUR_CALM = 0, 1, 11

GOOD = [(":method", "POST"), (":scheme", "http"), (":path", ECHO), (":authority", "localhost"),
        ("te", "trailers"), ("content-type", "application/grpc"), ("user-agent", "by hand")]


def changed(**kw):
    """GOOD with fields replaced ("-" stands for ":" as a first letter, None removes) or added."""
    fields = list(GOOD)
    for name, value in kw.items():
        name = name.replace("_", "-").replace("p-", ":", 1) if name.startswith("p_") else name.replace("_", "-")
        at = [i for i, f in enumerate(fields) if f[0] == name]
        if value is None:
            del fields[at[0]]
        elif at:
            fields[at[0]] = (name, value)
        else:
            fields.append((name, value))
    return fields


def message(body, flag=0):
    return struct.pack(">BI", flag, len(body)) + body


class Wire:
    def __init__(self, path):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(10)
        self.s.connect(path)
        self.enc, self.dec = hpack.Encoder(), hpack.Decoder()
        self.buf = b""
        self.s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + self.raw(SETTINGS, 0, 0, b""))

    @staticmethod
    def raw(kind, flags, stream, body):
        return struct.pack(">I", len(body))[1:] + struct.pack(">BBI", kind, flags, stream) + body

    def send(self, kind, flags, stream, body=b""):
        self.s.sendall(self.raw(kind, flags, stream, body))

    def head(self, fields, stream=1, flags=0):
        self.send(HEADERS, END_HEADERS | flags, stream, self.enc.encode(fields, huffman=False))

    def frame(self):
        """The next frame (kind, flags, stream, body), or None at the end of the connection."""
        while True:
            if len(self.buf) >= 9:
                n = int.from_bytes(self.buf[:3], "big")
                if len(self.buf) >= 9 + n:
                    kind, flags, stream = struct.unpack(">BBI", self.buf[3:9])
                    body, self.buf = self.buf[9:9 + n], self.buf[9 + n:]
                    return kind, flags, stream, body
            try:
                more = self.s.recv(65536)
            except ConnectionResetError:
                more = b""
            if not more:
                return None
            self.buf += more

    def answer(self, stream=1):
        """All that comes for a stream until it ends: (fields, data, error code of RST or None)."""
        fields, data, ended = [], b"", False
        while True:
            f = self.frame()
            assert f is not None, "connection closed"
            kind, flags, sid, body = f
            if kind == HEADERS:
                block = self.dec.decode(body)
                if sid == stream:
                    fields += block
            if sid != stream:
                continue
            if kind == DATA:
                data += body
            if kind == RST:
                return dict(fields), data, int.from_bytes(body, "big")
            ended = ended or (kind in (DATA, HEADERS) and flags & END_STREAM)
            if ended:
                # whether a reset follows is seen with a PING behind it
                self.send(PING, 0, 0, b"fence  1")
                code = None
                while True:
                    kind, flags, sid, body = self.frame()
                    if kind == RST and sid == stream:
                        code = int.from_bytes(body, "big")
                    if kind == PING and flags & ACK:
                        return dict(fields), data, code

    def closed(self):
        """Reads to the end; returns the last GOAWAY's (error code, debug data), or None."""
        last = None
        while True:
            f = self.frame()
            if f is None:
                return last
            if f[0] == GOAWAY:
                last = int.from_bytes(f[3][4:8], "big"), f[3][8:]


@pytest.fixture
def wire(house):
    w = Wire(house.path)
    yield w
    w.s.close()
    assert house.say("stats")["pending"] == 0


def still_serves(wire, stream=9):
    wire.head(GOOD, stream)
    wire.send(DATA, END_STREAM, stream, message(b"fine"))
    fields, data, rst = wire.answer(stream)
    assert fields["grpc-status"] == "0" and data == message(b"fine") and rst is None


def test_normal_answer(wire):
    wire.head(GOOD)
    wire.send(DATA, 0, 1, message(b"hello")[:3])
    wire.send(DATA, 0, 1, message(b"hello")[3:])
    wire.send(DATA, END_STREAM, 1)
    fields, data, rst = wire.answer()
    assert fields == {":status": "200", "content-type": "application/grpc+proto",
                      "grpc-accept-encoding": "identity", "grpc-status": "0"}
    assert data == message(b"hello") and rst is None


def test_trailers_only(wire):
    wire.head(GOOD)
    wire.send(DATA, END_STREAM, 1, message(b"refuse 9"))
    fields, data, rst = wire.answer()
    assert fields == {":status": "200", "content-type": "application/grpc+proto", "grpc-status": "9",
                      "grpc-message": "no match for %C3%BCn%C3%AF 100%25",
                      "grpc-status-details-bin": "CAn/"}
    assert data == b"" and rst is None


@pytest.mark.parametrize("fields,status", [
    (changed(p_method="GET"), "405"),
    (changed(p_method="PUT"), "405"),
    (changed(content_type="application/json"), "415"),
    (changed(content_type="application/grpc-web+proto"), "415"),
    (changed(content_type=None), "415"),
    (GOOD + [("x", "v" * 17000)], "431"),
    (GOOD + [("x%d" % i, "v") for i in range(60)], "431"),
])
def test_http_errors(wire, fields, status):
    block = wire.enc.encode(fields, huffman=False)
    wire.send(HEADERS, END_STREAM | (END_HEADERS if len(block) <= 16000 else 0), 1, block[:16000])
    if len(block) > 16000:
        wire.send(CONTINUATION, END_HEADERS, 1, block[16000:])
    got, data, rst = wire.answer()
    assert got[":status"] == status and "grpc-status" not in got and data == b"" and rst is None
    still_serves(wire)


def test_http_error_before_the_end_of_the_request(wire):
    wire.head(changed(p_method="GET"))
    got, _, rst = wire.answer()
    assert got[":status"] == "405" and rst == NO_ERROR
    still_serves(wire)


@pytest.mark.parametrize("fields", [
    changed(p_path=None),
    changed(p_scheme="ftp"),
    changed(te="gzip"),
    GOOD + [(":path", ECHO)],
    [("x", "first")] + GOOD,
    GOOD + [("connection", "close")],
    GOOD + [("X-Upper", "1")],
    GOOD + [("x", "a\r\nb")],
    GOOD + [("x", "a\0b")],
])
def test_malformed_heads_are_reset(wire, fields):
    wire.head(fields, flags=END_STREAM)
    fields, _, rst = wire.answer()
    assert rst == PROTOCOL_ERROR and not fields
    still_serves(wire)


@pytest.mark.parametrize("authority", [None, "", "/run/countersign/socket", "unix:///run/x", "%2Frun%2Fx"])
def test_authority_is_free(wire, authority):
    wire.head(changed(p_authority=authority))
    wire.send(DATA, END_STREAM, 1, message(b"x"))
    fields, data, _ = wire.answer()
    assert fields["grpc-status"] == "0" and data == message(b"x")


@pytest.mark.parametrize("data,status", [
    (struct.pack(">BI", 0, (1 << 20) + 1), "8"),
    (struct.pack(">BI", 0, 0xffffffff), "8"),
    (b"\1", "13"),
    (message(b"abc", flag=1), "13"),
    (b"\x80", "13"),
    (message(b"one") + message(b"two"), "12"),
    (message(b"one") + b"\0", "12"),
])
def test_framing_faults_are_answered_at_once(house, wire, data, status):
    """The status comes although the request goes on; the reset follows the trailers."""
    wire.head(GOOD)
    wire.send(DATA, 0, 1, data)
    fields, _, rst = wire.answer()
    assert fields["grpc-status"] == status and fields["grpc-message"] and rst == NO_ERROR
    wire.send(DATA, END_STREAM, 1, b"late")  # in flight when the reset left
    still_serves(wire)
    assert house.say("stats")["calls"] == 1


@pytest.mark.parametrize("data,status", [(b"", "12"), (b"\0\0\0", "13"), (message(b"abc")[:-1], "13")])
def test_framing_faults_at_the_end(house, wire, data, status):
    wire.head(GOOD)
    wire.send(DATA, END_STREAM, 1, data)
    fields, _, rst = wire.answer()
    assert fields["grpc-status"] == status and rst is None
    assert house.say("stats")["calls"] == 0


@pytest.mark.parametrize("fields,status", [
    (changed(p_path="/no.Such/Method"), "12"),
    (changed(grpc_encoding="gzip"), "12"),
    (changed(grpc_timeout="1s"), "13"),
    (changed(grpc_timeout="123456789S"), "13"),
])
def test_grpc_errors_of_the_head(wire, fields, status):
    wire.head(fields)
    got, _, rst = wire.answer()
    assert got[":status"] == "200" and got["grpc-status"] == status and rst == NO_ERROR
    if "grpc-encoding" in dict(fields):
        assert got["grpc-accept-encoding"] == "identity"
    still_serves(wire)


def test_deadline_is_answered_by_the_front(house, wire):
    wire.head(changed(grpc_timeout="200m"))
    wire.send(DATA, END_STREAM, 1, message(b"never"))
    fields, _, _ = wire.answer()
    assert fields["grpc-status"] == "4"
    assert house.say("stats") == {"calls": 1, "cancels": 1, "pending": 0}
    still_serves(wire)


def test_deadline_already_over(house, wire):
    wire.head(changed(grpc_timeout="0n"))
    wire.send(DATA, END_STREAM, 1, message(b"x"))
    assert wire.answer()[0]["grpc-status"] == "4"
    assert house.say("stats")["calls"] == 0


def test_deadline_of_an_unfinished_request(house, wire):
    wire.head(changed(grpc_timeout="100m"))
    wire.send(DATA, 0, 1, message(b"half")[:7])
    fields, _, rst = wire.answer()
    assert fields["grpc-status"] == "4" and rst == NO_ERROR
    assert house.say("stats")["calls"] == 0


def test_request_trailers_are_refused(wire):
    wire.head(GOOD)
    wire.send(DATA, 0, 1, message(b"x"))
    wire.head([("x", "y")], flags=END_STREAM)
    assert wire.answer()[2] == PROTOCOL_ERROR
    still_serves(wire)


def test_reset_of_a_waiting_call(house, wire):
    wire.head(GOOD)
    wire.send(DATA, END_STREAM, 1, message(b"never"))
    wire.send(RST, 0, 1, struct.pack(">I", 8))
    still_serves(wire, 3)
    assert house.say("stats") == {"calls": 2, "cancels": 1, "pending": 0}


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


def test_pings_between_answers_are_forgiven(wire):
    for i in range(10):
        still_serves(wire, 1 + 2 * i)
        wire.send(PING, 0, 0, b"12345678")


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


def test_more_streams_than_allowed_are_refused(house, wire):
    for i in range(101):
        wire.head(GOOD, 1 + 2 * i)
        wire.send(DATA, END_STREAM, 1 + 2 * i, message(b"never"))
    _, _, rst = wire.answer(201)
    assert rst == 7  # REFUSED_STREAM: the client may retry
    assert house.say("stats")["calls"] == 100
    wire.s.close()
    for _ in range(100):
        if house.say("stats")["pending"] == 0:
            break
        time.sleep(0.02)


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
    for _ in range(100):
        if "does not take" in "".join(house.log):
            break
        time.sleep(0.05)
    assert "does not take its answers" in "".join(house.log)
    still_serves(Wire(house.path), 1)


def test_too_many_calls_at_the_gate(house):
    wires = [Wire(house.path) for _ in range(11)]
    for w in wires:
        for i in range(100):
            w.head(GOOD, 1 + 2 * i)
            w.send(DATA, END_STREAM, 1 + 2 * i, message(b"never"))
    for _ in range(200):
        if house.say("stats")["pending"] == 1024:
            break
        time.sleep(0.02)
    assert house.say("stats")["pending"] == 1024
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
    assert refused == 1100 - 1024
    for w in wires:
        w.s.close()
    for _ in range(200):
        if house.say("stats")["pending"] == 0:
            break
        time.sleep(0.02)
    still_serves(Wire(house.path), 1)
