"""CA software that only speaks PKCS#11, through the module: who sends the whole TBS, and who a digest.

Way A needs nothing from the client. For way B the TBS is made beforehand with a key that is thrown away, and authorised;
the client then makes the same TBS with the module. The gate is the one of tests/proc/pkcs11.
"""
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "proc" / "pkcs11"))
import gate as g  # noqa: E402

MODULE = os.environ["CS_PKCS11_MODULE"]
ENGINE = next(iter(pathlib.Path("/usr/lib").glob("*/engines-3/pkcs11.so")), None)


@pytest.fixture
def gate(tmp_path):
    made = g.Gate(tmp_path).start()
    for issuer in made.issuers.values():
        (tmp_path / f"{issuer.id}.pem").write_bytes(issuer.certificate.public_bytes(serialization.Encoding.PEM))
        throw_away = (rsa.generate_private_key(65537, 2048) if issuer.id == "rsa" else
                      ec.generate_private_key(issuer.key.curve))
        (tmp_path / f"{issuer.id}.throw-away").write_bytes(throw_away.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    for name in ("www.example.com", "www.refused.example"):
        key = ec.generate_private_key(ec.SECP256R1())
        request = (x509.CertificateSigningRequestBuilder()
                   .subject_name(x509.Name([x509.NameAttribute(g.h.NameOID.COMMON_NAME, name)]))
                   .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
                   .sign(key, hashes.SHA256()))
        (tmp_path / f"{name}.csr").write_bytes(request.public_bytes(serialization.Encoding.PEM))
    yield made
    made.stop()


def run(gate, *words, good=True, **env):
    done = subprocess.run([str(w) for w in words], cwd=gate.dir, capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL,
                          env=dict(os.environ, COUNTERSIGN_PKCS11_CONF=str(gate.config()), **env))
    assert (done.returncode == 0) == good, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def load(path):
    data = path.read_bytes()
    return x509.load_pem_x509_certificate(data) if b"BEGIN" in data else x509.load_der_x509_certificate(data)


def check(gate, issuer, path):
    """The certificate verifies under the issuer's key, and what was signed is what the gate judged."""
    certificate, key = load(path), gate.issuers[issuer].key.public_key()
    if issuer == "rsa":
        key.verify(certificate.signature, certificate.tbs_certificate_bytes, padding.PKCS1v15(),
                   certificate.signature_hash_algorithm)
    else:
        key.verify(certificate.signature, certificate.tbs_certificate_bytes, ec.ECDSA(certificate.signature_hash_algorithm))
    assert gate.n_signed == 1
    return certificate.tbs_certificate_bytes


# -- way A ----------------------------------------------------------------------------------------------


def keytool(gate, *words, **more):
    (gate.dir / "sun.cfg").write_text(f"name = countersign\nlibrary = {MODULE}\nslot = 0\n")
    return run(gate, "keytool", *words, "-keystore", "NONE", "-storetype", "PKCS11", "-storepass", "any", "-providerClass",
               "sun.security.pkcs11.SunPKCS11", "-providerArg", gate.dir / "sun.cfg", **more)


@pytest.mark.skipif(shutil.which("keytool") is None, reason="no keytool")
class TestKeytool:
    def test_lists(self, gate):
        out = keytool(gate, "-list").stdout
        assert "contains 4 entries" in out and out.count("PrivateKeyEntry") == 4

    @pytest.mark.parametrize("issuer,algorithm", [
        ("ec", "SHA256withECDSA"), ("p384", "SHA384withECDSA"), ("rsa", "SHA256withRSA"), ("rsa", "SHA512withRSA")])
    def test_signs_whole(self, gate, issuer, algorithm):
        sign = ["-gencert", "-alias", issuer, "-sigalg", algorithm, "-infile", "www.example.com.csr", "-outfile", "leaf.der",
                "-ext", "san=dns:www.example.com"]
        keytool(gate, *sign)
        assert check(gate, issuer, gate.dir / "leaf.der") == gate.requests[0].tbs_certificate

    def test_is_refused(self, gate):
        done = keytool(gate, "-gencert", "-alias", "ec", "-sigalg", "SHA256withECDSA", "-infile", "www.refused.example.csr",
                       "-outfile", "leaf.der", "-ext", "san=dns:www.refused.example", good=False)
        assert "CKR_FUNCTION_REJECTED" in done.stdout + done.stderr and gate.n_signed == 0


# -- way B ----------------------------------------------------------------------------------------------

CA_CONF = """[ca]
default_ca = this
[this]
database = index.txt
new_certs_dir = .
serial = serial
policy = any
email_in_dn = no
unique_subject = no
copy_extensions = copy
x509_extensions = leaf
[any]
commonName = supplied
[leaf]
basicConstraints = critical,CA:false
"""


def openssl_ca(gate, issuer, key, *words, good=True, digest="sha256"):
    """`openssl ca` from the same state each time: same serial and dates, so the same TBS."""
    (gate.dir / "ca.cnf").write_text(CA_CONF)
    (gate.dir / "index.txt").write_text("")
    (gate.dir / "serial").write_text("4F0102030405060708090A\n")
    certificate = gate.dir / f"{issuer}.pem"
    if not words:  # the throw-away key needs a certificate of its own, with the issuer's name and key identifier
        certificate = gate.dir / "throw-away.pem"
        run(gate, "openssl", "req", "-x509", "-key", key, "-subj", f"/CN=Issuer {issuer}", "-utf8", "-out", certificate,
            "-days", "2", "-addext", f"subjectKeyIdentifier={gate.issuers[issuer].ski.hex()}")
    out = gate.dir / ("leaf.pem" if words else "before.pem")
    run(gate, "openssl", "ca", "-batch", "-config", "ca.cnf", "-in", "www.example.com.csr", "-cert", certificate,
        "-keyfile", key, *words, "-out", out, "-notext", "-md", digest, "-startdate", "20260101000000Z", "-enddate",
        "20260301000000Z", good=good, PKCS11_MODULE_PATH=MODULE)
    return out


@pytest.mark.skipif(ENGINE is None, reason="no libengine-pkcs11-openssl")
@pytest.mark.parametrize("issuer,digest", [("ec", "sha256"), ("p384", "sha384"), ("rsa", "sha256"), ("rsa", "sha384")])
def test_openssl_ca(gate, issuer, digest):
    engine = (f"pkcs11:token=countersign;object={issuer};type=private", "-keyform", "engine", "-engine", "pkcs11")
    openssl_ca(gate, issuer, *engine, good=False, digest=digest)
    assert gate.n_signed == 0 and gate.requests[-1].digest  # it was asked for, and nobody had authorised it
    tbs = load(openssl_ca(gate, issuer, gate.dir / f"{issuer}.throw-away", digest=digest)).tbs_certificate_bytes
    assert gate.authorize(tbs, digest) == gate.requests[-1].digest == hashlib.new(digest, tbs).digest()
    leaf = openssl_ca(gate, issuer, *engine, digest=digest)
    assert check(gate, issuer, leaf) == tbs
    openssl_ca(gate, issuer, *engine, good=False, digest=digest)  # one authorisation, one signature
    assert gate.n_signed == 1


TEMPLATE = """cn = "www.example.com"
dns_name = "www.example.com"
serial = 0x4F0102030405060708090A
activation_date = "2026-01-01 00:00:00 UTC"
expiration_date = "2026-03-01 00:00:00 UTC"
tls_www_server
"""


@pytest.mark.skipif(shutil.which("certtool") is None, reason="no certtool")
@pytest.mark.parametrize("issuer,digest", [("ec", "sha256"), ("rsa", "sha256"), ("rsa", "sha512")])
def test_certtool(gate, issuer, digest):
    (gate.dir / "template").write_text(TEMPLATE)

    def make(key, certificate, out, good=True):
        run(gate, "certtool", "--generate-certificate", "--load-request", "www.example.com.csr", "--template", "template",
            "--load-ca-certificate", certificate, "--load-ca-privkey", key, "--hash", digest.upper(), "--outfile", out,
            "--provider", MODULE, good=good, GNUTLS_PIN="any")
        return gate.dir / out
    url = f"pkcs11:token=countersign;object={issuer};type=private"
    make(url, f"{issuer}.pem", "leaf.pem", good=False)
    assert gate.n_signed == 0 and gate.requests[-1].digest
    # certtool signs with any key it is given: the certificate it makes does not verify, its TBS is the right one
    tbs = load(make(f"{issuer}.throw-away", f"{issuer}.pem", "before.pem")).tbs_certificate_bytes
    assert gate.authorize(tbs, digest) == gate.requests[-1].digest
    assert check(gate, issuer, make(url, f"{issuer}.pem", "leaf.pem")) == tbs


@pytest.mark.skipif(ENGINE is None, reason="no libengine-pkcs11-openssl")
def test_openssl_signs_nothing_else(gate):
    """CSRs, CRLs and documents: the engine hashes them, and no such digest was authorised."""
    key = "pkcs11:token=countersign;object=ec;type=private"
    engine = ("-engine", "pkcs11", "-keyform", "engine")
    (gate.dir / "document").write_text("I owe you")
    run(gate, "openssl", "req", "-new", "-subj", "/CN=x", "-key", key, *engine, "-out", "x", good=False,
        PKCS11_MODULE_PATH=MODULE)
    run(gate, "openssl", "dgst", "-sha256", "-sign", key, *engine, "-out", "x", "document", good=False,
        PKCS11_MODULE_PATH=MODULE)
    assert gate.n_signed == 0 and len(gate.requests) >= 2
    assert all(request.digest for request in gate.requests)
