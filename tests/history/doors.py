"""Every way to the key: each RPC, as each client identity, over the Unix socket and TLS, and the PKCS#11 module in both
of its ways on both. A door says what a bad request is told there, and takes a good one to its certificate."""
import base64
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

import grpc
from cryptography.hazmat.primitives.asymmetric import utils

import house as h
import past

sys.path.append(str(past.__file__.rsplit("/history/", 1)[0] + "/proc/front"))
import authority  # noqa: E402

MODULE = os.environ.get("CS_PKCS11_MODULE")
SERVICE = "/countersign.v1.SigningService/"
RPCS = ("SignCertificate", "EvaluateCertificate", "AuthorizeTbs", "SignAuthorized", "ListIssuers", "Check")
TLS_NAME = "partner.ca.example"
LISTEN = """  - tcp: "127.0.0.1:0"
    name: tls
    tls:
      certificate: server.pem
      key: server.key
"""
# Name, API version and RPCs of the clients on the Unix socket; without root's rights the one client is them all.
VERSIONS = {"ra": os.getuid(), **{name: past.OTHER_UID + 20 + i if os.getuid() == 0 else os.getuid()
                                  for i, name in enumerate(("api-v1", "legacy"))}}
PB = h.signing_service_pb2


def row(name, version, who):
    return name, version, who, RPCS


CHILD = """
import base64, grpc, json, sys
with grpc.insecure_channel("unix:" + sys.argv[1]) as channel:
    for line in sys.stdin:
        path, body = json.loads(line)
        try:
            answer = channel.unary_unary(path)(base64.b64decode(body), timeout=20)
            said = {"code": "OK", "answer": base64.b64encode(answer).decode()}
        except grpc.RpcError as e:
            said = {"code": e.code().name, "text": e.details(), "metadata": [
                [k, base64.b64encode(v if isinstance(v, bytes) else v.encode()).decode()] for k, v in e.trailing_metadata()]}
        print(json.dumps(said), flush=True)
"""


class OtherClient:
    """A client with another user id: a process of its own for all its calls."""

    def __init__(self, house, uid):
        self.process = subprocess.Popen(
            [*h.as_user(uid), "/usr/bin/python3", "-c", CHILD, str(house.socket)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, cwd="/", env={"PATH": os.environ["PATH"]})

    def call(self, path, request, response_type):
        body = base64.b64encode(request.SerializeToString()).decode()
        self.process.stdin.write(json.dumps([path, body]) + "\n")
        self.process.stdin.flush()
        said = json.loads(self.process.stdout.readline())
        if said["code"] != "OK":
            raise h.Refused(past.Said(said))
        return response_type.FromString(base64.b64decode(said["answer"]))

    def close(self):
        self.process.communicate()


class DoorHouse(past.PastHouse):
    def __init__(self):
        self.ca, self.server_ca = authority.Authority(), authority.Authority("Server CA")
        others = [n for n in VERSIONS if n != "ra"]
        clients = [("ra", "v3", os.getuid(), self.ALL_RPCS)]
        if os.getuid() == 0:
            clients[0] = (*clients[0], f"authorizes_for: [{', '.join(others)}]")
            clients += [row(n, "v1" if n == "api-v1" else "pkcs11", VERSIONS[n]) for n in others]
        super().__init__(policy=self.with_authorities, issuers=past.EC, signers=1,
                         clients=[*clients, row("partner", "v4", f"dns: {TLS_NAME}")])
        self.partner = self.ca.issue((TLS_NAME,))
        authority.write_pair(self.dir, "server", self.server_ca.issue(("localhost",), (authority.SERVER,)))
        config = self.dir / "countersignd.yaml"
        config.write_text(config.read_text().replace("ledger: ledger.db\n", LISTEN + "ledger: ledger.db\n"))

    def with_authorities(self, text, _):
        pem = self.ca.certificate.public_bytes(authority.PEM).decode()
        return text + "client_authorities: |\n" + "".join(f"  {line}\n" for line in pem.splitlines())

    def start(self, wait_s=60):
        super().start(wait_s)
        heard = [json.loads(line) for line in (self.dir / "log").read_text().splitlines() if '"listening"' in line]
        self.port = int(next(e["address"] for e in heard if e["name"] == "tls").rsplit(":", 1)[1])
        if MODULE:
            self.lay_out_modules()
        self.others = {name: OtherClient(self, uid) for name, uid in VERSIONS.items() if uid != os.getuid()}
        return self

    def close(self):
        for other in getattr(self, "others", {}).values():
            other.close()
        super().close()

    def tls_channel(self):
        return grpc.secure_channel(f"localhost:{self.port}", grpc.ssl_channel_credentials(
            self.server_ca.certificate.public_bytes(authority.PEM), authority.pkcs8(self.partner[1], authority.PEM),
            self.partner[0].public_bytes(authority.PEM)))

    # -- the module ---------------------------------------------------------------------------------

    def lay_out_modules(self):
        """A folder with the module and its configuration for each who loads it: {client: folder}."""
        certificate, key = authority.write_pair(self.dir, "partner", self.partner)
        (self.dir / "server-ca.pem").write_bytes(self.server_ca.certificate.public_bytes(authority.PEM))
        connect = {name: (uid, f"connect = unix:{self.socket}\n") for name, uid in VERSIONS.items()}
        connect["partner"] = os.getuid(), (
            f"connect = tls:127.0.0.1:{self.port}\ntls_name = localhost\ntls_ca = {self.dir}/server-ca.pem\n"
            f"tls_certificate = {certificate}\ntls_key = {key}\n")
        for name, (uid, text) in connect.items():
            folder = self.dir / f"old-{name}"
            folder.mkdir()
            shutil.copy(MODULE, folder / "module.so")
            (folder / "pkcs11.conf").write_text(f"{text}log = {folder}/log\n")
            if os.getuid() == 0:
                os.chown(folder, uid, uid)

    def module_signs(self, client, mechanism, data):
        """(signature or None, what the module's log says of it)."""
        folder, uid = self.dir / f"old-{client}", VERSIONS.get(client, os.getuid())
        (folder / "in").write_bytes(data)
        (folder / "out").unlink(missing_ok=True)
        done = subprocess.run(
            [*h.as_user(uid), "pkcs11-tool", "--module", folder / "module.so", "--sign", "-m", mechanism, "--id", b"ec".hex(), "-i", "in",
             "-o", "out"], cwd=folder, capture_output=True, text=True, timeout=60,
            env={"PATH": os.environ["PATH"], "COUNTERSIGN_PKCS11_CONF": str(folder / "pkcs11.conf")})
        said = json.loads(pathlib.Path(folder / "log").read_text().splitlines()[-1])
        assert (done.returncode == 0) == (said["event"] == "pkcs11.signed"), done.stderr
        return (folder / "out").read_bytes() if done.returncode == 0 else None, said


class Told(Exception):
    """A refusal: what it says, as pairs of rule and subject."""

    def __init__(self, reasons):
        self.reasons = sorted(reasons)
        super().__init__(self.reasons)


class Door:
    """takes_evidence: inline; signs: a good request ends in a certificate; by_digest: it says no more than N05."""

    def __init__(self, name, ask, takes_evidence=True, signs=True, by_digest=False):
        self.name, self.ask = name, ask
        self.takes_evidence, self.signs, self.by_digest = takes_evidence, signs, by_digest


def reasons_of(verdict):
    return [(r.rule, r.subject) for r in verdict.reasons]


def rpc(house, client, method, request, response_type):
    try:
        if client == "partner":
            with house.tls_channel() as channel:
                return house.call(SERVICE + method, request, response_type, channel=channel)
        if VERSIONS[client] == os.getuid():
            return house.call(SERVICE + method, request, response_type)
        return house.others[client].call(SERVICE + method, request, response_type)
    except h.Refused as said:
        assert said.refusal is not None, said
        raise Told(reasons_of(said.refusal)) from None


def sign(client):
    def ask(house, tbs, evidence):
        answer = rpc(house, client, "SignCertificate", past.request(tbs, evidence), PB.SignCertificateResponse)
        past.check(house, answer, tbs)
    return ask


def evaluate(client):
    def ask(house, tbs, evidence):
        answer = rpc(house, client, "EvaluateCertificate", PB.EvaluateCertificateRequest(
            issuer=b"ec", tbs_certificate=tbs, evidence=evidence), PB.EvaluateCertificateResponse)
        if not answer.verdict.admitted:
            raise Told(reasons_of(answer.verdict))
    return ask


def authorize(client):
    def ask(house, tbs, evidence):
        rpc(house, client, "AuthorizeTbs", PB.AuthorizeTbsRequest(
            request_id=os.urandom(16), issuer=b"ec", tbs_certificate=tbs, evidence=evidence), PB.AuthorizeTbsResponse)
    return ask


def sign_authorized(client):
    def ask(house, tbs, _):
        answer = rpc(house, client, "SignAuthorized", PB.SignAuthorizedRequest(
            request_id=os.urandom(16), issuer=b"ec", digest=h.digest_of(tbs), signature_algorithm=h.tbs_fields(tbs)[2]),
            PB.SignAuthorizedResponse)
        past.check(house, answer, tbs)
    return ask


def module(client, mechanism):
    def ask(house, tbs, _):
        data = tbs if mechanism == "ECDSA-SHA256" else hashlib.sha256(tbs).digest()
        signature, said = house.module_signs(client, mechanism, data)
        if signature is None:
            assert said["outcome"] == "CKR_FUNCTION_REJECTED" and said["audit_id"] > 0, said
            raise Told([(r["rule"], r["subject"]) for r in said["reasons"]])
        r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
        house.issuer("ec").certificate.public_key().verify(
            utils.encode_dss_signature(r, s), tbs, h.ec.ECDSA(h.hashes.SHA256()))
    return ask


def all_doors():
    out = []
    for client in (*VERSIONS, "partner"):
        over = "tls" if client == "partner" else "unix"
        out += [Door(f"{over} {client} SignCertificate", sign(client)),
                Door(f"{over} {client} EvaluateCertificate", evaluate(client), signs=False),
                Door(f"{over} {client} AuthorizeTbs", authorize(client), signs=False),
                Door(f"{over} {client} SignAuthorized", sign_authorized(client), False, by_digest=True)]
        if MODULE and shutil.which("pkcs11-tool"):
            out += [Door(f"{over} {client} module, whole", module(client, "ECDSA-SHA256"), False),
                    Door(f"{over} {client} module, digest", module(client, "ECDSA"), False, by_digest=True)]
    return out
