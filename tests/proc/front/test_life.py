"""Start, drain and end of the front."""
import os
import signal
import socket
import subprocess
import time

import grpc
import pytest

ECHO = "/countersign.v1.SigningService/SignCertificate"


def open_channel(house):
    return grpc.insecure_channel("unix:" + house.path, options=[("grpc.use_local_subchannel_pool", 1)])


def wait_pending(house, n):
    for _ in range(200):
        if house.say("stats")["pending"] == n:
            return
        time.sleep(0.02)
    assert house.say("stats")["pending"] == n


@pytest.mark.parametrize("word", ["drain", "gatedrain"])
def test_drain_finishes_running_calls(house, word):
    with open_channel(house) as ch:
        bodies = [b"delay 800 %d" % i for i in range(10)]
        futures = [ch.unary_unary(ECHO).future(b, timeout=10) for b in bodies]
        wait_pending(house, 10)
        house.say(word)
        assert [f.result() for f in futures] == bodies
        assert house.exit_code() == 0
    assert house.logged('"drain"')


def test_drain_takes_no_new_connections(house):
    with open_channel(house) as ch:
        future = ch.unary_unary(ECHO).future(b"delay 1500", timeout=10)
        wait_pending(house, 1)
        house.say("drain")
        time.sleep(0.3)
        with socket.socket(socket.AF_UNIX) as s, pytest.raises(ConnectionRefusedError):
            s.connect(house.path)
        assert future.result() == b"delay 1500"
        assert house.exit_code() == 0


def test_drain_does_not_wait_for_a_silent_connection(house):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(house.path)
        s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
        s.recv(100)
        start = time.monotonic()
        house.say("drain")
        assert house.exit_code() == 0
        assert time.monotonic() - start < 5


def test_idle_drain(house):
    house.say("drain")
    assert house.exit_code() == 0


def test_lifeline_end(house):
    with open_channel(house) as ch:
        future = ch.unary_unary(ECHO).future(b"never", timeout=10)
        wait_pending(house, 1)
        house.say("cut")
        assert house.exit_code() == 0
        assert future.code() == grpc.StatusCode.UNAVAILABLE


def test_lifeline_nonsense(house):
    house.say("nonsense")
    assert house.exit_code() == 1


def test_gate_gone(house):
    house.say("hangup")
    assert house.exit_code() == 1
    assert house.logged("gate_lost")


def test_second_answer_ends_the_front(house):
    house.say("twice")
    with open_channel(house) as ch:
        future = ch.unary_unary(ECHO).future(b"x", timeout=5)
        assert house.exit_code() == 1
        future.exception()


def test_status_beyond_grpc_ends_the_front(house):
    with open_channel(house) as ch:
        future = ch.unary_unary(ECHO).future(b"refuse 17", timeout=5)
        assert house.exit_code() == 1
        future.exception()


def test_signals_are_the_parents_business(house):
    for number in (signal.SIGTERM, signal.SIGINT):
        os.kill(house.front_pid(), number)
    with open_channel(house) as ch:
        assert ch.unary_unary(ECHO)(b"x", timeout=5) == b"x"


def test_descriptors(house):
    """Beside the inherited ones only what the event loop needs."""
    folder = "/proc/%d/fd/" % house.front_pid()
    kinds = {int(n): os.readlink(folder + n).split(":")[0] for n in os.listdir(folder)}
    assert {n for n, kind in kinds.items() if kind == "socket"} == {3, 4, 7}
    assert {n: kinds.pop(n, "/dev/null") for n in (0, 1)} == {0: "/dev/null", 1: "/dev/null"}
    others = {n: kind for n, kind in kinds.items() if n not in (2, 3, 4, 7)}
    assert set(others.values()) <= {"anon_inode", "pipe"}, others


@pytest.mark.parametrize("argv", [["0"], ["1", "2"], ["--help"], [""]])
def test_usage(argv):
    r = subprocess.run([os.environ["CS_FRONT"], *argv], stderr=subprocess.PIPE, timeout=10)
    assert r.returncode == 2 and b'"usage"' in r.stderr


def test_without_descriptors():
    r = subprocess.run([os.environ["CS_FRONT"]], stderr=subprocess.PIPE, timeout=10)
    assert r.returncode == 1 and b'"start"' in r.stderr
