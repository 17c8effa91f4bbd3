"""What watches the proxy: health by Check and Watch through losses of the HSM and the disk, reflection, and numbers for
Prometheus, all of the real daemon."""
import os
import queue
import re
import resource
import shutil
import subprocess
import threading

import grpc
import pytest

import house as h
import rough
from house import Refused
from network import NetworkHouse

grpc.__path__.append(os.path.join(os.environ["COUNTERSIGN_PROTO"], "grpc"))  # ours, beside the library's own
from grpc.reflection.v1 import reflection_pb2  # noqa: E402

RPCS = (*h.House.ALL_RPCS, "GetStatus", "ListClients", "GetCheckpoint", "GetReceipt", "Watch")
SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3
SERVICES = ["grpc.health.v1.Health", *(f"countersign.v1.{n}Service" for n in
            ("Signing", "Evidence", "Hold", "Ledger", "Status"))]
ISSUERS = ["issuer/ec", "issuer/rsa"]


def asked(service):
    return b"\x0a" + bytes([len(service)]) + service.encode() if service else b""


class Watch:
    """A Watch and what it was told, in order."""

    def __init__(self, channel, service):
        self.call = channel.unary_stream("/grpc.health.v1.Health/Watch")(asked(service))
        self.told, self.code = queue.Queue(), None
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        try:
            for part in self.call:
                self.told.put(part[1])
        except grpc.RpcError as error:
            self.code = error.code()
        self.told.put(None)

    def next(self):
        return self.told.get(timeout=20)

    def nothing_more(self):
        return self.told.empty()


@pytest.fixture(scope="module")
def house():
    clients = [("local", "v0", os.getuid(), RPCS), ("ra", "v2", "dns: ra.example", RPCS)]
    with NetworkHouse(clients, signers=2, module=os.environ["COUNTERSIGN_MOCK_P11"], reflection=True, metrics="tcp") as made:
        made.start()
        yield made


def check(channel, service):
    return channel.unary_unary("/grpc.health.v1.Health/Check")(asked(service), timeout=5)[1]


def test_every_service_and_issuer(house):
    with house.plain() as unix, house.secure(house.ca.issue(("ra.example",))) as tls:
        for channel in (unix, tls):
            for service in ("", *SERVICES, *ISSUERS):
                assert check(channel, service) == SERVING, service
                watch = Watch(channel, service)
                assert watch.next() == SERVING, service
                watch.call.cancel()
            nobody = Watch(channel, "countersign.v1.NoService")
            assert nobody.next() == SERVICE_UNKNOWN
            with pytest.raises(grpc.RpcError) as failure:
                check(channel, "countersign.v1.NoService")
            assert failure.value.code() == grpc.StatusCode.NOT_FOUND
            assert nobody.call.is_active()  # the stream stays open
            nobody.call.cancel()


def test_the_token_goes_and_comes_back(house):
    """What ends at a key is told NOT_SERVING and then SERVING, once each; the rest is told nothing."""
    at_a_key = ["", "countersign.v1.SigningService", *ISSUERS]
    others = [s for s in SERVICES if s not in at_a_key]
    with house.plain() as unix, house.secure(house.ca.issue(("ra.example",))) as tls:
        watches = [(s, Watch(c, s)) for c in (unix, tls) for s in at_a_key]
        still = [Watch(unix, s) for s in others]
        for _, watch in watches:
            assert watch.next() == SERVING
        for watch in still:
            assert watch.next() == SERVING
        house.set_rules("C_Sign 1 100000 30", "C_OpenSession 1 100000 32")
        for n in range(2):  # one for each signer
            request = house.request(f"lost-{n}.example.com")
            assert house.take(house.future(unix, request))[0] == grpc.StatusCode.DATA_LOSS
        for service, watch in watches:
            assert watch.next() == NOT_SERVING, service
        for service in others:
            assert check(unix, service) == SERVING
        house.set_rules()
        for service, watch in watches:
            assert watch.next() == SERVING, service
        request = house.request("found.example.com")
        assert house.take(house.future(unix, request))[0] == grpc.StatusCode.OK
        assert all(watch.nothing_more() for _, watch in watches) and all(watch.nothing_more() for watch in still)
        for watch in [w for _, w in watches] + still:
            watch.call.cancel()


def test_the_disk_is_full_and_has_room_again(house):
    """Every service is told: nothing can be recorded."""
    with house.plain() as channel:
        watches = [Watch(channel, s) for s in ("", *SERVICES, *ISSUERS)]
        assert {w.next() for w in watches} == {SERVING}
        gate = house.pids("gate")[0]
        resource.prlimit(gate, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        try:
            request = house.request("full.example.com")
            assert house.take(house.future(channel, request))[0] == grpc.StatusCode.UNAVAILABLE
            assert {w.next() for w in watches} == {NOT_SERVING}
        finally:
            resource.prlimit(gate, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert {w.next() for w in watches} == {SERVING}
        for watch in watches:
            watch.call.cancel()


# -- reflection -------------------------------------------------------------------------------


def reflect(channel, version, **what):
    """The two versions number their fields alike."""
    call = channel.stream_stream(f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
                                 request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
                                 response_deserializer=reflection_pb2.ServerReflectionResponse.FromString)
    (answer,) = call(iter([reflection_pb2.ServerReflectionRequest(**what)]), timeout=10)
    return answer


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection_where_it_is_on(house, version):
    """The socket has it; the TLS listener of the same daemon does not."""
    with house.plain() as on, house.secure(house.ca.issue(("ra.example",))) as off:
        names = {s.name for s in reflect(on, version, list_services="").list_services_response.service}
        assert set(SERVICES) <= names and f"grpc.reflection.{version}.ServerReflection" in names
        for service in SERVICES:
            assert reflect(on, version, file_containing_symbol=service).file_descriptor_response.file_descriptor_proto
        with pytest.raises(grpc.RpcError) as failure:
            reflect(off, version, list_services="")
        assert failure.value.code() == grpc.StatusCode.UNIMPLEMENTED


# -- numbers ----------------------------------------------------------------------------------


def value(text, name, **labels):
    """The sum of the samples of a metric that have these labels."""
    total, found = 0.0, False
    for line in text.splitlines():
        m = re.fullmatch(r"([a-z0-9_]+)(?:\{(.*)\})? (\S+)", line)
        if m is None or m[1] != name:
            continue
        have = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', m[2] or ""))
        if labels.items() <= have.items():
            total, found = total + float(m[3]), True
    assert found, (name, labels)
    return total


def scrape(house):
    status, text = house.numbers()
    assert status == 200
    if shutil.which("promtool"):
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0 and not done.stdout and not done.stderr, done.stdout + done.stderr
    return text


def known_calls(house):
    """3 certificates, 2 refusals and a deposit of the local client, 1 certificate of the RA's, 1 call of a stranger."""
    for n in range(3):
        tbs = house.tbs([f"n{n}.numbers.example.com"])
        house.sign(tbs, house.complete(tbs))
    for n in range(2):
        with pytest.raises(Refused):
            house.sign(house.tbs(["refused.example.com"]), [])
    house.deposit([house.domain("deposit.example.com")])
    with house.secure(house.ca.issue(("ra.example",))) as channel:
        tbs = house.tbs(["ra.numbers.example.com"])
        house.sign(tbs, house.complete(tbs), channel=channel)
    with house.secure(house.ca.issue(("stranger.example",))) as channel, pytest.raises(grpc.RpcError):
        check(channel, "")


def test_numbers(house):
    before = scrape(house)
    known_calls(house)
    after = scrape(house)

    def grew(name, **labels):
        try:
            start = value(before, name, **labels)
        except AssertionError:
            start = 0  # a line of its own with the first call
        return value(after, name, **labels) - start

    sign = dict(rpc="SignCertificate")
    if value(after, "countersign_requests_total") and not any('rpc="SignCertificate"' in line for line in after.splitlines()):
        sign = dict(rpc="countersign.v1.SigningService/SignCertificate")
    assert grew("countersign_requests_total", client="local", api_version="v0", status="OK", **sign) == 3
    assert grew("countersign_requests_total", client="local", status="FAILED_PRECONDITION", **sign) == 2
    assert grew("countersign_requests_total", client="ra", api_version="v2", status="OK", **sign) == 1
    assert grew("countersign_requests_total", client="-", status="UNAUTHENTICATED") == 1
    assert grew("countersign_signatures_total", client="local") == 3 and grew("countersign_signatures_total", client="ra") == 1
    assert grew("countersign_refusals_total", rule="V01") == 2 and grew("countersign_refusals_total", rule="N01") == 1
    assert grew("countersign_outcomes_total", result="signed") == 4
    assert grew("countersign_unknown_peer_requests_total") == 1
    assert grew("countersign_evidence_deposits_total") == 1 and grew("countersign_evidence_verifications_total") > 4
    assert grew("countersign_ledger_entries") == 4 + 4 + 2 + 1 + 1  # intents, outcomes, refusals, deposit, the stranger
    assert grew("countersign_ledger_commits_total") >= 4
    for stage in ("decode", "verify", "judge", "commit", "hsm", "total"):
        assert grew("countersign_stage_duration_seconds_count", stage=stage) >= 4, stage
        assert grew("countersign_stage_duration_seconds_sum", stage=stage) > 0, stage
    assert value(after, "countersign_ledger_writable") == 1 and value(after, "countersign_policy_version") == 1
    assert value(after, "countersign_signer_ready") == 2 and value(after, "countersign_issuer_ready", issuer="ec") == 1
    assert value(after, "countersign_signer_events_total", event="lost") >= 0
    assert value(after, "countersign_front_scrapes_total") >= 2
    assert value(after, "countersign_build_info") == 1


def test_numbers_on_a_unix_socket():
    with NetworkHouse([("local", "v0", os.getuid(), RPCS), ("ra", "v2", "dns: ra.example", RPCS)], signers=1,
                      metrics="unix") as house:
        house.start()
        known_calls(house)
        text = scrape(house)
        assert value(text, "countersign_signatures_total", client="local") == 3
        assert value(text, "countersign_outcomes_total", result="signed") == 4
        assert value(text, "countersign_front_connections_accepted_total") >= 3
        with house.plain() as channel:  # reflection is off unless it is asked for
            with pytest.raises(grpc.RpcError) as failure:
                reflect(channel, "v1", list_services="")
            assert failure.value.code() == grpc.StatusCode.UNIMPLEMENTED
        # a drain is told to who watches, and the stream ends
        with house.plain() as channel:
            watch = Watch(channel, "")
            assert watch.next() == SERVING
            house.process.terminate()
            assert watch.next() == NOT_SERVING and watch.next() is None
            assert watch.code == grpc.StatusCode.UNAVAILABLE
            assert house.process.wait(40) == 0
