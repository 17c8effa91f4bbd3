"""The canary against the real daemon: every bad request refused for its own reason, each with that one fault only, and
what happens when a door leaks, answers wrongly, or nothing answers. The leaking door stands in front of the gate and
attests whatever it is asked for; nothing of the product is weakened."""
import base64
import concurrent.futures
import json
import os
import shutil
import subprocess
import time

import grpc
import pytest
from cryptography import x509

import audit
import house as h
from house import Refused, signing_service_pb2, statement_pb2
from network import NetworkHouse

NAME, ACCOUNT, ORDER_ID = "canary.ca.example.com", b"canary", b"canary-order-0001"
URL = "http://ca.example/issuer.der"
OLD_GID, NOBODY = 4711, 65534
SIGNING = "/countersign.v1.SigningService/"
CASES = ["nothing", "approvals-only", "expired", "other-account", "other-audience", "forged", "digest"]
root = pytest.mark.skipif(os.getuid() != 0, reason="only root can be another uid")


def cli(*args, code=0, **popen):
    done = subprocess.run([h.BIN / "countersign", *map(str, args)], capture_output=True, text=True, timeout=60, **popen)
    assert done.returncode == code, f"exit {done.returncode}, wanted {code}\n{done.stderr}{done.stdout}"
    return done


def client(name, address, *more):
    return "".join(f"  {'- ' if i == 0 else '  '}{line}\n"
                   for i, line in enumerate([f"name: {name}", f"connect: {address}", *more]))


def write(house, clients, *more, name="canary.yaml", material="material"):
    path = house.dir / name
    path.write_text(f"audience: {h.DEPLOYMENT}\nname: {NAME}\naccount: {ACCOUNT.decode()}\nmaterial: {material}\n"
                    f"issuer_url: {URL}\ntimeout_s: 5\nclients:\n{''.join(clients)}" + "".join(f"{line}\n" for line in more))
    return path


class Key:
    """Only a public half, where the house wants a key."""

    def __init__(self, csr):
        self.csr = csr

    def public_key(self):
        return self.csr.public_key()


def header_of(statement, **fields):
    for key, value in fields.items():
        setattr(statement.header, key, value)
    return statement


def prepare(house, config):
    """What an operator does once: the key here, the statements by the attesters."""
    out = house.dir / "made"
    out.mkdir(exist_ok=True)
    assert "missing" in cli("canary", "prepare", "--config", config).stdout
    csr = x509.load_pem_x509_csr((house.dir / "material" / "canary.csr").read_bytes())
    assert csr.is_signature_valid
    tbs = house.tbs([NAME], key=Key(csr))
    dcv, now = house.attesters["dcv-1"], int(time.time())
    expired = header_of(house.domain(NAME, ACCOUNT, age_s=10800, envelope=False), issued_at_unix_s=now - 7200, expires_at_unix_s=now - 60)
    staging = header_of(house.domain(NAME, ACCOUNT, envelope=False), audience=b"ca.example/staging")
    made = {"order": house.order(tbs, ACCOUNT, order_id=ORDER_ID), "approval": house.approval(ORDER_ID, account=ACCOUNT),
            "expired": dcv.envelope(expired), "other-account": house.domain(NAME, b"somebody-else"),
            "other-audience": dcv.envelope(staging)}
    for name, envelope in made.items():
        (out / name).write_bytes(envelope.SerializeToString())
    flags = [word for name in made for word in (f"--{name}", out / name)]
    said = json.loads(cli("canary", "prepare", "--config", config, "--json", *flags).stdout)
    assert all(row["there"] for row in said.values()) and "good_until" not in said["expired"], said
    # what does not fit is not taken
    cli("canary", "prepare", "--config", config, "--expired", out / "order", code=2)
    cli("canary", "prepare", "--config", config, "--expired", out / "other-account", code=2)
    cli("canary", "prepare", "--config", config, "--other-audience", out / "expired", code=2)
    (out / "order").write_bytes(house.order(house.tbs([NAME]), ACCOUNT).SerializeToString())
    assert "another key" in cli("canary", "prepare", "--config", config, "--order", out / "order", code=2).stderr
    (out / "approval").write_bytes(house.approval(b"another", account=ACCOUNT).SerializeToString())
    cli("canary", "prepare", "--config", config, "--approval", out / "approval", code=2)


@pytest.fixture(scope="module")
def nest():
    """A house with two API versions, and the canary's material in it."""
    rows = [("api", "v2", f"uid: {os.getuid()}; gid: {os.getgid()}", h.House.ALL_RPCS)]
    if os.getuid() == 0:
        rows.append(("old", "v1", f"gid: {OLD_GID}", ["SignCertificate", "ListIssuers"]))
    with h.House(signers=1, clients=rows) as house:
        house.start()
        os.chmod(house.dir, 0o755)  # the stranger has to reach the socket
        prepare(house, write(house, [client("api", "unix:api.sock")]))
        yield house


def everybody():
    rows = [client("api", "unix:api.sock", f"uid: {os.getuid()}", f"gid: {os.getgid()}")]
    if os.getuid() == 0:
        rows += [client("old", "unix:api.sock", f"gid: {OLD_GID}", "by_digest: false"),
                 client("nobody", "unix:api.sock", f"uid: {NOBODY}", f"gid: {NOBODY}", "stranger: true")]
    return rows


def run(config, *args, code=0, **popen):
    return json.loads(cli("canary", "--config", config, "--json", *args, code=code, **popen).stdout)


def by_case(report, client_name="api", issuer="ec"):
    return {c["case"]: c for c in report["cases"] if c["client"] == client_name and c["issuer"] == issuer}


def test_all_is_refused_for_its_reason(nest):
    config, metrics = write(nest, everybody()), nest.dir / "canary.prom"
    report = run(config, "--metrics", metrics)
    cases = by_case(report)
    assert list(cases) == CASES and {c["outcome"] for c in report["cases"]} == {"refused"}
    first = {"nothing": "B01", "approvals-only": "X01", "expired": "E05", "other-account": "V06", "other-audience": "E04",
             "forged": "E02", "digest": "N05"}
    for case, rule in first.items():
        assert rule in cases[case]["rules"] and cases[case]["ledger_entry"], cases[case]
    if os.getuid() == 0:
        assert by_case(report, "old")["digest"]["rules"] == ["N01"]  # the policy gives it no such RPC
        (stranger,) = [c for c in report["cases"] if c["client"] == "nobody"]
        assert stranger["status"] == "UNAUTHENTICATED" and stranger["rules"] == ["N01"]
    n = len(report["cases"])
    assert report["counts"] == {"refused": n, "not_proven": 0, "not_tried": 0, "alarm": 0} and report["holds"] == []
    told = [e for e in audit.Books(nest).entries if e.WhichOneof("body") == "refusal"]
    assert len(told) >= n
    table = cli("canary", "--config", config).stdout
    assert f"{n} refused as they should be, 0 not proven" in table and "\x1b" not in table
    text = metrics.read_text()
    assert f'countersign_canary_cases{{outcome="refused"}} {n}\n' in text and "countersign_canary_exit_code 0\n" in text
    if shutil.which("promtool"):
        subprocess.run(["promtool", "check", "metrics"], input=text, text=True, check=True)


def sent(folder):
    """The TBS and the statements of one request that was saved."""
    evidence = [h.envelope_pb2.Envelope.FromString(p.read_bytes()) for p in sorted(folder.glob("evidence-*.dsse"))]
    return (folder / "tbs.der").read_bytes(), evidence


def resigned(house, envelope, repair):
    statement = statement_pb2.Statement.FromString(envelope.payload)
    repair(statement)
    return house.attesters[statement.header.attester.decode()].envelope(statement)


def expires(statement):
    statement.header.expires_at_unix_s = int(time.time()) + 3600


REPAIRS = {
    "approvals-only": None,  # nothing is wrong with them: what is missing is added
    "expired": expires,
    "other-account": lambda s: setattr(s.header, "account", ACCOUNT),
    "other-audience": lambda s: setattr(s.header, "audience", h.DEPLOYMENT.encode()),
    "forged": lambda s: None,  # the very same statement, signed by whom it names
}


@pytest.mark.parametrize("issuer", ["ec", "rsa"])
def test_each_case_has_the_one_fault_it_claims(nest, tmp_path, issuer):
    """Repaired in that one thing, and with the CAA check and the lint that a canary never has, it would be signed."""
    run(write(nest, everybody()), "--save", tmp_path)
    for case in CASES[:-1]:
        tbs, evidence = sent(tmp_path / f"api.{issuer}.{case}")
        rest = [nest.caa(NAME, ACCOUNT), nest.lint(tbs, ACCOUNT)]
        if case == "nothing":
            assert evidence == []
            good = nest.complete(tbs, ACCOUNT)
        elif case == "approvals-only":
            bad = {r.rule for r in nest.evaluate(tbs, evidence + rest, issuer).verdict.reasons}
            assert bad == {"V01", "X01"}
            good = [*evidence, nest.domain(NAME, ACCOUNT), *rest]
        else:
            claimed = {"expired": {"E05"}, "other-account": {"V06"}, "other-audience": {"E04"}, "forged": {"E02"}}[case]
            bad = {r.rule for r in nest.evaluate(tbs, evidence + rest, issuer).verdict.reasons}
            assert claimed <= bad <= claimed | {"V01"}, (case, bad)
            good = [evidence[0], resigned(nest, evidence[1], REPAIRS[case]), *rest]
        verdict = nest.evaluate(tbs, good, issuer).verdict
        assert verdict.admitted, (case, [(r.rule, r.found) for r in verdict.reasons])
    # the digest is that of a TBS which, authorised, would be signed
    tbs, _ = sent(tmp_path / f"api.{issuer}.digest")
    assert nest.evaluate(tbs, nest.complete(tbs, ACCOUNT), issuer).verdict.admitted


class Door(grpc.GenericRpcHandler):
    """Another API version in front of the gate: hands on what comes, but what it is told to do otherwise."""

    def __init__(self, house, instead):
        self.house, self.instead, self.channel = house, instead, house.channel()
        self.path = house.dir / f"door-{instead.__name__}.sock"
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(2), handlers=[self])
        self.server.add_insecure_port(f"unix:{self.path}")

    def service(self, details):
        return grpc.unary_unary_rpc_method_handler(lambda message, context: self.hand_on(details.method, message, context))

    def hand_on(self, method, message, context):
        message = self.instead(self.house, method, message, context)
        try:
            return self.channel.unary_unary(method)(message, timeout=10)
        except grpc.RpcError as error:
            context.set_trailing_metadata([(k, v) for k, v in error.trailing_metadata() if k == "grpc-status-details-bin"])
            context.abort(error.code(), error.details())

    def __enter__(self):
        self.server.start()
        return self

    def __exit__(self, *exc):
        self.server.stop(0)
        self.channel.close()


def leaking(house, method, message, context):
    """An attester that attests for anybody: whatever is asked for has an order, a validation, a lint."""
    if method != SIGNING + "SignCertificate":
        return message
    request = signing_service_pb2.SignCertificateRequest.FromString(message)
    del request.evidence[:]
    request.evidence.extend(house.complete(request.tbs_certificate, ACCOUNT))
    return request.SerializeToString()


def busy(house, method, message, context):
    if method == SIGNING + "SignCertificate":
        context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "come back later")
    return message


def careless(house, method, message, context):
    """Loses the evidence: all is refused, nothing for what is wrong with it."""
    if method != SIGNING + "SignCertificate":
        return message
    request = signing_service_pb2.SignCertificateRequest.FromString(message)
    del request.evidence[:]
    return request.SerializeToString()


def swapping(house, method, message, context):
    """The same evidence, the bad statement no longer where it was."""
    if method != SIGNING + "SignCertificate":
        return message
    request = signing_service_pb2.SignCertificateRequest.FromString(message)
    backwards = list(request.evidence)[::-1]
    del request.evidence[:]
    request.evidence.extend(backwards)
    return request.SerializeToString()


def losing(house, method, message, context):
    """Admitted, and then the signature is not to be had."""
    if method == SIGNING + "SignAuthorized":
        context.abort(grpc.StatusCode.DATA_LOSS, "the key may have been used")
    return message


def hold_section(house, stop):
    key = house.dir / "op-1.pem"
    key.write_bytes(house.attesters["op-1"].private_pem())
    key.chmod(0o600)
    return f"hold:\n  key: op-1.pem\n  operator: op-1\n  stop: {stop}\n  connect: unix:api.sock"


@pytest.mark.parametrize("stop", ["client", "everything"])
def test_a_leak_is_an_alarm_and_a_hold(nest, stop):
    metrics = nest.dir / "leak.prom"
    tbs = nest.tbs(["customer.example.com"])
    good = nest.complete(tbs)
    assert nest.evaluate(tbs, good).verdict.admitted
    with Door(nest, leaking) as door:
        config = write(nest, [client("api", f"unix:{door.path}")], hold_section(nest, stop))
        done = cli("canary", "--config", config, "--json", "--metrics", metrics, code=1)
    report = json.loads(done.stdout)
    (alarm,) = [c for c in report["cases"] if c["outcome"] == "alarm"]
    assert alarm["case"] == "nothing" and alarm["ledger_entry"]
    serial = x509.load_der_x509_certificate(base64.b64decode(alarm["certificate"]))
    assert serial.extensions.get_extension_for_class(x509.PrecertPoison).critical  # no browser takes it
    assert {c["text"] for c in report["cases"] if c["outcome"] == "not_tried"} == {"not asked after the alarm"}
    (hold,) = report["holds"]
    assert hold["ledger_entry"] > alarm["ledger_entry"] and hold["stops"] == stop
    (in_force,) = [x for x in nest.holds().holds if x.hold_id.decode() == hold["hold_id"]]
    with pytest.raises(Refused) as refused:  # what was good is stopped at the key
        nest.sign(tbs, good)
    assert refused.value.rules() == ["H01"]
    assert "countersign_canary_exit_code 1\n" in metrics.read_text() and "holds_placed 1\n" in metrics.read_text()
    # under the hold the canary still sees each refusal for its reason
    assert run(write(nest, everybody()))["counts"]["alarm"] == 0
    nest.lift(in_force.hold_id)
    assert nest.sign(tbs, good).certificate


def test_an_alarm_without_a_hold_and_with_one_that_fails(nest):
    with Door(nest, leaking) as door:
        done = cli("canary", "--config", write(nest, [client("api", f"unix:{door.path}")]), code=1)
        assert "ALARM" in done.stdout and "ALARM: client api, issuer ec, case nothing" in done.stderr
        section = hold_section(nest, "client").replace("api.sock", "nothing-here.sock")
        done = cli("canary", "--config", write(nest, [client("api", f"unix:{door.path}")], section), code=1)
        assert "THE HOLD COULD NOT BE PLACED" in done.stderr
    assert not nest.holds().holds


def test_a_refusal_for_another_reason_proves_nothing(nest):
    with Door(nest, busy) as door:
        cases = by_case(run(write(nest, [client("api", f"unix:{door.path}")]), code=3))
    assert {c["outcome"] for k, c in cases.items() if k != "digest"} == {"not_proven"}
    assert "RESOURCE_EXHAUSTED" in cases["nothing"]["text"] and cases["digest"]["outcome"] == "refused"
    with Door(nest, careless) as door:
        cases = by_case(run(write(nest, [client("api", f"unix:{door.path}")]), code=3))
    assert cases["nothing"]["outcome"] == "refused"
    assert {cases[c]["outcome"] for c in CASES[1:-1]} == {"not_proven"}
    assert cases["forged"]["text"].startswith("refused, but not for E02")
    with Door(nest, swapping) as door:
        cases = by_case(run(write(nest, [client("api", f"unix:{door.path}")]), code=3))
    assert cases["expired"]["text"] == "refused, but not for E05 of evidence[1]" and "E05" in cases["expired"]["rules"]


def test_admitted_without_a_signature_is_an_alarm(nest):
    with Door(nest, losing) as door:
        report = run(write(nest, [client("api", f"unix:{door.path}")]), code=1)
    assert by_case(report)["digest"]["outcome"] == "alarm" and "may have been used" in by_case(report)["digest"]["text"]
    assert report["counts"]["alarm"] == 1  # and nothing more was asked


def test_what_is_not_prepared_is_not_tried(nest):
    here = [client("api", "unix:api.sock")]
    report = run(write(nest, here, material="empty"), code=3)
    cases = by_case(report)
    assert {k for k, c in cases.items() if c["outcome"] == "not_tried"} == set(CASES[1:-1])
    assert "missing" in cases["expired"]["text"] and cases["nothing"]["outcome"] == "refused"
    # leaving them out is a decision that somebody wrote down
    report = run(write(nest, here, "cases: [nothing, digest]", material="empty"))
    assert report["counts"]["refused"] == 2 * len(nest.issuers)


@root
def test_who_cannot_be_tried_is_said(nest):
    if subprocess.run([h.BIN / "countersign", "--version"], user=NOBODY, group=NOBODY, extra_groups=[],
                      capture_output=True).returncode != 0:
        pytest.skip("the programs are out of reach of another user")
    rows = [client("api", "unix:api.sock", "uid: 0"), client("self", "unix:api.sock", "stranger: true")]
    report = run(write(nest, rows), code=3, user=NOBODY, group=NOBODY, extra_groups=[])
    api, own = report["cases"]
    assert api["outcome"] == "not_tried" and "only root can be another uid" in api["text"]
    assert own["outcome"] == "refused" and own["status"] == "UNAUTHENTICATED"
    # a stranger whom the gate knows is an alarm
    report = run(write(nest, [client("self", "unix:api.sock", "stranger: true")]), code=1)
    assert report["cases"][0]["outcome"] == "alarm"


def test_nobody_there(nest):
    report = run(write(nest, [client("api", "unix:gone.sock")]), code=3)
    assert {c["outcome"] for c in report["cases"]} == {"not_tried"} and report["counts"]["not_tried"] == len(CASES)


def test_by_certificate():
    """Each by its own certificate; one that may not ask for the issuers; and what takes no part of a right TLS peer."""
    few = ["SignCertificate"]
    with NetworkHouse([("local", "v0", os.getuid(), h.House.ALL_RPCS), ("ra", "v2", "dns: ra.example", h.House.ALL_RPCS),
                       ("bulk", "v1", "dns: bulk.example", few), ("reader", "v1", "dns: reader.example", ["ListIssuers"])],
                      signers=1) as house:
        house.start()

        def by(name, *more):
            files = house.tls_files(name, house.ca.issue((f"{name}.example",)))
            return client(name, f"tls:{house.tls_address()}", *(f"{k}: {v}" for k, v in files.items()), *more)

        prepare(house, write(house, [by("ra")]))
        nobody = by("nobody", "stranger: true")
        report = run(write(house, [by("ra"), by("reader", "signs: false", "by_digest: false"), nobody]))
        assert {c["outcome"] for c in report["cases"]} == {"refused"} and len(report["cases"]) == 2 * 2 * len(CASES) + 1
        assert report["cases"][-1]["status"] == "UNAUTHENTICATED"
        assert {tuple(c["rules"]) for c in report["cases"] if c["client"] == "reader"} == {("N01",)}
        callers = {e.refusal.caller.client for e in audit.Books(house).entries if e.WhichOneof("body") == "refusal"}
        assert callers == {b"ra", b"reader", b""}
        # what the configuration says of a client has to be so: it may call, or it may not
        for wrong in ([by("ra", "signs: false")], [by("reader")]):
            assert run(write(house, wrong), code=3)["counts"]["not_proven"] >= len(house.issuers)
        bulk = by("bulk", "by_digest: false")
        report = run(write(house, [bulk]), code=3)
        assert "ListIssuers" in report["cases"][0]["text"] and report["cases"][0]["outcome"] == "not_tried"
        issuers = "issuers:\n" + "".join(f"  - id: {i.id}\n    certificate: {i.id}.pem\n    algorithm: {i.algorithms[0]}\n"
                                         for i in house.issuers)
        assert run(write(house, [bulk], issuers))["counts"]["refused"] == len(CASES) * len(house.issuers)
        # a certificate of another authority does not get as far as a reason
        foreign = house.tls_files("foreign", house.server_ca.issue(("ra.example",)))
        strange = client("foreign", f"tls:{house.tls_address()}", *(f"{k}: {v}" for k, v in foreign.items()))
        assert run(write(house, [strange]), code=3)["counts"]["refused"] == 0


@pytest.mark.parametrize("fault, said", [
    ("clients: []", "clients"), ("cases: [none]", "no case"),
    ("cases: [digest, digest]", "twice"), ("hold: {key: a, operator: b, stop: now, connect: unix:x}", "client or everything"),
    ("surprise: true", "surprise"), ("timeout_s: 0", "timeout_s")])
def test_configuration_is_read_strictly(nest, fault, said):
    config = nest.dir / "bad.yaml"
    key = fault.split(":")[0]
    rows = {"audience": "a", "name": NAME, "account": "a", "issuer_url": URL, "clients": "[{name: a, connect: unix:x}]"}
    rows.pop(key, None)
    config.write_text("".join(f"{k}: {v}\n" for k, v in rows.items()) + fault + "\n")
    assert said in cli("canary", "--config", config, code=2).stderr


def test_usage(nest):
    cli("canary", code=2)
    cli("canary", "--config", nest.dir / "not-there.yaml", code=2)
    for bad in ("connect: tcp:x", "connect: tls:x:443", "connect: unix:x\n    tls_ca: y"):
        config = nest.dir / "bad.yaml"
        config.write_text(f"audience: a\nname: {NAME}\naccount: a\nissuer_url: {URL}\nclients:\n  - name: a\n    {bad}\n")
        cli("canary", "--config", config, code=2)
    no_folder = nest.dir / "bad.yaml"
    no_folder.write_text(f"audience: a\nname: {NAME}\naccount: a\nissuer_url: {URL}\nclients:\n  - name: a\n    connect: unix:x\n")
    cli("canary", "prepare", "--config", no_folder, code=2)


