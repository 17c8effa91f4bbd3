"""A whole countersign in a folder: a SoftHSM token, attesters, a policy and the running daemon.

The evidence and the TBSs are made here with python3-cryptography and protoc's Python code: a second
implementation of everything that a customer of the gate has to produce. COUNTERSIGN_BIN names the
folder with the programs, COUNTERSIGN_PROTO the folder with the generated Python modules.
"""
import hashlib
import ipaddress
import os
import pathlib
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import client_rows
import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

BIN = pathlib.Path(os.environ["COUNTERSIGN_BIN"])
sys.path.insert(0, os.environ["COUNTERSIGN_PROTO"])
MODULE = os.environ.get("COUNTERSIGN_PKCS11_MODULE", "/usr/lib/softhsm/libsofthsm2.so")

from countersign.v1 import (  # noqa: E402
    approval_pb2, caa_check_pb2, common_pb2, domain_control_pb2, envelope_pb2, evidence_service_pb2, lint_pb2,
    order_pb2, organization_identity_pb2, signing_service_pb2, statement_pb2, verdict_pb2)
from countersign.v1 import hold_pb2, hold_service_pb2  # noqa: E402,F401
from operators import Operators  # noqa: E402
from tbs import _der, digest_of, general_name, make_tbs, san_of, spki_of, tbs_fields  # noqa: E402,F401
from google.protobuf.message import Message  # noqa: E402
from google.rpc import status_pb2  # noqa: E402

PAYLOAD_TYPE = "application/vnd.countersign.attestation.v1+protobuf"
DEPLOYMENT = "ca.example/test"
RULESET = b"tls-br-2.3.0"
DAY = 86400
# Debian's public suffix list is as old as the release; a CA brings its own.
LISTS = """lists:
  public_suffix:
    path: /usr/share/publicsuffix/public_suffix_list.dat
    max_age_days: 30
    accept_stale: The test CA makes do with the list of the Debian package.
  debian_weak_keys:
    accept_missing: The test CA certifies keys that it has just made itself.
  compromised_keys:
    accept_missing: The test CA has had no key reported to it.
"""
ACCOUNT_URI = b"https://ca.example/acct/1"
PROFILES = {
    "dv": common_pb2.PROFILE_DOMAIN_VALIDATED, "iv": common_pb2.PROFILE_INDIVIDUAL_VALIDATED,
    "ov": common_pb2.PROFILE_ORGANIZATION_VALIDATED, "ev": common_pb2.PROFILE_EXTENDED_VALIDATION}


def pae(payload_type, body):
    """DSSE pre-authentication encoding."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(body), body)


def as_user(uid):
    """What stands before a command that runs under another user id. subprocess's own user= would fork, and the locks
    that gRPC's threads hold at that moment stay held in the child."""
    return [] if uid == os.getuid() else ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--"]


class Attester:
    """One key of the policy, and how it signs statements."""

    def __init__(self, name, roles, algorithm="ed25519", methods=(), person=None):
        self.name, self.roles, self.algorithm, self.methods, self.person = name, roles, algorithm, methods, person
        self.key = (ed25519.Ed25519PrivateKey.generate() if algorithm == "ed25519"
                    else ec.generate_private_key(ec.SECP256R1()))

    def pem(self):
        return self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()

    def private_pem(self):
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())

    def signature(self, payload, payload_type=PAYLOAD_TYPE):
        message = pae(payload_type, payload)
        if self.algorithm == "ed25519":
            return self.key.sign(message)
        return self.key.sign(message, ec.ECDSA(hashes.SHA256()))

    def envelope(self, statement, cosigners=()):
        payload = statement.SerializeToString()
        e = envelope_pb2.Envelope(payload=payload, payload_type=PAYLOAD_TYPE)
        for signer in (self, *cosigners):
            e.signatures.add(sig=signer.signature(payload))
        return e


def policy_text(house):
    def block(text, indent):
        return "".join(" " * indent + line + "\n" for line in text.strip().splitlines())

    out = [f"schema: countersign-policy-v1\nversion: 1\ndeployment: {DEPLOYMENT}\nissuers:\n"]
    for issuer in house.issuers:
        out.append(f"  - id: {issuer.id}\n    certificate: |\n{block(issuer.pem, 6)}"
                   f"    key: \"{issuer.uri}\"\n    purposes: [leaf]\n"
                   f"    algorithms: [{', '.join(issuer.algorithms)}]\n    profiles: [dv, iv, ov, ev]\n"
                   "    caa_identities: [ca.example]\n")
        if issuer.id in house.ct:
            out.append("    ct: { " + ", ".join(f"{k}: {v}" for k, v in house.ct[issuer.id].items()) + " }\n")
    out.append("attesters:\n")
    for a in house.attesters.values():
        out.append(f"  - name: {a.name}\n    public_key: |\n{block(a.pem(), 6)}    algorithm: {a.algorithm}\n"
                   f"    roles: [{', '.join(a.roles)}]\n")
        if a.methods:
            out.append(f"    methods: [{', '.join(a.methods)}]\n")
        if a.person:
            out.append(f"    person: {a.person}\n")
        out.append("    not_before: 2026-01-01T00:00:00Z\n    not_after: 2036-01-01T00:00:00Z\n")
    out += ["clients:\n", *(client_rows.text_of(row, house.issuers) for row in house.clients)]
    out.append(house.lists)
    out.append("lint:\n  linters:\n    - name: zlint\n      versions:\n        - version: 3.6.8\n")
    out.append("agencies:\n")
    for row in house.agencies:
        out.append("  - " + "\n    ".join("%s: '%s'" % (key, value.replace("'", "''")) for key, value in row.items()) + "\n")
    if house.ct_logs:
        out.append("ct_logs:\n")
    for log in house.ct_logs:
        out.append(f"  - name: {log.name}\n    operator: {log.operator}\n    public_key: |\n"
                   f"{block(log.spki(serialization.Encoding.PEM).decode(), 6)}")
    return "".join(out)


class Issuer:
    """An issuing key on the token and its (test) CA certificate."""

    def __init__(self, identifier, key_type, algorithms, key_id):
        self.id, self.key_type, self.algorithms, self.key_id = identifier, key_type, algorithms, key_id
        self.uri = f"pkcs11:token=countersign-test;object={identifier};type=private"
        self.pem = self.certificate = None

    def load(self, pem):
        """What make_tbs needs is read once: a certificate object of this library is not for several threads."""
        self.pem, self.certificate = pem, x509.load_pem_x509_certificate(pem.encode())
        self.subject = self.certificate.subject
        self.ski = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
        self.is_ec = isinstance(self.certificate.public_key(), ec.EllipticCurvePublicKey)


class House(Operators):
    ISSUERS = (("ec", "ec-p256", ["ecdsa-sha256"], "01"), ("rsa", "rsa-2048", ["rsa-sha256"], "02"))
    METHODS = ("dcv_dns_change", "dcv_acme_http_01", "dcv_acme_tls_alpn_01", "dcv_constructed_email",
               "ipcv_acme_http_01", "ipcv_acme_tls_alpn_01")
    ALL_RPCS = ("SignCertificate", "EvaluateCertificate", "DepositEvidence", "Check", "AuthorizeTbs", "SignAuthorized",
                "ListIssuers", "PlaceHold", "LiftHold", "ListHolds", "RecallEvidence")

    AGENCIES = ({"country": "DE", "state": "Berlin", "locality": "Charlottenburg", "number_format": "HRB #+"},
                {"country": "DE"}, {"country": "US", "state": "Delaware"})

    def __init__(self, signers=2, issuers=None, clients=None, keep=False, module=MODULE, lists=LISTS,
                 ct_logs=(), ct=None, agencies=AGENCIES):
        """module: the PKCS#11 module of the signers; the token is always made with SoftHSM itself. lists: the policy's
        section of that name. ct: by issuer id, what its entry says of required_scts, logs and distinct_operators."""
        self.ct_logs, self.ct, self.agencies = ct_logs, ct or {}, agencies
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="countersign-"))
        self.keep, self.n_signers, self.process, self.module = keep, signers, None, module
        self.lists = lists
        self.clients = clients or [("api", "v2", os.getuid(), self.ALL_RPCS)]
        self.attesters = {a.name: a for a in (
            Attester("dcv-1", ["validation-system"], methods=self.METHODS),
            Attester("orders", ["order-authority"], "ecdsa-p256-sha256"),
            Attester("vetting-1", ["vetting-specialist"], person="vera"),
            Attester("vetting-2", ["vetting-specialist"], person="victor"),
            Attester("lint", ["lint-service"]),
            Attester("ra-1", ["ra-officer"]),
            Attester("ra-2", ["ra-officer"]),
            *(Attester(n, ["operator"], a, person=p) for n, a, p in self.KEYS))}
        self.issuers = [Issuer(*row) for row in (issuers or self.ISSUERS)]
        self.env = dict(os.environ, SOFTHSM2_CONF=str(self.dir / "softhsm2.conf"))
        self.socket = self.dir / "api.sock"
        self.ledger = self.dir / "ledger.db"
        self.rules, self.hsm_calls = self.dir / "rules", self.dir / "hsm-calls"  # of the mock module
        self._make_token()
        self.write_policy()

    # -- set-up -------------------------------------------------------------------------------

    def _tool(self, *args):
        subprocess.run([BIN / "countersign-token", *args], env=self.env, check=True, stdout=subprocess.DEVNULL)

    def _make_token(self):
        (self.dir / "tokens").mkdir()
        (self.dir / "softhsm2.conf").write_text(
            f"directories.tokendir = {self.dir}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
        for name in ("pin", "so-pin"):
            (self.dir / name).write_text(secrets.token_hex(8))
            (self.dir / name).chmod(0o600)
        common = ["--module", MODULE, "--pin-file", self.dir / "pin"]
        self._tool("init", *common, "--so-pin-file", self.dir / "so-pin", "--token-label", "countersign-test")
        for issuer in self.issuers:
            self._tool("keygen", *common, "--token-label", "countersign-test", "--key-label", issuer.id,
                       "--id", issuer.key_id, "--type", issuer.key_type)
            out = self.dir / f"{issuer.id}.pem"
            self._tool("self-signed", *common, "--key", issuer.uri, "--subject",
                       f"/C=XX/O=Countersign Test/CN=Test issuing CA {issuer.id}", "--days", "3650",
                       "--out", out, "--test-ca")
            issuer.load(out.read_text())

    def write_policy(self):
        (self.dir / "policy.yaml").write_text(policy_text(self))
        (self.dir / "countersignd.yaml").write_text(
            f"policy: policy.yaml\nlisten:\n  - unix: api.sock\n    mode: \"0666\"\nledger: ledger.db\n"
            f"witness_dir: witness\nsigners: {self.n_signers}\ntoken:\n  module: {self.module}\n  pin_file: pin\n"
            f"  environment:\n    SOFTHSM2_CONF: {self.dir}/softhsm2.conf\n    CS_MOCK_P11_RULES: {self.rules}\n"
            f"    CS_MOCK_P11_CALLS: {self.hsm_calls}\nlibexec: {BIN}\n")
        (self.dir / "witness").mkdir(exist_ok=True)

    def issuer(self, identifier):
        return next(i for i in self.issuers if i.id == identifier)

    # -- the daemon ---------------------------------------------------------------------------

    def start(self, wait_s=60):
        self.log = open(self.dir / "log", "ab")
        self.process = subprocess.Popen(
            [BIN / "countersignd", "--config", self.dir / "countersignd.yaml"], stdin=subprocess.DEVNULL,
            stdout=self.log, stderr=self.log, env={"PATH": os.environ["PATH"]})
        deadline = time.monotonic() + wait_s
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"countersignd ended with {self.process.returncode}:\n{self.log_text()}")
            if self.socket.exists() and self.is_serving():
                return self
            time.sleep(0.05)
        raise RuntimeError(f"countersignd is not serving:\n{self.log_text()}")

    def is_serving(self):
        with grpc.insecure_channel(f"unix:{self.socket}") as channel:
            check = channel.unary_unary("/grpc.health.v1.Health/Check")
            try:
                return check(b"", timeout=2) == b"\x08\x01"
            except grpc.RpcError:
                return False

    def log_text(self):
        return (self.dir / "log").read_text(errors="replace")[-8000:]

    def children(self):
        """Process ids of the daemon's children by program name."""
        out = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
                command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode()
            except OSError:
                continue
            if int(stat.rsplit(")", 1)[1].split()[1]) == self.process.pid:
                out.setdefault(os.path.basename(command), []).append(int(pid))
        return out

    def stop(self, sig=signal.SIGTERM, wait_s=40):
        if self.process is None or self.process.poll() is not None:
            return self.process and self.process.returncode
        self.process.send_signal(sig)
        code = self.process.wait(wait_s)
        return code

    def close(self):
        try:
            self.stop()
        finally:
            if self.process is not None and self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            if not self.keep:
                shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    # -- evidence -----------------------------------------------------------------------------

    def header(self, attester, role, account, now=None, life_s=30 * DAY, **over):
        now = int(now or time.time())
        h = common_pb2.Header(
            schema=1, statement_id=secrets.token_bytes(16), attester=attester.encode(), role=role,
            software=common_pb2.Software(name=b"house", version=b"1.0"), audience=DEPLOYMENT.encode(),
            issued_at_unix_s=now - 30, expires_at_unix_s=now + life_s, account=account, ruleset=RULESET)
        for key, value in over.items():
            setattr(h, key, value)
        return h

    def domain(self, name, account=b"acct-1", method="dcv_dns_change", scope="exact", age_s=3600,
               attester="dcv-1", envelope=True, **over):
        now = int(time.time())
        seen = now - age_s
        ip = None
        try:
            ip = ipaddress.ip_address(name)
        except ValueError:
            pass
        if ip is not None and method.startswith("dcv"):
            method = "ipcv_acme_http_01"
        body = domain_control_pb2.DomainControl(
            method=common_pb2.ValidationMethod.Value("VALIDATION_METHOD_" + method.upper()),
            scope=domain_control_pb2.DomainScope.Value("DOMAIN_SCOPE_" + scope.upper()),
            initiated_at_unix_s=seen, oldest_data_at_unix_s=seen, observed_at_unix_s=seen,
            challenge=domain_control_pb2.Challenge(
                kind=domain_control_pb2.CHALLENGE_KIND_RANDOM_VALUE,
                sha256=hashlib.sha256(secrets.token_bytes(16)).digest(), created_at_unix_s=seen),
            dnssec=common_pb2.DNSSEC_STATUS_INSECURE, record_sha256=hashlib.sha256(secrets.token_bytes(16)).digest())
        if ip is not None:
            body.ip_address = ip.packed
        else:
            body.domain = name.encode()
        body.account_uri = ACCOUNT_URI
        if method == "dcv_constructed_email":
            body.contact = b"admin@" + name.encode()
        body.perspectives.CopyFrom(perspectives(seen))
        put(body, over)
        statement = statement_pb2.Statement(
            header=self.header(attester, common_pb2.ROLE_VALIDATION_SYSTEM, account), domain_control=body)
        return self.attesters[attester].envelope(statement) if envelope else statement

    def caa(self, name, account=b"acct-1", age_s=600, attester="dcv-1", methods=None, envelope=True, **over):
        """name as in the SAN: a wildcard is checked for issuewild; methods: all for names unless given."""
        seen = int(time.time()) - age_s
        wild = name.startswith("*.")
        body = caa_check_pb2.CaaCheck(
            domain=name[2:].encode() if wild else name.encode(),
            tag=caa_check_pb2.CAA_TAG_ISSUEWILD if wild else caa_check_pb2.CAA_TAG_ISSUE,
            result=caa_check_pb2.CAA_RESULT_PERMITTED, checked_at_unix_s=seen, ttl_s=3600,
            account_uri=ACCOUNT_URI,
            methods=[common_pb2.ValidationMethod.Value("VALIDATION_METHOD_" + m.upper())
                     for m in methods or self.METHODS if m.startswith("dcv_")],
            perspectives=perspectives(seen), dnssec=common_pb2.DNSSEC_STATUS_INSECURE,
            record_sha256=hashlib.sha256(secrets.token_bytes(16)).digest())
        put(body, over)
        statement = statement_pb2.Statement(
            header=self.header(attester, common_pb2.ROLE_VALIDATION_SYSTEM, account), caa_check=body)
        return self.attesters[attester].envelope(statement) if envelope else statement

    def lint(self, tbs, account=b"acct-1", attester="lint", envelope=True, **over):
        body = lint_pb2.Lint(linter=b"zlint", linter_version=b"3.6.8", tbs_sha256=hashlib.sha256(tbs).digest(),
                             ran_at_unix_s=int(time.time()) - 5, passes=400)
        for key, value in over.items():
            setattr(body, key, value)
        statement = statement_pb2.Statement(
            header=self.header(attester, common_pb2.ROLE_LINT_SERVICE, account), lint=body)
        return self.attesters[attester].envelope(statement) if envelope else statement

    def around(self, tbs, account=b"acct-1", **order):
        """Order, CAA checks and lint: all that a TBS needs besides control of its names."""
        names, _ = san_of(tbs)
        return [self.order(tbs, account, **order), self.lint(tbs, account), *(self.caa(n, account) for n in names)]

    def complete(self, tbs, account=b"acct-1", **order):
        """Everything a DV TBS needs."""
        names, ips = san_of(tbs)
        bases = {(n[2:], "namespace") if n.startswith("*.") else (n, "exact") for n in names}
        return [*self.around(tbs, account, **order),
                *(self.domain(n, account, scope=scope) for n, scope in sorted(bases)),
                *(self.domain(str(ipaddress.ip_address(i)), account) for i in ips)]

    def order(self, tbs, account=b"acct-1", order_id=None, profile="dv", attester="orders", envelope=True,
              header=None, **over):
        names, ips = san_of(tbs)
        body = order_pb2.Order(
            order_id=order_id or secrets.token_bytes(16), spki_sha256=hashlib.sha256(spki_of(tbs)).digest(),
            possession_proven=True, dns_names=sorted(n.encode() for n in names), ip_addresses=sorted(ips),
            profile=PROFILES[profile], latest_not_after_unix_s=int(time.time()) + 190 * DAY,
            requester=b"requester", agreement=b"terms-2026")
        for key, value in over.items():
            if isinstance(value, list):
                del getattr(body, key)[:]
                getattr(body, key).extend(value)
            else:
                setattr(body, key, value)
        statement = statement_pb2.Statement(
            header=self.header(attester, common_pb2.ROLE_ORDER_AUTHORITY, account, **(header or {})), order=body)
        return self.attesters[attester].envelope(statement) if envelope else statement

    def organization(self, subject, account=b"acct-1", profile="ov", attester="vetting-1", version=1, envelope=True,
                     cosigners=(), header=None, **over):
        """subject: a cryptography Name; commonName is left out."""
        now = int(time.time())
        kinds = {"UTF8String": 12, "PrintableString": 19, "IA5String": 22}
        body = organization_identity_pb2.OrganizationIdentity(
            record_id=b"record-" + account, record_version=version, profile=PROFILES[profile],
            oldest_data_at_unix_s=now - 5 * DAY, collectors=[b"collector"], reviewers=[b"reviewer"],
            approver=b"approver")
        for attribute in subject:
            if attribute.oid == NameOID.COMMON_NAME:
                continue
            body.attributes.add(oid=oid_content(attribute.oid.dotted_string),
                                string_type=kinds[attribute._type.name], value=attribute.value.encode())
        body.sources.add(kind=organization_identity_pb2.SOURCE_KIND_GOVERNMENT_AGENCY, name=b"register",
                         reference=b"HRB 1", retrieved_at_unix_s=now - 5 * DAY)
        body.authenticity.CopyFrom(organization_identity_pb2.RequestAuthenticity(
            method=b"telephone", contact_source=b"register", confirmed_at_unix_s=now - 4 * DAY))
        for key, value in over.items():
            if isinstance(value, list):
                del getattr(body, key)[:]
                getattr(body, key).extend(value)
            elif hasattr(value, "SerializeToString"):
                getattr(body, key).CopyFrom(value)
            else:
                setattr(body, key, value)
        statement = statement_pb2.Statement(
            header=self.header(attester, common_pb2.ROLE_VETTING_SPECIALIST, account, **(header or {})),
            organization_identity=body)
        if not envelope:
            return statement
        return self.attesters[attester].envelope(statement, [self.attesters[c] for c in cosigners])

    def approval(self, order_id, decision="approve", account=b"acct-1", attester="ra-1"):
        body = approval_pb2.Approval(
            order_id=order_id, decision=approval_pb2.ApprovalDecision.Value("APPROVAL_DECISION_" + decision.upper()),
            person=attester.encode(), reason=b"looks fine")
        return self.attesters[attester].envelope(statement_pb2.Statement(
            header=self.header(attester, common_pb2.ROLE_RA_OFFICER, account), approval=body))

    # -- TBS and calls ------------------------------------------------------------------------

    def tbs(self, names, issuer="ec", days=90, profile="dv", subject=(), key=None, serial=None, precertificate=False,
            not_before=None, builder=lambda b: b):
        return make_tbs(self.issuer(issuer), names, days, profile, subject, key, serial, precertificate, not_before,
                        builder)

    def channel(self):
        return grpc.insecure_channel(f"unix:{self.socket}")

    def sign(self, tbs, evidence, issuer="ec", request_id=None, order_id=b"", timeout=20, channel=None):
        request = signing_service_pb2.SignCertificateRequest(
            request_id=request_id or secrets.token_bytes(16), issuer=issuer.encode(), tbs_certificate=tbs,
            evidence=evidence, order_id=order_id)
        return self.call("/countersign.v1.SigningService/SignCertificate", request,
                         signing_service_pb2.SignCertificateResponse, timeout, channel)

    def evaluate(self, tbs, evidence, issuer="ec", order_id=b""):
        request = signing_service_pb2.EvaluateCertificateRequest(
            issuer=issuer.encode(), tbs_certificate=tbs, evidence=evidence, order_id=order_id)
        return self.call("/countersign.v1.SigningService/EvaluateCertificate", request,
                         signing_service_pb2.EvaluateCertificateResponse)

    def authorize(self, tbs, evidence, issuer="ec", request_id=None, order_id=b"", for_client=b"", valid_for_s=0):
        request = signing_service_pb2.AuthorizeTbsRequest(
            request_id=request_id or secrets.token_bytes(16), issuer=issuer.encode(), tbs_certificate=tbs,
            evidence=evidence, order_id=order_id, for_client=for_client, valid_for_s=valid_for_s)
        return self.call("/countersign.v1.SigningService/AuthorizeTbs", request,
                         signing_service_pb2.AuthorizeTbsResponse)

    def sign_authorized(self, tbs, issuer="ec", request_id=None, digest=None, algorithm=None):
        """What a library that hashes by itself asks for: tbs only says what digest and algorithm are unless given."""
        own = tbs_fields(tbs)[2]
        request = signing_service_pb2.SignAuthorizedRequest(
            request_id=request_id or secrets.token_bytes(16), issuer=issuer.encode(),
            digest=digest_of(tbs) if digest is None else digest,
            signature_algorithm=own if algorithm is None else algorithm)
        return self.call("/countersign.v1.SigningService/SignAuthorized", request,
                         signing_service_pb2.SignAuthorizedResponse)

    def list_issuers(self):
        return self.call("/countersign.v1.SigningService/ListIssuers", signing_service_pb2.ListIssuersRequest(),
                         signing_service_pb2.ListIssuersResponse).issuers

    def deposit(self, evidence):
        request = evidence_service_pb2.DepositEvidenceRequest(evidence=evidence)
        return self.call("/countersign.v1.EvidenceService/DepositEvidence", request,
                         evidence_service_pb2.DepositEvidenceResponse)

    def call(self, path, request, response_type, timeout=20, channel=None):
        own = channel or self.channel()
        try:
            method = own.unary_unary(path, request_serializer=lambda m: m if isinstance(m, bytes) else m.SerializeToString(),
                                     response_deserializer=response_type.FromString)
            return method(request, timeout=timeout)
        except grpc.RpcError as error:
            raise Refused(error) from None
        finally:
            if channel is None:
                own.close()


class Refused(Exception):
    """A gRPC status other than OK, with the gate's refusal if there is one."""

    def __init__(self, error):
        self.code, self.text, self.refusal = error.code(), error.details(), None
        for key, value in error.trailing_metadata() or ():
            if key != "grpc-status-details-bin":
                continue
            for detail in status_pb2.Status.FromString(value).details:
                if detail.type_url.endswith("/countersign.v1.Refusal"):
                    self.refusal = verdict_pb2.Refusal.FromString(detail.value)
        super().__init__(f"{self.code}: {self.text}")

    def rules(self):
        return sorted({r.rule for r in self.refusal.reasons}) if self.refusal else []

    def subjects(self, rule):
        return sorted(r.subject for r in self.refusal.reasons if r.rule == rule)


def put(body, fields):
    """Sets fields of a message; None clears one, lists and messages replace what is there."""
    for key, value in fields.items():
        if value is None or isinstance(value, (list, Message)):
            body.ClearField(key)
        if isinstance(value, list):
            getattr(body, key).extend(value)
        elif isinstance(value, Message):
            getattr(body, key).CopyFrom(value)
        elif value is not None:
            setattr(body, key, value)


SITES = (("ams", common_pb2.RIR_RIPE_NCC, 52370000, 4900000), ("iad", common_pb2.RIR_ARIN, 38900000, -77000000),
         ("nrt", common_pb2.RIR_APNIC, 35700000, 139700000), ("gru", common_pb2.RIR_LACNIC, -23500000, -46600000),
         ("jnb", common_pb2.RIR_AFRINIC, -26200000, 28000000), ("sin", common_pb2.RIR_APNIC, 1350000, 103800000))


def perspectives(seen, failed=()):
    """Primary ams and five remotes in four regions; failed: ids that did not corroborate."""
    rows = [common_pb2.Perspective(id=i.encode(), rir=r, latitude_microdegrees=a, longitude_microdegrees=o,
                                   passed=i not in failed, observed_at_unix_s=seen) for i, r, a, o in SITES]
    return common_pb2.Perspectives(primary=rows[0], remotes=rows[1:], attempt=1)


def oid_content(dotted):
    arcs = [int(a) for a in dotted.split(".")]
    out = bytearray()
    for arc in [arcs[0] * 40 + arcs[1], *arcs[2:]]:
        digits = [arc & 0x7F]
        while arc := arc >> 7:
            digits.append(0x80 | (arc & 0x7F))
        out.extend(reversed(digits))
    return bytes(out)
