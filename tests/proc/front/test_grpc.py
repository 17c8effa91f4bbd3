"""The front as a real gRPC client sees it (grpc core)."""
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

ECHO = "/countersign.v1.SigningService/SignCertificate"
HEALTH = "/grpc.health.v1.Health/Check"
OWN_POOL = ("grpc.use_local_subchannel_pool", 1)


@pytest.fixture
def channel(house):
    with grpc.insecure_channel("unix:" + house.path, options=[OWN_POOL]) as ch:
        yield ch


def call(channel, request, path=ECHO, **kw):
    kw.setdefault("timeout", 4)  # grpc core 1.51 now and then keeps close() waiting until it has passed
    return channel.unary_unary(path)(request, **kw)


def wait_for(house, name, n):
    for _ in range(200):
        if house.say("stats")[name] == n:
            return
        time.sleep(0.02)
    assert house.say("stats")[name] == n


def test_echo(channel):
    assert call(channel, b"hello") == b"hello"
    assert call(channel, b"") == b""


@pytest.mark.parametrize("path", [
    ECHO, HEALTH, "/countersign.v1.SigningService/EvaluateCertificate",
    "/countersign.v1.EvidenceService/DepositEvidence"])
def test_every_method_reaches_the_gate(channel, path):
    assert call(channel, b"x", path) == b"x"


def test_unknown_method(channel):
    with pytest.raises(grpc.RpcError) as e:
        call(channel, b"x", "/countersign.v1.SigningService/SignAnything")
    assert e.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_refusal_carries_text_and_details(channel):
    with pytest.raises(grpc.RpcError) as e:
        call(channel, b"refuse 9")
    assert e.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert e.value.details() == "no match for ünï 100%"
    assert dict(e.value.trailing_metadata())["grpc-status-details-bin"] == b"\x08\x09\xff"


@pytest.mark.parametrize("code", [c for c in grpc.StatusCode if c.value[0] > 0])
def test_status_codes_pass(channel, code):
    with pytest.raises(grpc.RpcError) as e:
        call(channel, b"refuse %d" % code.value[0])
    assert e.value.code() == code


def test_largest_trailers_are_accepted(channel):
    """Text and details at the caps of the messages: the client still gets the status."""
    with pytest.raises(grpc.RpcError) as e:
        call(channel, b"text 1024")
    assert e.value.code() == grpc.StatusCode.FAILED_PRECONDITION


def test_large_messages(channel):
    big = os.urandom(1 << 20)
    assert call(channel, big) == big
    assert len(call(channel, b"size 1048576")) == 1 << 20


def test_over_the_request_maximum(channel):
    with pytest.raises(grpc.RpcError) as e:
        call(channel, bytes((1 << 20) + 1))
    assert e.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "1 MiB" in e.value.details()
    assert call(channel, b"still fine") == b"still fine"


def test_compression_is_refused(channel):
    with pytest.raises(grpc.RpcError) as e:
        call(channel, b"a" * 1000, compression=grpc.Compression.Gzip)
    assert e.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert "identity" in e.value.details()


def test_two_messages_are_refused(channel):
    with pytest.raises(grpc.RpcError) as e:
        channel.stream_unary(ECHO)(iter([b"one", b"two"]), timeout=10)
    assert e.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_no_message_is_refused(channel):
    with pytest.raises(grpc.RpcError) as e:
        channel.stream_unary(ECHO)(iter([]), timeout=10)
    assert e.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_gate_is_told_who_calls(channel):
    text = call(channel, b"describe", HEALTH, timeout=5).decode()
    facts = dict(f.split("=", 1) for f in text.split(" ", 6))
    assert facts["method"] == "4" and facts["transport"] == "1"
    assert int(facts["uid"]) == os.getuid() and int(facts["gid"]) == os.getgid()
    assert int(facts["pid"]) == os.getpid()
    assert 3000 < int(facts["left_ms"]) <= 5100  # grpc core rounds up
    assert facts["agent"].startswith("grpc-python/")


@pytest.mark.parametrize("timeout", [None, 3600])
def test_own_maximum_applies(channel, timeout):
    text = call(channel, b"describe", timeout=timeout).decode()
    assert 25000 < int(text.split("left_ms=")[1].split()[0]) <= 30000


def test_deadline(house, channel):
    start = time.monotonic()
    with pytest.raises(grpc.RpcError) as e:
        call(channel, b"never", timeout=0.3)
    assert e.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert time.monotonic() - start < 3
    wait_for(house, "cancels", 1)
    assert house.say("stats") == {"calls": 1, "cancels": 1, "pending": 0}
    assert call(channel, b"after") == b"after"


def test_cancel(house, channel):
    future = channel.unary_unary(ECHO).future(b"never", timeout=10)
    wait_for(house, "pending", 1)
    future.cancel()
    wait_for(house, "cancels", 1)
    assert house.say("stats") == {"calls": 1, "cancels": 1, "pending": 0}
    assert call(channel, b"after") == b"after"


def test_disconnect_cancels_all(house, channel):
    method = channel.unary_unary(ECHO)
    futures = [method.future(b"never", timeout=10) for _ in range(20)]
    wait_for(house, "pending", 20)
    channel.close()
    wait_for(house, "cancels", 20)
    assert house.say("stats") == {"calls": 20, "cancels": 20, "pending": 0}
    assert all(f.done() for f in futures)


def test_late_answer_of_a_gone_call_is_dropped(house, channel):
    house.say("late")
    with pytest.raises(grpc.RpcError):
        call(channel, b"delay 400", timeout=0.1)
    wait_for(house, "pending", 0)
    assert call(channel, b"after") == b"after"


def test_parallel_calls(channel):
    method = channel.unary_unary(ECHO)
    bodies = [b"delay %d " % (i % 7) + os.urandom(i * 100) for i in range(150)]
    futures = [method.future(b, timeout=15) for b in bodies]
    assert [f.result() for f in futures] == bodies


def test_many_connections(house):
    def one(i):
        with grpc.insecure_channel("unix:" + house.path, options=[OWN_POOL]) as ch:
            return call(ch, b"%d" % i)
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(40))) == [b"%d" % i for i in range(40)]


def test_gate_that_does_not_read(house, channel):
    """What waits for it is bounded: status 14 above that, and the waiting calls go on later."""
    house.say("deaf")
    method = channel.unary_unary(ECHO)
    futures = [method.future(bytes([i]) * (1 << 20), timeout=15) for i in range(30)]
    refused = []
    for _ in range(200):
        refused = [f for f in futures if f.done()]
        if len(refused) >= 14:
            break
        time.sleep(0.02)
    assert 14 <= len(refused) < 20
    assert all(f.code() == grpc.StatusCode.UNAVAILABLE for f in refused)
    house.say("hear")
    for i, f in enumerate(futures):
        if f not in refused:
            assert f.result() == bytes([i]) * (1 << 20)
    assert call(channel, b"after") == b"after"


def test_unfinished_requests_are_bounded(channel):
    """Whole messages without the end of the request, 1 MiB each: 64 are kept."""
    done = threading.Event()

    def request():
        yield b"size 1 ".ljust(1 << 20)
        done.wait(15)

    method = channel.stream_unary(ECHO)
    futures = [method.future(request(), timeout=15) for _ in range(70)]
    for _ in range(300):
        if sum(f.done() for f in futures) >= 6:
            break
        time.sleep(0.02)
    refused = [f for f in futures if f.done()]
    done.set()
    assert len(refused) >= 6
    assert all(f.code() == grpc.StatusCode.RESOURCE_EXHAUSTED for f in refused)
    for f in futures:  # the kept ones end together, so the gate may refuse some: 16 MiB wait for it
        if f not in refused:
            assert f.code() in (grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE)
    assert call(channel, b"after") == b"after"
