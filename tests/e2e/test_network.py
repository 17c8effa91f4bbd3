"""Mutual TLS from end to end: who is served by which name, who is not, and what the ledger says of both; the command,
the library and the PKCS#11 module by the same door; two sockets of one user."""
import hashlib
import ctypes
import json
import os
import subprocess

import grpc
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import audit
import house as h
import rough
from countersign.ledger.v1 import entry_pb2
from house import Refused
from network import NetworkHouse

RPCS = (*h.House.ALL_RPCS, "GetStatus", "ListClients")
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
TLS, UNIX = entry_pb2.TRANSPORT_TLS, entry_pb2.TRANSPORT_UNIX
foreign = pytest.mark.skipif(os.environ.get("COUNTERSIGN_SANITIZED") == "1",
                             reason="a host without the sanitizer's run-time cannot load the library")


@pytest.fixture(scope="module")
def house():
    clients = [("local", "v0", os.getuid(), RPCS), ("ra", "v2", "dns: ra.example", RPCS),
               ("bulk", "v1", "dns: bulk.example", ["SignCertificate", "Check"]),
               ("module", "v0", "dns: module.example", ["SignCertificate", "SignAuthorized", "ListIssuers"])]
    with NetworkHouse(clients, signers=1) as made:
        made.start()
        yield made


def entries(house, kind):
    return [getattr(e, kind) for e in audit.Books(house).entries if e.WhichOneof("body") == kind]


def key_digest(pair):
    return hashlib.sha256(pair[0].public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).digest()


def sign(house, channel, name):
    tbs = house.tbs([name])
    answer = house.sign(tbs, house.complete(tbs), channel=channel)
    assert h.x509.load_der_x509_certificate(answer.certificate).tbs_certificate_bytes == tbs
    return answer


@pytest.mark.parametrize("names, client, version", [
    (("ra.example",), b"ra", b"v2"), (("RA.Example",), b"ra", b"v2"), (("other.example", "bulk.example"), b"bulk", b"v1")])
def test_a_certificate(house, names, client, version):
    """The ledger names client, API version, name and key of the certificate, and the listener."""
    pair = house.ca.issue(names)
    with house.secure(pair) as channel:
        answer = sign(house, channel, "tls.example.com")
    caller = audit.Books(house).intents[answer.ledger_entry].caller
    assert (caller.client, caller.api_version, caller.transport, caller.listener) == (client, version, TLS, b"secure")
    assert caller.tls_name.endswith(b".example") and caller.spki_sha256 == key_digest(pair)
    assert caller.rpc.endswith(b"SignCertificate")


def attester_key(house):
    return house.ca.issue(("ra.example",), key=house.attesters["orders"].key)


STRANGERS = {
    "unknown name": (lambda s: s.ca.issue(("nobody.example",)), "a peer that the policy maps to a client"),
    "below a known name": (lambda s: s.ca.issue(("x.ra.example",)), "a peer that the policy maps to a client"),
    "names of two clients": (lambda s: s.ca.issue(("ra.example", "bulk.example")), "the dNSName of one client"),
    "an attester's key": (attester_key, "who asks may not attest"),
}


@pytest.mark.parametrize("who", STRANGERS)
def test_strangers(house, who):
    make, needed = STRANGERS[who]
    pair, tbs = make(house), house.tbs(["stranger.example.com"])
    n_intents = len(audit.Books(house).intents)
    with house.secure(pair) as channel, pytest.raises(Refused) as failure:
        house.sign(tbs, house.complete(tbs), channel=channel)
    assert failure.value.code == UNAUTHENTICATED and failure.value.rules() == ["N01"] and needed in failure.value.text
    refusal = entries(house, "refusal")[-1]
    assert refusal.grpc_status == 16 and refusal.caller.client == b"" and refusal.caller.transport == TLS
    assert refusal.caller.spki_sha256 == key_digest(pair) and refusal.caller.listener == b"secure"
    assert len(audit.Books(house).intents) == n_intents
    listed = json.loads(command(house, None, "clients", "--socket", house.socket, "--json"))
    assert any(key_digest(pair).hex()[:16] in p["identity"] for p in listed["unknown_peers"])


def test_by_another_authority(house):
    """Not even a stranger: there is no call, so no entry."""
    n = len(audit.Books(house).entries)
    with house.secure(type(house.ca)().issue(("ra.example",))) as channel:
        with pytest.raises(grpc.RpcError) as failure:
            channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=10)
    assert failure.value.code() == grpc.StatusCode.UNAVAILABLE
    rough.wait_for(lambda: any(e["event"] == "tls_refused" for e in house.events()), "the line of the log")
    assert len(audit.Books(house).entries) == n


def test_each_its_own_rpcs(house):
    with house.secure(house.ca.issue(("bulk.example",))) as channel, pytest.raises(Refused) as failure:
        house.call("/countersign.v1.StatusService/GetStatus", b"", h.signing_service_pb2.SignCertificateResponse,
                   channel=channel)
    assert failure.value.code == grpc.StatusCode.PERMISSION_DENIED and failure.value.rules() == ["N01"]
    assert entries(house, "refusal")[-1].caller.client == b"bulk"


def test_revoked_in_the_middle(house):
    """A new list ends the connection of whom it names, signed for a moment ago; another client goes on."""
    goes, stays = house.ca.issue(("ra.example",)), house.ca.issue(("bulk.example",))
    with house.secure(goes) as gone, house.secure(stays) as staying:
        sign(house, gone, "before.example.com")
        sign(house, staying, "before.example.com")
        house.revoke(goes)
        rough.wait_for(lambda: any(e["event"] == "tls_dropped" and e.get("client") == "ra.example" for e in house.events()),
                       "the connection to be dropped")
        n = len(audit.Books(house).entries)
        with pytest.raises(grpc.RpcError) as failure:
            gone.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=10)
        assert failure.value.code() == grpc.StatusCode.UNAVAILABLE
        assert len(audit.Books(house).entries) == n
        sign(house, staying, "after.example.com")
    with house.secure(house.ca.issue(("ra.example",))) as renewed:
        sign(house, renewed, "renewed.example.com")


# -- programs of ours by the same door --------------------------------------------------------


def command(house, files, *args, code=0):
    """The command; with files over TLS."""
    where = [] if files is None else [
        "--connect", f"tls:{house.tls_address()}", *(f"--{k.replace('_', '-')}={v}" for k, v in files.items())]
    done = subprocess.run([h.BIN / "countersign", *map(str, args), *where], capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL, cwd=house.dir)
    assert done.returncode == code, done.stderr + done.stdout
    return done.stdout


def evidence_files(house, evidence):
    words = []
    for n, envelope in enumerate(evidence):
        (house.dir / f"e{n}.dsse").write_bytes(envelope.SerializeToString())
        words += ["--evidence", f"e{n}.dsse"]
    return words


def test_the_command(house):
    files = house.tls_files("cli", house.ca.issue(("ra.example",)))
    assert "serving" in command(house, files, "health")
    tbs = house.tbs(["cli.example.com"])
    (house.dir / "cli.tbs").write_bytes(tbs)
    assert "V01" in command(house, files, "sign", "--issuer", "ec", "--tbs", "cli.tbs", code=1)
    words = evidence_files(house, house.complete(tbs))
    command(house, files, "sign", "--issuer", "ec", "--tbs", "cli.tbs", "--out", "cli.der", *words)
    assert h.x509.load_der_x509_certificate((house.dir / "cli.der").read_bytes()).tbs_certificate_bytes == tbs
    assert list(audit.Books(house).intents.values())[-1].caller.client == b"ra"
    assert json.loads(command(house, files, "status", "--json"))["n_signed"] >= 1
    stranger = house.tls_files("stranger", house.ca.issue(("cli.example",)))
    assert "N01" in command(house, stranger, "health", code=1)
    command(house, {**files, "tls_ca": files["tls_certificate"]}, "health", code=3)  # another authority's server


class Bytes(ctypes.Structure):
    _fields_ = [("at", ctypes.c_char_p), ("len", ctypes.c_size_t)]

    def __init__(self, data=b""):
        super().__init__(data or None, len(data))


class Options(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), *((name, ctypes.c_char_p) for name in
                ("address", "tls_ca", "tls_certificate", "tls_key", "tls_name")), ("timeout_ms", ctypes.c_uint32)]


class Request(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("request_id", Bytes), ("issuer", Bytes), ("tbs_certificate", Bytes),
                ("evidence", ctypes.POINTER(Bytes)), ("n_evidence", ctypes.c_size_t), ("order_id", Bytes),
                ("for_client", Bytes), ("valid_for_s", ctypes.c_uint32), ("digest", Bytes), ("signature_algorithm", Bytes)]


class Answer(ctypes.Structure):
    _fields_ = [("grpc_status", ctypes.c_uint32), ("grpc_status_name", ctypes.c_char_p), ("message", ctypes.c_char_p),
                ("request_id", Bytes), ("ledger_entry", ctypes.c_uint64), ("replayed", ctypes.c_int)]


@foreign
def test_the_library(house):
    """libcountersign.so in a host that is not ours."""
    files = house.tls_files("lib", house.ca.issue(("ra.example",)))
    lib, error = ctypes.CDLL(os.environ["COUNTERSIGN_LIBRARY"]), ctypes.create_string_buffer(512)
    connection, answer = ctypes.c_void_p(), ctypes.POINTER(Answer)()
    options = Options(ctypes.sizeof(Options), f"tls:{house.tls_address()}".encode(),
                      *(str(files[k]).encode() for k in ("tls_ca", "tls_certificate", "tls_key")))
    assert lib.countersign_open(ctypes.byref(options), ctypes.byref(connection), error) == 0, error.value
    tbs = house.tbs(["lib.example.com"])
    evidence = [Bytes(e.SerializeToString()) for e in house.complete(tbs)]
    request = Request(ctypes.sizeof(Request), issuer=Bytes(b"ec"), tbs_certificate=Bytes(tbs))
    assert lib.countersign_sign(connection, ctypes.byref(request), ctypes.byref(answer), error) == 1
    assert answer.contents.grpc_status_name == b"FAILED_PRECONDITION" and b"refused: " in error.value
    lib.countersign_answer_free(answer)
    request.evidence, request.n_evidence = (Bytes * len(evidence))(*evidence), len(evidence)
    assert lib.countersign_sign(connection, ctypes.byref(request), ctypes.byref(answer), error) == 0, error.value
    assert audit.Books(house).intents[answer.contents.ledger_entry].caller.client == b"ra"
    lib.countersign_answer_free(answer)
    lib.countersign_close(connection)


@foreign
def test_the_module(house):
    """Evidence comes from the RA's client, the signature is asked for by the module's; a digest needs an authorisation."""
    files = house.tls_files("module", house.ca.issue(("module.example",)))
    (house.dir / "pkcs11.conf").write_text(
        f"connect = tls:{house.tls_address()}\nlog = {house.dir}/pkcs11.log\n" + "".join(f"{k} = {v}\n" for k, v in files.items()))

    def sign_by_module(mechanism, data):
        (house.dir / "in").write_bytes(data)
        done = subprocess.run(
            ["pkcs11-tool", "--module", os.environ["COUNTERSIGN_PKCS11"], "--sign", "-m", mechanism, "--id", b"ec".hex(),
             "-i", house.dir / "in", "-o", house.dir / "out"], capture_output=True, text=True, timeout=60,
            env=dict(os.environ, COUNTERSIGN_PKCS11_CONF=str(house.dir / "pkcs11.conf")))
        return done.returncode == 0

    tbs = house.tbs(["module.example.com"])
    assert not sign_by_module("ECDSA-SHA256", tbs)
    with house.secure(house.ca.issue(("ra.example",))) as ra:
        request = h.evidence_service_pb2.DepositEvidenceRequest(evidence=house.complete(tbs))
        house.call("/countersign.v1.EvidenceService/DepositEvidence", request,
                   h.evidence_service_pb2.DepositEvidenceResponse, channel=ra)
    assert sign_by_module("ECDSA-SHA256", tbs)
    caller = list(audit.Books(house).intents.values())[-1].caller
    assert (caller.client, caller.tls_name, caller.transport) == (b"module", b"module.example", TLS)
    assert not sign_by_module("ECDSA", hashlib.sha256(house.tbs(["digest.example.com"])).digest())
    assert entries(house, "refusal")[-1].caller.client == b"module"


# -- two sockets of one user ------------------------------------------------------------------


def test_one_user_on_two_sockets():
    """The name of the listener tells the clients apart; each has its own RPCs and its own place in the ledger."""
    clients = [("new", "v2", f"uid: {os.getuid()}; socket: fresh", RPCS),
               ("old", "v1", f"uid: {os.getuid()}; socket: old", ["SignCertificate", "Check"])]
    with NetworkHouse(clients, signers=1, old_socket=True) as house:
        config = house.dir / "countersignd.yaml"
        config.write_text(config.read_text().replace("  - unix: api.sock\n", "  - unix: api.sock\n    name: fresh\n"))
        house.start()
        old_path = house.dir / "old.sock"
        with house.plain() as new, house.plain(old_path) as old:
            by_new, by_old = (sign(house, c, "socket.example.com").ledger_entry for c in (new, old))
            intents = audit.Books(house).intents
            for entry, client, version, name in ((by_new, b"new", b"v2", b"fresh"), (by_old, b"old", b"v1", b"old")):
                caller = intents[entry].caller
                assert (caller.client, caller.api_version, caller.listener, caller.transport) == (client, version, name, UNIX)
            tbs = house.tbs(["nothing.example.com"])
            with pytest.raises(Refused) as failure:  # not of the old one's RPCs
                house.call("/countersign.v1.EvidenceService/DepositEvidence",
                           h.evidence_service_pb2.DepositEvidenceRequest(evidence=house.complete(tbs)),
                           h.evidence_service_pb2.DepositEvidenceResponse, channel=old)
            assert failure.value.code == grpc.StatusCode.PERMISSION_DENIED
            house.deposit(house.complete(tbs))
            with pytest.raises(Refused):
                house.sign(house.tbs(["none.example.com"]), [], channel=old)
            assert house.sign(tbs, [], channel=new).certificate
        text = command(house, None, "clients", "--socket", house.socket)
        assert "socket fresh" in text and "socket old" in text
        # what the ledger alone says of several clients, of the running gate's numbers and of an ended one's
        live = {c["name"]: c for c in json.loads(command(house, None, "clients", "--socket", house.socket, "--json"))["clients"]}
        assert house.stop() == 0
        told = {c["name"]: c for c in json.loads(command(house, None, "clients", "--ledger", house.ledger, "--json"))["clients"]}
        assert set(told) == {"new", "old"} and (told["new"]["n_signed"], told["old"]["n_signed"]) == (2, 1)
        for name in told:
            assert told[name]["n_signed"] == live[name]["n_signed"] and told[name]["api_version"] == live[name]["api_version"]
            count = lambda c: {r["rule"]: r["n"] for r in c.get("refusals", [])}  # noqa: E731
            assert count(told[name]) == count(live[name])
        assert {r["rule"] for r in told["old"]["refusals"]} >= {"N01", "V01"} and not told["new"].get("refusals")
