"""A stand-in for the gate: ListIssuers, SignCertificate and SignAuthorized with keys of its own.

It refuses a TBS with a name below refused.example, keeps what it answered by request id, and counts what reached
it. `trouble` holds gRPC codes that the next sign calls get in place of an answer.
"""
import datetime
import hashlib
import os
import pathlib
import sys
import threading
import time
from concurrent import futures

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "e2e"))
import house as h  # noqa: E402

pb = h.signing_service_pb2
RSA = {"0b": hashes.SHA256(), "0c": hashes.SHA384(), "0d": hashes.SHA512()}
EC = {"02": hashes.SHA256(), "03": hashes.SHA384(), "04": hashes.SHA512()}
PSS = {"01": hashes.SHA256(), "02": hashes.SHA384(), "03": hashes.SHA512()}
RSA_DER = ["300d06092a864886f70d0101%s0500" % last for last in RSA]
PSS_DER = ["304106092a864886f70d01010a3034a00f300d06096086480165030402%s0500a11c301a06092a864886f70d010108300d0609608648"
           "0165030402%s0500a2030201%s" % (o, o, salt) for o, salt in (("01", "20"), ("02", "30"), ("03", "40"))]
EC_DER = ["300a06082a8648ce3d0403%s" % last for last in EC]


def der(tag, content):
    n = len(content)
    size = bytes([n]) if n < 128 else bytes([0x81, n]) if n < 256 else bytes([0x82]) + n.to_bytes(2, "big")
    return bytes([tag]) + size + content


class Issuer:
    def __init__(self, name, key, algorithms):
        self.id, self.key, self.algorithms = name, key, [bytes.fromhex(a) for a in algorithms]
        self.subject = x509.Name([x509.NameAttribute(h.NameOID.COMMON_NAME, f"Issuer {name}")])
        self.is_ec = isinstance(key, ec.EllipticCurvePrivateKey)
        now = datetime.datetime.utcnow()
        ski = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        self.ski = ski.digest
        self.certificate = (
            x509.CertificateBuilder().subject_name(self.subject).issuer_name(self.subject)
            .public_key(key.public_key()).serial_number(0x4F00 + len(name)).not_valid_before(now)
            .not_valid_after(now + datetime.timedelta(days=3650))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(ski, critical=False).sign(key, hashes.SHA256()))

    def der(self):
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def sign(self, tbs, algorithm):
        text = algorithm.hex()
        if self.is_ec:
            return self.key.sign(tbs, ec.ECDSA(EC[text[-2:]]))
        if text in PSS_DER:
            alg = list(PSS.values())[PSS_DER.index(text)]
            return self.key.sign(tbs, padding.PSS(padding.MGF1(alg), alg.digest_size), alg)
        return self.key.sign(tbs, padding.PKCS1v15(), RSA[text[-6:-4]])


class Gate:
    def __init__(self, folder):
        self.dir = pathlib.Path(folder)
        self.issuers = {i.id: i for i in (
            Issuer("ec", ec.generate_private_key(ec.SECP256R1()), EC_DER[:1]),
            Issuer("p384", ec.generate_private_key(ec.SECP384R1()), EC_DER[1:2]),
            Issuer("p521", ec.generate_private_key(ec.SECP521R1()), EC_DER[2:]),
            Issuer("rsa", rsa.generate_private_key(65537, 2048), RSA_DER + PSS_DER))}
        self.recorded, self.authorized, self.trouble, self.requests = {}, {}, [], []
        self.delay_s, self.n_signed, self.listed = 0, 0, 0
        self.server, self.lock = None, threading.Lock()

    # -- what it answers --------------------------------------------------------------------------

    def _refusal(self, context, request_id, code, rule, subject):
        refusal = h.verdict_pb2.Refusal(total_reasons=1, ledger_entry=4711, request_id=request_id)
        refusal.reasons.add(rule=rule, title="a rule", subject=subject, found='nothing "at all"', needed="evidence")
        status = h.status_pb2.Status(code=code.value[0], message="refused: " + rule)
        status.details.add(type_url="type.googleapis.com/countersign.v1.Refusal", value=refusal.SerializeToString())
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(code, "refused: " + rule)

    def spend(self, request, tbs, algorithm, issuer, context):
        if (done := self.recorded.get(request.request_id)) is not None:
            done.replayed = True
            return done
        names, _ = h.san_of(tbs)
        if any(name.endswith("refused.example") for name in names):
            self._refusal(context, request.request_id, grpc.StatusCode.FAILED_PRECONDITION, "V01", "dns:" + names[0])
        signature = issuer.sign(tbs, algorithm)
        self.n_signed += 1
        answer = pb.SignCertificateResponse(
            certificate=der(0x30, tbs + algorithm + der(3, b"\0" + signature)), signature=signature, ledger_entry=42)
        answer.verdict.admitted = True
        self.recorded[request.request_id] = answer
        return answer

    def _enter(self, request, context):
        with self.lock:
            self.requests.append(request)
            self.count()
        if self.delay_s:
            time.sleep(self.delay_s)
        if self.trouble:
            trouble = self.trouble.pop(0)
            if callable(trouble):
                return trouble(request, context)
            context.abort(trouble, "trouble")
        return None

    def sign(self, request, context):
        if (made := self._enter(request, context)) is not None:
            return made
        issuer = self.issuers[request.issuer.decode()]
        return self.spend(request, request.tbs_certificate, h.tbs_fields(request.tbs_certificate)[2], issuer, context)

    def sign_authorized(self, request, context):
        self._enter(request, context)
        tbs = self.authorized.get(request.digest)
        if request.request_id not in self.recorded and tbs is None:
            self._refusal(context, request.request_id, grpc.StatusCode.FAILED_PRECONDITION, "N05", "digest")
        answer = self.spend(request, tbs, request.signature_algorithm, self.issuers[request.issuer.decode()], context)
        self.authorized.pop(request.digest, None)
        return answer

    def list(self, _request, _context):
        self.listed += 1
        out = pb.ListIssuersResponse()
        for i in self.issuers.values():
            out.issuers.add(id=i.id.encode(), certificate=i.der(), signature_algorithms=i.algorithms, ready=True)
        return out

    def authorize(self, tbs, algorithm="sha256"):
        digest = hashlib.new(algorithm, tbs).digest()
        self.authorized[digest] = tbs
        return digest

    def count(self):
        """What a program under test may look at: how many sign requests came."""
        (self.dir / "count.new").write_text(str(len(self.requests)))
        os.replace(self.dir / "count.new", self.dir / "count")

    # -- where it listens -------------------------------------------------------------------------

    def start(self, credentials=None):
        rpcs = {"SignCertificate": (self.sign, pb.SignCertificateRequest),
                "SignAuthorized": (self.sign_authorized, pb.SignAuthorizedRequest),
                "ListIssuers": (self.list, pb.ListIssuersRequest)}
        handlers = {name: grpc.unary_unary_rpc_method_handler(
            f, request_deserializer=kind.FromString, response_serializer=lambda m: m.SerializeToString())
            for name, (f, kind) in rpcs.items()}
        health = {"Check": grpc.unary_unary_rpc_method_handler(lambda _r, _c: b"\x08\x01")}
        self.server = grpc.server(futures.ThreadPoolExecutor(16))
        self.server.add_generic_rpc_handlers((
            grpc.method_handlers_generic_handler("countersign.v1.SigningService", handlers),
            grpc.method_handlers_generic_handler("grpc.health.v1.Health", health)))
        if credentials is None:
            self.address = f"unix:{self.dir}/gate.sock"
            self.server.add_insecure_port(self.address)
        else:
            self.port = self.server.add_secure_port("127.0.0.1:0", credentials)
            self.address = f"tls:localhost:{self.port}"
        self.server.start()
        self.count()
        return self

    def stop(self):
        self.server.stop(None).wait()

    def tbs(self, name, issuer="ec", algorithm=None):
        """A leaf TBS of one of the issuers, with one of its algorithms."""
        i = self.issuers[issuer]
        fields = h.tbs_fields(h.make_tbs(i, [name]))
        fields[2] = i.algorithms[0] if algorithm is None else bytes.fromhex(algorithm)
        return der(0x30, b"".join(fields))

    def config(self, **more):
        path = self.dir / "pkcs11.conf"
        rows = {"connect": self.address, "log": self.dir / "log", "timeout_s": 5, **more}
        path.write_text("# the module under test\n" + "".join(f"{k} = {v}\n" for k, v in rows.items()))
        return path


class Authority:
    """A CA for TLS, a server and a client certificate."""

    def __init__(self, folder, name="ca"):
        self.dir, self.name = pathlib.Path(folder), name
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._make(f"TLS {name}", self.key, None)
        self._write(name, self.key, self.certificate)

    def _write(self, name, key, certificate):
        (self.dir / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        (self.dir / f"{name}.key").write_bytes(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))

    def _make(self, name, key, dns):
        subject = x509.Name([x509.NameAttribute(h.NameOID.COMMON_NAME, name)])
        issuer = self.certificate.subject if dns else subject
        now = datetime.datetime.utcnow() - datetime.timedelta(hours=1)
        b = (x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
             .serial_number(x509.random_serial_number()).not_valid_before(now)
             .not_valid_after(now + datetime.timedelta(days=2))
             .add_extension(x509.BasicConstraints(ca=dns is None, path_length=None), critical=True))
        if dns:
            b = b.add_extension(x509.SubjectAlternativeName([h.general_name(dns)]), critical=False)
        return b.sign(self.key, hashes.SHA256())

    def issue(self, name, dns):
        key = ec.generate_private_key(ec.SECP256R1())
        self._write(name, key, self._make(name, key, dns))

    def credentials(self, name="server"):
        read = lambda file: (self.dir / file).read_bytes()  # noqa: E731
        return grpc.ssl_server_credentials([(read(f"{name}.key"), read(f"{name}.pem"))], read(f"{self.name}.pem"), True)

    def client(self, name="client"):
        return {"tls_ca": self.dir / f"{self.name}.pem", "tls_certificate": self.dir / f"{name}.pem",
                "tls_key": self.dir / f"{name}.key"}
