"""Clients of the policy from outside: who they are, what they may, how much of it, until when; what the gate says about
them. One house per policy; clients on one Unix socket differ by their group (needs root to try)."""
import datetime
import json
import os
import subprocess

import grpc
import pytest

import audit
import house as h
from house import House, Refused

RPCS = (*House.ALL_RPCS, "GetStatus", "ListClients")
RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"
UTC_TODAY = datetime.datetime.now(datetime.timezone.utc).date()
OTHER_GID, STRANGE_GID = 4711, 4712


def cli(house, *args, code=0, **popen):
    done = subprocess.run([h.BIN / "countersign", *map(str, args)], capture_output=True, text=True, timeout=30, **popen)
    assert done.returncode == code, done.stderr + done.stdout
    return done.stdout


def house_with(*more, rpcs=RPCS):
    return House(signers=1, clients=[("api", "v2", os.getuid(), rpcs, *more)])


def refusals(house):
    return [e.refusal for e in audit.Books(house).entries if e.WhichOneof("body") == "refusal"]


def refused(house, rule, code, account=b"acct-1", profile="dv", names=("www.example.com",), **tbs):
    """Sign is refused with the rule, and Evaluate says the same."""
    made = house.tbs(list(names), profile=profile, **tbs)
    evidence = house.complete(made, account=account)
    with pytest.raises(Refused) as failure:
        house.sign(made, evidence)
    assert failure.value.code == code and rule in failure.value.rules(), failure.value
    assert rule in {r.rule for r in house.evaluate(made, evidence).verdict.reasons}
    return failure.value


def signed(house, account=b"acct-1", **tbs):
    made = house.tbs(["ok.example.com"], **tbs)
    evidence = house.complete(made, account=account)
    assert house.evaluate(made, evidence).verdict.admitted
    assert house.sign(made, evidence).certificate


def test_rate_limit_says_when_to_come_back():
    with house_with("limits: { per_second: 1, burst: 40 }") as house:
        house.start()
        tbs = house.tbs(["www.example.com"])
        evidence = house.complete(tbs)
        assert house.sign(tbs, evidence).certificate  # N06, accepting
        with house.channel() as channel:
            check = channel.unary_unary("/grpc.health.v1.Health/Check")
            for _ in range(60):
                try:
                    check(b"", timeout=5)
                except grpc.RpcError as error:
                    limited = error
        assert limited.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        refusal = Refused(limited)
        assert refusal.rules() == ["N06"]
        details = h.status_pb2.Status.FromString(dict(limited.trailing_metadata())["grpc-status-details-bin"])
        (info,) = [d for d in details.details if d.type_url == RETRY_INFO]
        assert info.value  # a Duration: not zero
        with pytest.raises(Refused) as limited:
            house.sign(tbs, evidence)
        assert limited.value.code == grpc.StatusCode.RESOURCE_EXHAUSTED and limited.value.rules() == ["N06"]
        # counted, and some of them recorded
        told = [r for r in refusals(house) if [x.rule for x in r.reasons] == [b"N06"]]
        assert 1 <= len(told) <= 11 and all(r.caller.client == b"api" for r in told)


def test_retired_the_day_after():
    with house_with(f"retired_after: {UTC_TODAY}") as house:
        house.start()
        signed(house)  # its last day
    yesterday = UTC_TODAY - datetime.timedelta(days=1)
    with Deaf(grpc.StatusCode.PERMISSION_DENIED, clients=[
            ("api", "v2", os.getuid(), RPCS, f"retired_after: {yesterday}")]) as house:
        house.start()
        with pytest.raises(Refused) as failure:
            house.sign(house.tbs(["www.example.com"]), [])
        assert failure.value.rules() == ["N06"] and f"retired after {yesterday}" in failure.value.text
        assert {r.grpc_status for r in refusals(house)} == {7}


class Deaf(House):
    """A house that serves nobody: it is up when it refuses with the status."""

    def __init__(self, code, **kwargs):
        self.refuses = code
        super().__init__(signers=1, **kwargs)

    def is_serving(self):
        with self.channel() as channel:
            try:
                channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=2)
            except grpc.RpcError as error:
                return error.code() == self.refuses
        raise AssertionError("it serves")


def test_profiles_accounts_and_tighter_limits():
    with house_with("profiles: [dv]", "accounts: [acct-1, shop/]", "max_validity_s: 2592000",
                    "max_domain_age_s: 7200") as house:
        house.start()
        signed(house, days=30)
        signed(house, days=30, account=b"shop/7")
        failure = refused(house, "N02", grpc.StatusCode.PERMISSION_DENIED, account=b"acct-2", days=30)
        assert failure.rules() == ["N02"] and "of another account" in failure.text
        organization = [("organizationName", "Example GmbH"), ("countryName", "DE")]
        with pytest.raises(Refused) as failure:
            house.sign(house.tbs(["www.example.com"], profile="ov", days=30), [])
        assert "N02" in failure.value.rules() and failure.value.code == grpc.StatusCode.PERMISSION_DENIED, organization
        assert "T07" in refused(house, "T07", grpc.StatusCode.FAILED_PRECONDITION, days=31).rules()
        tbs = house.tbs(["old.example.com"], days=30)
        evidence = [house.domain("old.example.com", age_s=7300), *house.around(tbs)]
        with pytest.raises(Refused) as failure:
            house.sign(tbs, evidence)
        assert "V01" in failure.value.rules() or "V03" in failure.value.rules(), failure.value


def test_a_flood_of_strangers_does_not_fill_the_ledger():
    with Deaf(grpc.StatusCode.UNAUTHENTICATED, clients=[("api", "v2", os.getuid() + 1, RPCS)]) as house:
        house.start()
        n = 300
        with house.channel() as channel:
            check = channel.unary_unary("/grpc.health.v1.Health/Check")
            for future in [check.future(b"", timeout=20) for _ in range(n)]:
                assert future.code() == grpc.StatusCode.UNAUTHENTICATED
        told = refusals(house)
        assert 1 <= len(told) <= 1 + 10 + 1
        assert told[0].reasons[0].rule == b"N01"
        assert told[0].caller.client == b"" and told[0].caller.uid == os.getuid() and told[0].caller.gid == os.getgid()
        assert house.stop() == 0
        (stop,) = [e.stop for e in audit.Books(house).entries if e.WhichOneof("body") == "stop"]
        assert b"refusals of callers were counted and not recorded" in stop.reason
        text = cli(house, "clients", "--ledger", house.ledger)
        assert f"uid {os.getuid()}, gid {os.getgid()}" in text
        cli(house, "ledger", "verify", house.ledger)


def test_status_and_clients():
    with house_with() as house:
        house.start()
        signed(house)
        with pytest.raises(Refused):
            house.sign(house.tbs(["nothing.example.com"]), [])
        status = json.loads(cli(house, "status", "--socket", house.socket, "--json"))
        assert status["policy_version"] == 1 and status["deployment"] == h.DEPLOYMENT and status["n_signed"] == 1
        assert [s["ready"] for s in status["signers"]] == [True] and all(i["ready"] for i in status["issuers"])
        assert status["ledger"]["size"] >= 6 and not status["ledger"]["failed"] and status["n_clients_seen"] == 1
        screen = cli(house, "status", "--socket", house.socket)
        assert len(screen.splitlines()) <= 24 and "writable" in screen and "\x1b" not in screen
        assert "none in force, 0 recalls" in screen and "checkpoint  none signed" in screen
        listed = json.loads(cli(house, "clients", "--socket", house.socket, "--json"))
        (api,) = listed["clients"]
        assert api["name"] == "api" and api["api_version"] == "v2" and api["identity"] == f"uid {os.getuid()}"
        assert api["n_signed"] == 1 and api["n_calls"] >= 4 and api["last_seen_unix_s"]
        by_rule = {r["rule"]: r["n"] for r in api["refusals"]}
        assert by_rule["B01"] == 1 and by_rule["V01"] == 1
        recorded = json.loads(cli(house, "clients", "--ledger", house.ledger, "--json"))
        (api,) = recorded["clients"]
        assert api["n_signed"] == 1 and {r["rule"]: r["n"] for r in api["refusals"]} == by_rule
        assert "api" in cli(house, "clients", "--socket", house.socket)
        assert "transport=unix" in cli(house, "ledger", "show", house.ledger)
        cli(house, "clients", code=2)
        cli(house, "clients", "--socket", house.socket, "--ledger", house.ledger, code=2)


def test_health_of_services_and_issuers():
    with house_with() as house:
        house.start()

        def check(service):
            with house.channel() as channel:
                call = channel.unary_unary("/grpc.health.v1.Health/Check")
                return call(b"\x0a" + bytes([len(service)]) + service.encode(), timeout=5)

        for service in ("countersign.v1.SigningService", "countersign.v1.EvidenceService", "grpc.health.v1.Health",
                        "countersign.v1.StatusService", "issuer/ec", "issuer/rsa"):
            assert check(service) == b"\x08\x01", service
        assert check("") == b"\x08\x01"  # the empty name, written out: protobufjs does that
        for service in ("issuer/none", "issuer/", "issuer", "countersign.v1.Nothing"):
            with pytest.raises(grpc.RpcError) as failure:
                check(service)
            assert failure.value.code() == grpc.StatusCode.NOT_FOUND


def test_the_front_alone_asks_for_numbers():
    with house_with() as house, house.channel() as channel:
        house.start()
        with pytest.raises(grpc.RpcError) as failure:
            channel.unary_unary("//")(b"", timeout=5)
        assert failure.value.code() == grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be of any group")
def test_api_versions_of_one_user_by_group():
    here = f"uid: {os.getuid()}; gid: {os.getgid()}"
    with House(signers=1, clients=[
            ("new", "v2", here, RPCS), ("old", "v1", f"gid: {OTHER_GID}", ["Check"])]) as house:
        house.start()
        health = ("health", "--socket", house.socket)
        cli(house, *health, group=OTHER_GID)
        cli(house, *health, group=STRANGE_GID, code=1)
        cli(house, "status", "--socket", house.socket, group=OTHER_GID, code=1)  # not of its RPCs
        listed = json.loads(cli(house, "clients", "--socket", house.socket, "--json"))
        old = listed["clients"][1]
        assert old["name"] == "old" and old["n_calls"] == 2 and old["refusals"] == [{"rule": "N01", "n": 1}]
        assert [p["identity"] for p in listed["unknown_peers"]] == [f"uid 0, gid {STRANGE_GID}"]
        known, strange = [r.caller for r in refusals(house)][-1], [r.caller for r in refusals(house)][-2]
        assert (known.client, known.api_version, known.gid, known.rpc) == (b"old", b"v1", OTHER_GID, b"GetStatus")
        assert (strange.client, strange.gid) == (b"", STRANGE_GID)
