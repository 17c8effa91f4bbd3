"""Answers of many messages, reflection, and the age of connections, as real clients and by hand."""
import socket
import struct
import subprocess
import threading
import time

import grpc
import pytest
from byhand import DATA, END_STREAM, GOAWAY, GOOD, HEADERS, PING, RST, SETTINGS, Wire, changed, message, still_serves
from conftest import House

WATCH = "/grpc.health.v1.Health/Watch"
ECHO = "/countersign.v1.SigningService/SignCertificate"
OWN_POOL = ("grpc.use_local_subchannel_pool", 1)
HEAD = changed(p_path=WATCH)
UPDATE = 8


def channel_of(house):
    return grpc.insecure_channel("unix:" + house.path, options=[OWN_POOL])


@pytest.fixture
def channel(house):
    with channel_of(house) as ch:
        yield ch


def wait_for(house, word, **wanted):
    for _ in range(300):
        seen = house.say(word)
        if all(seen[k] == v for k, v in wanted.items()):
            return
        time.sleep(0.02)
    assert not wanted, (seen, wanted)


@pytest.mark.parametrize("n,size", [(0, 0), (1, 0), (8, 10), (9, 10), (500, 100), (20, 1 << 20)])
def test_all_parts_arrive(house, channel, n, size):
    assert [len(m) for m in channel.unary_stream(WATCH)(b"parts %d %d" % (n, size), timeout=20)] == [size] * n
    seen = house.say("streams")
    assert seen["streaming"] == 0 and seen["parts"] == n


def test_status_behind_parts(channel):
    call = channel.unary_stream(WATCH)(b"fail 3 5", timeout=10)
    got = []
    with pytest.raises(grpc.RpcError) as e:
        for m in call:
            got.append(m)
    assert e.value.code() == grpc.StatusCode.FAILED_PRECONDITION and len(got) == 3


def test_refusal_without_parts_is_trailers_only(channel):
    with pytest.raises(grpc.RpcError) as e:
        next(channel.unary_stream(WATCH)(b"refuse 5", timeout=10))
    assert e.value.code() == grpc.StatusCode.NOT_FOUND
    assert e.value.details() == "no match for ünï 100%"


def test_cancel_and_deadline_reach_the_gate(house, channel):
    call = channel.unary_stream(WATCH)(b"watch", timeout=60)
    assert next(call) == b"first"
    call.cancel()
    wait_for(house, "streams", streaming=0)
    late = channel.unary_stream(WATCH)(b"watch", timeout=0.4)
    assert next(late) == b"first"
    with pytest.raises(grpc.RpcError) as e:
        next(late)
    assert e.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    wait_for(house, "streams", streaming=0)
    assert channel.unary_unary(ECHO)(b"after", timeout=5) == b"after"


def test_slow_reader_holds_the_gates_hand(house):
    """Nothing is taken: the gate may send its first credit and not one message more."""
    w = Wire(house.path)
    w.send(SETTINGS, 0, 0, struct.pack(">HI", 4, 0))  # no window
    w.head(HEAD)
    w.send(DATA, END_STREAM, 1, message(b"parts 50 1000"))
    still = Wire(house.path)
    for i in range(5):
        still_serves(still, 1 + 2 * i)
    assert house.say("streams") == {"streaming": 1, "parts": 8, "more": 0}
    w.send(UPDATE, 0, 1, struct.pack(">I", 3000))  # two whole messages and a part of the third
    wait_for(house, "streams", parts=10, more=2)
    w.send(UPDATE, 0, 1, struct.pack(">I", 1 << 20))
    fields, data, _ = w.answer()
    assert fields["grpc-status"] == "0" and data == message(bytes(1000)) * 50


@pytest.mark.parametrize("word", [b"overstep", b"whole"])
def test_gate_that_breaks_the_rules_ends_the_front(house, channel, word):
    call = channel.unary_stream(WATCH)(word, timeout=5)
    assert house.exit_code() == 1
    with pytest.raises(grpc.RpcError):
        list(call)


def test_part_of_a_unary_call_ends_the_front(house, channel):
    future = channel.unary_unary(ECHO).future(b"stray", timeout=5)
    assert house.exit_code() == 1
    assert future.exception() is not None


def test_parts_of_a_gone_call_are_dropped(house):
    house.say("late")
    w = Wire(house.path)
    w.head(HEAD)
    w.send(DATA, END_STREAM, 1, message(b"watch"))
    kind = None
    while kind != DATA:
        kind, _, _, body = w.frame()
        if kind == HEADERS:
            w.dec.decode(body)
    w.send(RST, 0, 1, struct.pack(">I", 8))
    still_serves(w, 3)
    assert house.say("streams")["streaming"] == 1  # the gate has not noticed; the front lives


def test_streaming_calls_take_a_quarter_at_most(house):
    """Of one peer: half of the quarter. Unary calls go on."""
    wires = [Wire(house.path) for _ in range(3)]
    for w in wires:
        for i in range(60):
            w.head(HEAD, 1 + 2 * i)
            w.send(DATA, END_STREAM, 1 + 2 * i, message(b"watch"))
    wait_for(house, "streams", streaming=128)
    last = Wire(house.path)
    last.head(HEAD)
    last.send(DATA, END_STREAM, 1, message(b"watch"))
    assert last.answer()[0]["grpc-status"] == "8"
    still_serves(last, 3)
    for w in wires:
        w.s.close()
    wait_for(house, "streams", streaming=0)


def test_drain_ends_streams(house, channel):
    call = channel.unary_stream(WATCH)(b"watch")
    assert next(call) == b"first"
    start = time.monotonic()
    house.say("drain")
    with pytest.raises(grpc.RpcError) as e:
        next(call)
    assert e.value.code() == grpc.StatusCode.UNAVAILABLE and "shutting down" in e.value.details()
    assert house.exit_code() == 0
    assert time.monotonic() - start < 15


def test_age(tmp_path):
    """Notice, a round trip, GOAWAY; the running call is finished; a young connection serves on."""
    house = House(str(tmp_path), CS_ECHO_MAX_AGE_S="2")
    old = Wire(house.path)
    start = time.monotonic()
    old.head(GOOD)
    old.send(DATA, END_STREAM, 1, message(b"delay 4500"))
    seen, fields, young = [], {}, None
    while True:
        f = old.frame()
        if f is None:
            break
        if f[0] == GOAWAY:
            seen.append(struct.unpack(">II", f[3][:8]))
            if len(seen) == 1:
                assert 1.7 < time.monotonic() - start < 15
                young = Wire(house.path)
        if f[0] == HEADERS:
            fields.update(old.dec.decode(f[3]))
    assert seen == [(2**31 - 1, 0), (1, 0)]
    assert fields["grpc-status"] == "0" and time.monotonic() - start > 4.4
    young.s.close()
    still_serves(Wire(house.path), 1)
    house.close()


# ---- reflection ----

V1 = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
ALPHA = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"


@pytest.fixture
def mirror(tmp_path):
    h = House(str(tmp_path), CS_ECHO_REFLECTION="1")
    yield h
    h.close()


def field(number, value):
    """One bytes field; values stay under 128 bytes."""
    assert len(value) < 128
    return bytes([number << 3 | 2, len(value)]) + value


def fields_of(data):
    def varint(at):
        value = shift = 0
        while True:
            value |= (data[at] & 127) << shift
            at, shift = at + 1, shift + 7
            if data[at - 1] < 128:
                return value, at
    out, at = [], 0
    while at < len(data):
        tag, at = varint(at)
        value, at = varint(at)
        if tag & 7 == 2:
            value, at = data[at:at + value], at + value
        out.append((tag >> 3, value))
    return out


@pytest.mark.parametrize("path", [V1, ALPHA])
def test_reflection_answers_each_as_it_comes(mirror, path):
    asked = threading.Semaphore(0)
    questions = [field(7, b""), field(3, b"grpc/health/v1/health.proto"), field(3, b"no/such.proto"),
                 field(4, b"countersign.v1.SigningService.SignCertificate"), field(4, b"countersign.v1.Nobody"),
                 field(6, b"grpc.health.v1.HealthCheckRequest"), field(5, field(1, b"a.B") + b"\x10\x07"),
                 field(1, b"host") + field(7, b"*"), b""]

    def ask():
        for q in questions:
            yield q
            asked.acquire(timeout=10)  # the next one only when the answer is there

    got = []
    with channel_of(mirror) as ch:
        for answer in ch.stream_stream(path)(ask(), timeout=20):
            got.append(fields_of(answer))
            asked.release()
    assert [dict(g)[2] for g in got] == questions
    services = [dict(fields_of(s))[1].decode() for _, s in fields_of(dict(got[0])[6])]
    assert "countersign.v1.SigningService" in services and "grpc.health.v1.Health" in services
    assert {"grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"} <= set(services)
    files = [dict(fields_of(f))[1] for _, f in fields_of(dict(got[1])[4])]
    assert files == [b"grpc/health/v1/health.proto"]
    files = [dict(fields_of(f))[1] for _, f in fields_of(dict(got[3])[4])]
    assert files[0] == b"countersign/v1/signing_service.proto" and len(files) > 1
    assert len(files) == len(set(files))
    for i, code in ((2, 5), (4, 5), (6, 5), (8, 3)):
        assert dict(fields_of(dict(got[i])[7]))[1] == code
    assert dict(fields_of(dict(got[5])[5]))[1] == b"grpc.health.v1.HealthCheckRequest"
    assert dict(got[7])[1] == b"host"
    assert mirror.say("stats")["calls"] == 0


def test_reflection_is_off_by_default(channel):
    with pytest.raises(grpc.RpcError) as e:
        list(channel.stream_stream(V1)(iter([field(7, b"")]), timeout=10))
    assert e.value.code() == grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("body,status", [
    (message(b"\xff"), "3"), (message(field(7, b"") + field(3, b"x")), "3"), (message(field(9, b"")), "3"),
    (message(field(3, b"\xff")), "3"), (struct.pack(">BI", 0, 4097), "8"), (message(b"", flag=1), "13"),
    (message(field(7, b""))[:-1], "13")])
def test_reflection_of_what_is_no_request(mirror, body, status):
    w = Wire(mirror.path)
    w.head(changed(p_path=V1))
    w.send(DATA, END_STREAM, 1, body)
    fields, _, _ = w.answer()
    assert fields["grpc-status"] == status
    still_serves(w, 3)


def test_reflection_answers_nobody_takes_are_bounded(mirror):
    w = Wire(mirror.path)
    w.send(SETTINGS, 0, 0, struct.pack(">HI", 4, 0))
    w.head(changed(p_path=V1))
    many = message(field(4, b"countersign.v1.SigningService")) * 20
    for _ in range(20):
        w.send(DATA, 0, 1, many)
    w.send(PING, 0, 0, b"fence  1")
    while w.frame()[0] != PING:
        pass
    w.send(UPDATE, 0, 1, struct.pack(">I", 1 << 30))
    w.send(UPDATE, 0, 0, struct.pack(">I", 1 << 30))
    fields, data, rst = w.answer()
    assert fields["grpc-status"] == "8" and rst == 0 and 1 << 20 < len(data) < 2 << 20


def test_drain_ends_reflection(mirror):
    with channel_of(mirror) as ch:
        hold = threading.Event()

        def ask():
            yield field(7, b"")
            hold.wait(15)

        call = ch.stream_stream(V1)(ask(), timeout=15)
        next(call)
        mirror.say("drain")
        with pytest.raises(grpc.RpcError) as e:
            next(call)
        hold.set()
        assert e.value.code() == grpc.StatusCode.UNAVAILABLE
        assert mirror.exit_code() == 0


# ---- metrics ----

def scrape(house, request=b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", pieces=1):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(15)
        s.connect(house.path + ".m")
        step = max(1, len(request) // pieces)
        for i in range(0, len(request), step):
            s.sendall(request[i:i + step])
        got = b""
        while True:
            more = s.recv(65536)
            if not more:
                break
            got += more
    head, _, body = got.partition(b"\r\n\r\n")
    return head.decode(), body.decode()


@pytest.fixture
def counted(tmp_path):
    h = House(str(tmp_path), CS_ECHO_METRICS="1")
    yield h
    h.close()


def test_metrics(counted):
    w = Wire(counted.path)
    still_serves(w, 1)
    w.head(GOOD, 3)
    w.send(DATA, END_STREAM, 3, message(b"never"))
    wait_for(counted, "stats", pending=1)
    head, body = scrape(counted)
    lines = head.split("\r\n")
    assert lines[0] == "HTTP/1.1 200 OK" and "Connection: close" in lines
    assert "Content-Type: text/plain; version=0.0.4" in lines and "Content-Length: %d" % len(body) in lines
    assert "countersign_echo_info 1\n" in body
    labels = '{service="countersign.v1.SigningService",method="SignCertificate"}'
    for line in ("connections 1", "connections_accepted_total 1", "streams 1", "streams_total 2",
                 "calls_total%s 2" % labels, "calls_in_flight%s 1" % labels, "scrapes_total 1", "draining 0"):
        assert "\ncountersign_front_%s\n" % line in body, line
    promtool = subprocess.run(["sh", "-c", "command -v promtool"], capture_output=True, text=True).stdout.strip()
    if promtool:
        r = subprocess.run([promtool, "check", "metrics"], input=body, capture_output=True, text=True, timeout=20)
        assert r.returncode == 0 and not r.stdout and not r.stderr, r.stdout + r.stderr
    assert scrape(counted, b"GET /metrics?x=1 HTTP/1.0\r\n\r\n", pieces=9)[0].startswith("HTTP/1.1 200")


@pytest.mark.parametrize("request_,status", [
    (b"POST /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "405"), (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "404"),
    (b"GET /metrics HTTP/1.1\r\n\r\n", "400"), (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400"),
    (b"\x16\x03\x01\x02\x00", "400"), (b"GET /metrics HTTP/1.1\r\nHost: x\r\nx: " + b"y" * 9000, "431")],
    ids=["post", "path", "no host", "http2", "tls", "long"])
def test_metrics_refusals(counted, request_, status):
    head, body = scrape(counted, request_)
    assert head.startswith("HTTP/1.1 " + status) and not body


def test_metrics_without_the_gate(counted):
    """Two seconds, then 503 with our own numbers; a second scrape is not kept out."""
    counted.say("mute")
    start = time.monotonic()
    head, body = scrape(counted)
    assert head.startswith("HTTP/1.1 503") and "countersign_front_connections 0\n" in body
    assert 1.8 < time.monotonic() - start < 12
    assert "countersign_echo" not in body


def test_metrics_has_no_path(house):
    w = Wire(house.path)
    w.head(changed(p_path="//"))
    assert w.answer()[0]["grpc-status"] == "12"


def test_silent_scrapers_keep_nobody_out(counted):
    silent = []
    for _ in range(20):
        s = socket.socket(socket.AF_UNIX)
        s.connect(counted.path + ".m")
        silent.append(s)
    assert scrape(counted)[0].startswith("HTTP/1.1 200")
    for s in silent:
        s.close()
