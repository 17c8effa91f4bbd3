"""Requests at the edge of the rules, frame by frame."""
import struct
import time

import pytest
from byhand import (CONTINUATION, DATA, ECHO, END_HEADERS, END_STREAM, GOOD, HEADERS, NO_ERROR, PING,
                    PROTOCOL_ERROR, RST, Wire, changed, message, still_serves)


@pytest.fixture
def wire(house):
    w = Wire(house.path)
    yield w
    w.s.close()
    assert house.say("stats")["pending"] == 0


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


def test_pings_between_answers_are_forgiven(wire):
    for i in range(10):
        still_serves(wire, 1 + 2 * i)
        wire.send(PING, 0, 0, b"12345678")


def test_more_streams_than_allowed_are_refused(house, wire):
    for i in range(101):
        wire.head(GOOD, 1 + 2 * i)
        wire.send(DATA, END_STREAM, 1 + 2 * i, message(b"never"))
    _, _, rst = wire.answer(201)
    assert rst == 7  # REFUSED_STREAM: the client may retry
    for _ in range(200):  # the gate may still be reading
        if house.say("stats")["calls"] == 100:
            break
        time.sleep(0.02)
    assert house.say("stats")["calls"] == 100
    wire.s.close()
    for _ in range(100):
        if house.say("stats")["pending"] == 0:
            break
        time.sleep(0.02)


def test_missing_te_is_accepted_and_logged_once(house, wire):
    for stream in (1, 3):
        wire.head(changed(te=None, user_agent="odd\x1bclient"), stream)
        wire.send(DATA, END_STREAM, stream, message(b"x"))
        assert wire.answer(stream)[0]["grpc-status"] == "0"
    assert house.logged('"no_te"')
    lines = [line for line in house.log if '"no_te"' in line]
    assert len(lines) == 1 and "odd\\u001bclient" in lines[0]
