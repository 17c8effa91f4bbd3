"""A house with two clients: the RA's, which brings evidence, and old CA software behind the PKCS#11 module.

With root's rights the old software runs under a user id of its own, in a folder of its own; without, both are one
client.
"""
import datetime
import json
import os
import pathlib
import shutil
import subprocess
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "e2e"))
import audit  # noqa: E402
import house as h  # noqa: E402

MODULE = os.environ["CS_PKCS11_MODULE"]
IS_ROOT = os.getuid() == 0
OLD_UID = 64130 if IS_ROOT else os.getuid()
FOR_OLD = b"old-ca" if IS_ROOT else b""
OLD_RPCS = ("SignCertificate", "SignAuthorized", "ListIssuers")
PREFIX_SHA256 = bytes.fromhex("3031300d060960864801650304020105000420")
ISSUER_URL, CRL_URL = "http://ca.example/issuer.der", "http://ca.example/issuer.crl"


class DoorHouse(h.House):
    ISSUERS = (("ec", "ec-p256", ["ecdsa-sha256"], "01"),
               ("rsa", "rsa-2048", ["rsa-sha256", "rsa-sha384", "rsa-sha512"], "02"),
               ("p384", "ec-p384", ["ecdsa-sha384"], "03"))

    def __init__(self):
        clients = [("api", "v2", os.getuid(), self.ALL_RPCS)]
        if IS_ROOT:
            clients = [(*clients[0], "authorizes_for: [old-ca]"), ("old-ca", "pkcs11", OLD_UID, OLD_RPCS)]
        super().__init__(signers=1, clients=clients)
        self.dir.chmod(0o711)
        self.old = self.dir / "old"
        self.old.mkdir(mode=0o755)
        self.old_module = self.old / "module.so"
        shutil.copy(MODULE, self.old_module)
        (self.old / "pkcs11.conf").write_text(f"connect = unix:{self.socket}\nlog = {self.old}/pkcs11.log\n")
        for issuer in self.issuers:
            self.put(f"{issuer.id}.pem", issuer.pem.encode())
        if IS_ROOT:
            os.chown(self.old, OLD_UID, OLD_UID)

    def put(self, name, data):
        path = self.old / name
        path.unlink(missing_ok=True)
        path.write_bytes(data)
        path.chmod(0o644)
        return path

    def old_runs(self, *words, **env):
        """Exit code, and all that was said, of the old software's program."""
        done = subprocess.run(
            [*h.as_user(OLD_UID), *(str(w) for w in words)], cwd=self.old, capture_output=True, text=True, timeout=90, stdin=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"], "HOME": str(self.old), "TMPDIR": str(self.old), "TZ": "UTC",
                 "PYTHONDONTWRITEBYTECODE": "1", "COUNTERSIGN_PKCS11_CONF": str(self.old / "pkcs11.conf"),
                 "PKCS11_MODULE_PATH": str(self.old_module), **env})
        print(*words, "->", done.returncode, "\n", done.stdout, done.stderr)
        return done.returncode, done.stdout + done.stderr

    def module_said(self):
        path = self.old / "pkcs11.log"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def n_intents(self):
        return len(audit.Books(self).intents)

    def authorize_for_old(self, tbs, issuer="ec"):
        return self.authorize(tbs, self.complete(tbs), issuer, for_client=FOR_OLD)

    def request_for(self, name, key=None):
        """A PKCS#10 request in the old software's folder."""
        made = (x509.CertificateSigningRequestBuilder()
                .subject_name(x509.Name([x509.NameAttribute(h.NameOID.COMMON_NAME, name)]))
                .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
                .sign(key or ec.generate_private_key(ec.SECP256R1()), hashes.SHA256()))
        return self.put("leaf.csr", made.public_bytes(serialization.Encoding.PEM))

    def throw_away(self, issuer="ec"):
        """A key that nobody trusts and a certificate that says it is the issuer's: (key, certificate)."""
        real = self.issuer(issuer)
        key = ec.generate_private_key(real.certificate.public_key().curve) if real.is_ec else \
            rsa.generate_private_key(65537, 2048)
        now = datetime.datetime.utcnow()
        made = (x509.CertificateBuilder().subject_name(real.subject).issuer_name(real.subject)
                .public_key(key.public_key()).serial_number(x509.random_serial_number())
                .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=400))
                .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
                .add_extension(x509.SubjectKeyIdentifier(real.ski), critical=False).sign(key, hashes.SHA256()))
        return key, made


def pem_of(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def der(tag, content):
    n = len(content)
    size = bytes([n]) if n < 128 else bytes([0x81, n]) if n < 256 else bytes([0x82]) + n.to_bytes(2, "big")
    return bytes([tag]) + size + content


def plain_to_der(signature):
    half = len(signature) // 2
    return utils.encode_dss_signature(int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big"))


def certificate_of(tbs, signature):
    """DER of the certificate: the TBS, its own algorithm, the signature as X.509 has it."""
    return der(0x30, tbs + h.tbs_fields(tbs)[2] + der(3, b"\0" + signature))


def load(path):
    data = path.read_bytes()
    return x509.load_pem_x509_certificate(data) if b"BEGIN" in data else x509.load_der_x509_certificate(data)
