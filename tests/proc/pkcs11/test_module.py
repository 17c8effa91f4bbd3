"""The module in a host of our own (calls.c), pkcs11-tool and PyKCS11, against a gate that plays its part."""
import datetime
import hashlib
import json
import os
import pathlib
import subprocess
import sys

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

import gate as g

MODULE, CALLS = os.environ["CS_PKCS11_MODULE"], os.environ["CS_PKCS11_CALLS"]
SANITIZED = os.environ.get("CS_SANITIZED") == "1"
foreign = pytest.mark.skipif(SANITIZED, reason="a host without the sanitizer's run-time cannot load the module")


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    made = g.Authority(tmp_path_factory.mktemp("tls"))
    made.issue("server", "localhost")
    made.issue("client", "client.example")
    return made


@pytest.fixture(params=["unix", "tls"])
def gate(request, tmp_path, authority):
    made = g.Gate(tmp_path).start(authority.credentials() if request.param == "tls" else None)
    made.more = authority.client() if request.param == "tls" else {}
    yield made
    made.stop()


@pytest.fixture
def unix_gate(tmp_path):
    made = g.Gate(tmp_path).start()
    made.more = {}
    yield made
    made.stop()


def lay_out(gate):
    put = lambda name, data: (gate.dir / name).write_bytes(data)  # noqa: E731
    put("tbs", gate.tbs("a.example"))
    put("tbs-rsa", gate.tbs("b.example", "rsa"))
    put("tbs-refused", gate.tbs("x.refused.example"))
    other = g.Issuer("other", gate.issuers["ec"].key, [])
    fields = g.h.tbs_fields(g.h.make_tbs(other, ["c.example"]))
    put("tbs-other-issuer", g.der(0x30, b"".join(fields)))
    issuer, now = gate.issuers["ec"], datetime.datetime.utcnow()
    put("crl", x509.CertificateRevocationListBuilder().issuer_name(issuer.subject).last_update(now)
        .next_update(now + datetime.timedelta(days=1)).sign(issuer.key, hashes.SHA256()).tbs_certlist_bytes)
    put("csr", x509.CertificateSigningRequestBuilder().subject_name(issuer.subject)
        .sign(issuer.key, hashes.SHA256()).tbs_certrequest_bytes)
    put("text", b"hello, world")
    put("digest-unknown", hashlib.sha256(b"unknown").digest())
    put("digest", gate.authorize(gate.tbs("d.example")))
    put("digest-info", bytes.fromhex("3031300d060960864801650304020105000420") + gate.authorize(gate.tbs("e.example", "rsa")))


def environment(gate, **more):
    return dict(os.environ, COUNTERSIGN_PKCS11_CONF=str(gate.config(**gate.more, **more)))


def test_host(gate):
    lay_out(gate)
    done = subprocess.run([CALLS, MODULE, gate.dir], env=environment(gate), capture_output=True, text=True, timeout=100)
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    assert all(r.request_id for r in gate.requests)
    lines = [json.loads(line) for line in (gate.dir / "log").read_text().splitlines()]
    refused = [line for line in lines if line["event"] == "pkcs11.refused"]
    for part in ("a tbsCertList (CRL)", "a certificationRequestInfo (CSR)", "12 octets are no DER",
                 "names another signature algorithm", "is not the subject of this key's certificate"):
        assert any(part in line.get("msg", "") for line in refused), part
    (judged,) = [line for line in refused if line.get("reasons", [{}])[0].get("rule") == "V01"]
    assert judged["audit_id"] == 4711 and judged["reasons"][0]["found"] == 'nothing "at all"'
    assert judged["outcome"] == "CKR_FUNCTION_REJECTED" and len(judged["request_id"]) == 32
    assert all(line["audit_id"] == 42 for line in lines if line["event"] == "pkcs11.signed")


# -- real hosts ---------------------------------------------------------------------------------------


def tool(gate, *words, **more):
    return subprocess.run(["pkcs11-tool", "--module", MODULE, *words], env=environment(gate, **more),
                          capture_output=True, text=True, timeout=60)


@foreign
def test_tool_lists(gate):
    out = tool(gate, "-O").stdout
    assert out.count("Private Key Object") == out.count("Public Key Object") == out.count("Certificate Object") == 4
    assert "CN=Issuer ec" in out and "never extractable" in out
    assert tool(gate, "-O", issuers="ec, rsa").stdout.count("Certificate Object") == 2
    out = tool(gate, "-M", raw="no").stdout
    assert "ECDSA-SHA256" in out and "\n  ECDSA," not in out and "\n  RSA-PKCS," not in out


def verifies(issuer, tbs, signature, algorithm=None):
    key = issuer.key.public_key()
    if issuer.is_ec:
        n = len(signature) // 2
        plain = (int.from_bytes(signature[:n], "big"), int.from_bytes(signature[n:], "big"))
        hash_ = {32: hashes.SHA256(), 48: hashes.SHA384(), 66: hashes.SHA512()}[n]
        key.verify(utils.encode_dss_signature(*plain), tbs, ec.ECDSA(hash_))
    elif algorithm is None:
        key.verify(signature, tbs, padding.PKCS1v15(), hashes.SHA256())
    else:
        key.verify(signature, tbs, padding.PSS(padding.MGF1(algorithm), algorithm.digest_size), algorithm)


SIGNS = (("ec", "ECDSA-SHA256", None), ("p384", "ECDSA-SHA384", None), ("p521", "ECDSA-SHA512", None),
         ("rsa", "SHA256-RSA-PKCS", None))


@foreign
@pytest.mark.parametrize("issuer,mechanism,_", SIGNS, ids=[row[0] for row in SIGNS])
def test_tool_signs(unix_gate, issuer, mechanism, _):
    gate = unix_gate
    tbs = gate.tbs("a.example", issuer)
    (gate.dir / "in").write_bytes(tbs)
    done = tool(gate, "--sign", "-m", mechanism, "--id", issuer.encode().hex(), "-i", gate.dir / "in", "-o", gate.dir / "out")
    assert done.returncode == 0, done.stderr
    verifies(gate.issuers[issuer], tbs, (gate.dir / "out").read_bytes())


@foreign
def test_tool_is_refused(unix_gate):
    gate = unix_gate
    for data in (gate.tbs("x.refused.example"), b"any document", hashlib.sha256(b"a digest").digest()):
        (gate.dir / "in").write_bytes(data)
        for mechanism in ("ECDSA-SHA256", "ECDSA"):
            done = tool(gate, "--sign", "-m", mechanism, "--id", b"ec".hex(), "-i", gate.dir / "in", "-o", gate.dir / "out")
            assert done.returncode != 0, (data, mechanism)
    assert gate.n_signed == 0


@foreign
def test_tool_without_a_gate(unix_gate, tmp_path):
    gate = unix_gate
    env = dict(environment(gate), COUNTERSIGN_PKCS11_CONF=str(gate.config(connect="unix:/nowhere/at/all", timeout_s=1)))
    done = subprocess.run(["pkcs11-tool", "--module", MODULE, "-O"], env=env, capture_output=True, text=True)
    assert done.returncode != 0 and "CKR_DEVICE_ERROR" in done.stderr
    assert "/nowhere/at/all: cannot connect" in (gate.dir / "log").read_text()
    (tmp_path / "bad").write_text("connect = unix:/x\ncolour = red\n")
    done = subprocess.run(["pkcs11-tool", "--module", MODULE, "-O"], capture_output=True, text=True,
                          env=dict(env, COUNTERSIGN_PKCS11_CONF=str(tmp_path / "bad")))
    assert done.returncode != 0 and "bad:2: 'colour' is no key of this file" in done.stderr


class Host:
    """PyKCS11 in a process of its own (host.py): it keeps Python's lock while the gate would answer."""

    def __init__(self, gate):
        self.process = subprocess.Popen([sys.executable, pathlib.Path(__file__).with_name("host.py"), MODULE],
                                        env=environment(gate), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, **words):
        self.process.stdin.write(json.dumps(words) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        return answer["rv"], bytes.fromhex(answer["value"])

    def sign(self, label, data, kind, pss=()):
        return self.ask(op="sign", label=label, data=data.hex(), kind=kind, pss=pss)

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        assert self.process.wait(30) == 0


@pytest.fixture
def host(unix_gate):
    pytest.importorskip("PyKCS11")
    made = Host(unix_gate)
    yield made
    made.close()


OK, DEVICE_ERROR, REJECTED = 0, 0x30, 0x200
ECDSA, ECDSA_SHA256, RSA_PSS = 0x1041, 0x1044, 0x0D


@foreign
def test_pykcs11(host, unix_gate):
    gate, rsa = unix_gate, unix_gate.issuers["rsa"]
    rows = [(0x43, 0x250, 2, 32, hashes.SHA256()), (0x44, 0x260, 3, 48, hashes.SHA384()),
            (0x45, 0x270, 4, 64, hashes.SHA512())]
    for (kind, *parameter, algorithm), der in zip(rows, g.PSS_DER):
        tbs = gate.tbs("pss.example", "rsa", der)
        rv, signature = host.sign("rsa", tbs, kind, parameter)
        assert rv == OK
        verifies(rsa, tbs, signature, algorithm)
        tbs = gate.tbs("pss-raw.example", "rsa", der)
        digest = gate.authorize(tbs, algorithm.name)
        rv, signature = host.sign("rsa", digest, RSA_PSS, parameter)
        assert rv == OK
        verifies(rsa, tbs, signature, algorithm)
        assert host.sign("rsa", digest, RSA_PSS, parameter)[0] == REJECTED  # it was spent
    tbs = gate.tbs("raw.example")
    rv, signature = host.sign("ec", gate.authorize(tbs), ECDSA)
    assert rv == OK
    verifies(gate.issuers["ec"], tbs, signature)
    assert host.ask(op="certificate", label="ec") == (OK, gate.issuers["ec"].der())


# -- what goes wrong on the way ---------------------------------------------------------------------


@foreign
def test_request_id_is_kept(host, unix_gate):
    """UNAVAILABLE is repeated with the same id; after DEVICE_ERROR so is the caller's own repeat."""
    gate = unix_gate
    tbs = gate.tbs("retry.example")
    gate.trouble = [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNAVAILABLE]
    rv, signature = host.sign("ec", tbs, ECDSA_SHA256)
    assert rv == OK
    verifies(gate.issuers["ec"], tbs, signature)
    assert len(gate.requests) == 3 and len({r.request_id for r in gate.requests}) == 1

    gate.requests.clear()
    tbs = gate.tbs("lost.example")

    def signed_and_lost(request, context):
        gate.spend(request, request.tbs_certificate, gate.issuers["ec"].algorithms[0], gate.issuers["ec"], context)
        context.abort(grpc.StatusCode.INTERNAL, "the answer was lost")
    gate.trouble, before = [signed_and_lost], gate.n_signed
    assert host.sign("ec", tbs, ECDSA_SHA256)[0] == DEVICE_ERROR
    rv, signature = host.sign("ec", tbs, ECDSA_SHA256)
    assert rv == OK
    verifies(gate.issuers["ec"], tbs, signature)
    assert gate.n_signed == before + 1
    first, second = gate.requests
    assert first.request_id == second.request_id

    gate.requests.clear()  # a refusal is settled: the next request is another one
    tbs = gate.tbs("y.refused.example")
    assert [host.sign("ec", tbs, ECDSA_SHA256)[0] for _ in range(2)] == [REJECTED, REJECTED]
    assert gate.requests[0].request_id != gate.requests[1].request_id


STATUSES = {"INVALID_ARGUMENT": 0x20, "NOT_FOUND": 0x200, "ALREADY_EXISTS": 0x200, "PERMISSION_DENIED": 0x200,
            "FAILED_PRECONDITION": 0x200, "UNAUTHENTICATED": 0x200, "RESOURCE_EXHAUSTED": 0x30, "ABORTED": 0x30,
            "UNIMPLEMENTED": 0x30, "INTERNAL": 0x30, "DATA_LOSS": 0x30, "DEADLINE_EXCEEDED": 0x30}


@foreign
def test_codes(host, unix_gate):
    tbs, got = unix_gate.tbs("codes.example"), {}
    for name in STATUSES:
        unix_gate.trouble = [getattr(grpc.StatusCode, name)]
        got[name] = host.sign("ec", tbs, ECDSA_SHA256)[0]
    assert got == STATUSES


@foreign
@pytest.mark.parametrize("spoil", ["tbs", "signature", "algorithm", "short", "empty"])
def test_answers_that_do_not_fit(host, unix_gate, spoil):
    gate, issuer = unix_gate, unix_gate.issuers["ec"]

    def spoiled(request, _context):
        tbs, algorithm = request.tbs_certificate, issuer.algorithms[0]
        if spoil == "tbs":
            tbs = gate.tbs("other.example")
        if spoil == "algorithm":
            algorithm = bytes.fromhex(g.EC_DER[1])
        signature = issuer.sign(tbs, algorithm)
        shown = signature[:-1] if spoil == "short" else issuer.sign(tbs, algorithm) if spoil == "signature" else signature
        return g.pb.SignCertificateResponse() if spoil == "empty" else g.pb.SignCertificateResponse(
            certificate=g.der(0x30, tbs + algorithm + g.der(3, b"\0" + signature)), signature=shown, ledger_entry=1)
    gate.trouble = [spoiled]
    assert host.sign("ec", gate.tbs("z.example"), ECDSA_SHA256)[0] == DEVICE_ERROR
    assert "does not fit the request" in (gate.dir / "log").read_text()


@foreign
def test_gate_restarts(host, unix_gate):
    assert host.sign("ec", unix_gate.tbs("before.example"), ECDSA_SHA256)[0] == OK
    unix_gate.stop()
    unix_gate.start()
    assert host.sign("ec", unix_gate.tbs("after.example"), ECDSA_SHA256)[0] == OK
    assert unix_gate.n_signed == 2


@foreign
def test_nothing_is_left_in_the_host(unix_gate, tmp_path):
    """No thread, no signal handler, no exit handler, no descriptor."""
    script = tmp_path / "host.py"
    script.write_text("""
import os, re, sys
import PyKCS11
state = lambda: (re.findall(r"Sig(?:Cgt|Ign|Blk).*", open("/proc/self/status").read()), len(os.listdir("/proc/self/task")),
                 sorted(os.listdir("/proc/self/fd")))
before = state()
lib = PyKCS11.PyKCS11Lib()
lib.load(sys.argv[1])
session = lib.openSession(0)
key, = session.findObjects([(PyKCS11.CKA_CLASS, PyKCS11.CKO_PRIVATE_KEY), (PyKCS11.CKA_LABEL, "ec")])
session.sign(key, open(sys.argv[2], "rb").read(), PyKCS11.Mechanism(PyKCS11.CKM_ECDSA_SHA256))
assert state()[:2] == before[:2], (before, state())
session.closeSession()
lib.lib.C_Finalize()
assert state() == before, (before, state())
print("clean")
""")
    (unix_gate.dir / "tbs").write_bytes(unix_gate.tbs("a.example"))
    done = subprocess.run([sys.executable, script, MODULE, unix_gate.dir / "tbs"], env=environment(unix_gate),
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and done.stdout.startswith("clean"), done.stdout + done.stderr


def test_tls_names_and_files(authority, tmp_path):
    """A server with another name or another CA, and no client certificate of ours: CKR_DEVICE_ERROR or refusal to start."""
    if SANITIZED:
        pytest.skip("needs pkcs11-tool")
    authority.issue("elsewhere", "elsewhere.example")
    gate = g.Gate(tmp_path).start(authority.credentials("elsewhere"))
    gate.more = authority.client()
    try:
        assert tool(gate, "-O").returncode != 0
        assert "hostname mismatch" in (gate.dir / "log").read_text().lower()
        assert tool(gate, "-O", tls_name="elsewhere.example").returncode == 0
        foreign_ca = g.Authority(pathlib.Path(tmp_path), "foreign")
        foreign_ca.issue("foreign-client", "client.example")
        gate.more = dict(authority.client(), tls_name="elsewhere.example", tls_ca=tmp_path / "foreign.pem")
        assert tool(gate, "-O").returncode != 0
        gate.more = dict(foreign_ca.client("foreign-client"), tls_name="elsewhere.example", tls_ca=authority.dir / "ca.pem")
        assert tool(gate, "-O", timeout_s=2).returncode != 0
        gate.more = dict(authority.client(), tls_key=tmp_path / "gone.key")
        assert tool(gate, "-O").returncode != 0
        assert "gone.key: cannot be used" in (gate.dir / "log").read_text()
    finally:
        gate.stop()
