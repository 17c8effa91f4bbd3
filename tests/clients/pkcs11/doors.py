"""How each kind of CA software gets to a certificate. Each has a name, its way, and

foretell(house, name): the TBS it will want to sign, without asking the gate
issue(house): (exit code, what it said, the certificate's DER or None) of one try for what was foretold
foreign(house): exit codes of tries to have something else signed, which nobody authorised
absent(): why it cannot run here, or None
"""
import datetime
import hashlib
import os
import pathlib
import secrets
import shutil

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

import door as d
import other_data

ENGINE = next(iter(pathlib.Path("/usr/lib").glob("*/engines-3/pkcs11.so")), None)
CRL = "a tbsCertList (CRL)"
PEM = serialization.Encoding.PEM


def times():
    start = datetime.datetime.utcnow().replace(microsecond=0) - datetime.timedelta(hours=1)
    return start, start + datetime.timedelta(days=90)


class Plain:
    """A program that signs the octets of a file and writes the signature: whole octets (A) or their digest (B)."""

    def __init__(self, name, way, words, program, issuer="ec", needs=lambda: None, plain=True):
        self.name, self.way, self.words, self.program = name, way, words, program
        self.issuer, self.absent, self.plain = issuer, needs, plain

    def foretell(self, house, name):
        self.tbs = house.tbs([name], self.issuer)
        return self.tbs

    def try_(self, house, data):
        house.put("in", data)
        (house.old / "out").unlink(missing_ok=True)
        code, said = house.old_runs(*self.words(house, self.program, self.issuer, "in", "out"))
        return code, said

    def issue(self, house):
        data = self.tbs
        if self.way == "B":
            data = (d.PREFIX_SHA256 if self.issuer == "rsa" else b"") + hashlib.sha256(self.tbs).digest()
        code, said = self.try_(house, data)
        if code != 0:
            return code, said, None
        signature = (house.old / "out").read_bytes()
        if self.issuer == "ec" and self.plain:
            signature = d.plain_to_der(signature)
        return code, said, d.certificate_of(self.tbs, signature)

    def foreign(self, house):
        if self.way == "A":  # no TBS of a certificate, and a TBS without evidence
            rows = [other_data.rows(house, self.issuer)[CRL], b"I owe you", house.tbs(["foreign.example.com"], self.issuer)]
        else:
            rows = [(d.PREFIX_SHA256 if self.issuer == "rsa" else b"") + digest for digest in (
                secrets.token_bytes(32), hashlib.sha256(other_data.rows(house, self.issuer)[CRL]).digest(),
                hashlib.sha256(house.tbs(["foreign.example.com"], self.issuer)).digest())]
        return [self.try_(house, data)[0] for data in rows]


def pkcs11_tool(house, mechanism, issuer, source, out):
    return ("pkcs11-tool", "--module", house.old_module, "--sign", "-m", mechanism, "--id", issuer.encode().hex(),
            "-i", source, "-o", out)


def pykcs11(house, mechanism, issuer, source, out):
    return "/usr/bin/python3", house.put("use_pykcs11.py", (d.HERE / "use_pykcs11.py").read_bytes()), house.old_module, \
        issuer, mechanism, source, out


def pkcs11js(house, mechanism, issuer, source, out):
    package = house.old / "pkcs11js"
    if not package.exists():  # the build's folder may be closed to other user ids
        shutil.copytree(os.environ["CS_PKCS11JS"], package)
    script = house.put("use_pkcs11js.js", (d.HERE / "pkcs11js" / "use_pkcs11js.js").read_bytes())
    return "node", script, package, house.old_module, issuer, mechanism, source, out


def sun_config(house):
    return house.put("sun.cfg", f"name = countersign\nlibrary = {house.old_module}\nslot = 0\n".encode())


def sun_pkcs11(house, algorithm, issuer, source, out):
    script = house.put("Sign.java", (d.HERE / "Sign.java").read_bytes())
    return "java", "-XX:TieredStopAtLevel=1", script, sun_config(house), issuer, algorithm, source, out


class Keytool:
    """keytool -gencert. It draws the serial number itself, so a lint before needs it fixed (Keytool.java)."""
    way = "A"

    def __init__(self, algorithm, issuer):
        self.name, self.algorithm, self.issuer = f"keytool {algorithm}", algorithm, issuer

    def absent(self):
        return needs("keytool")

    def run(self, house, store, *words):
        script = house.put("Keytool.java", (d.HERE / "Keytool.java").read_bytes())
        return house.old_runs("java", "-XX:TieredStopAtLevel=1", "--add-exports",
                              "java.base/sun.security.tools.keytool=ALL-UNNAMED", script, self.serial, *words, *store)

    def token(self, house):
        return ("-keystore", "NONE", "-storetype", "PKCS11", "-storepass", "any", "-providerClass",
                "sun.security.pkcs11.SunPKCS11", "-providerArg", sun_config(house))

    def make(self, house, store, out):
        (house.old / out).unlink(missing_ok=True)
        return self.run(house, store, "-gencert", "-alias", self.issuer, "-sigalg", self.algorithm, "-infile", "leaf.csr",
                        "-outfile", out, "-startdate", self.start, "-validity", "90", *self.extensions)

    def foretell(self, house, name):
        self.serial = "f1" + secrets.token_hex(7)
        self.start = times()[0].strftime("%Y/%m/%d %H:%M:%S")
        words = ("bc:c=ca:false", "ku:c=digitalSignature", "eku=serverAuth", f"san=dns:{name}", f"crl=uri:{d.CRL_URL}",
                 f"aia=caIssuers:uri:{d.ISSUER_URL}", "2.5.29.32=30:0A:30:08:06:06:67:81:0C:01:02:01")
        self.extensions = [part for word in words for part in ("-ext", word)]
        house.request_for(name)
        key, certificate = house.throw_away(self.issuer)
        house.put("throw-away.p12", pkcs12.serialize_key_and_certificates(
            self.issuer.encode(), key, certificate, None, serialization.BestAvailableEncryption(b"throw-away")))
        store = ("-keystore", "throw-away.p12", "-storetype", "PKCS12", "-storepass", "throw-away")
        code, said = self.make(house, store, "before.der")
        assert code == 0, said
        return d.load(house.old / "before.der").tbs_certificate_bytes

    def issue(self, house):
        code, said = self.make(house, self.token(house), "leaf.der")
        return code, said, (house.old / "leaf.der").read_bytes() if code == 0 else None

    def foreign(self, house):
        store = self.token(house)
        return [self.run(house, store, "-gencrl", "-alias", self.issuer, "-id", "1", "-file", "x")[0],
                self.run(house, store, "-certreq", "-alias", self.issuer, "-file", "x")[0]]


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
default_crl_days = 7
[any]
commonName = supplied
[leaf]
basicConstraints = critical,CA:false
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
authorityKeyIdentifier = keyid:always
authorityInfoAccess = caIssuers;URI:%s
certificatePolicies = 2.23.140.1.2.1
crlDistributionPoints = URI:%s
[req]
distinguished_name = none
[none]
""" % (d.ISSUER_URL, d.CRL_URL)


class OpensslCa:
    """`openssl ca` with libp11's engine: the same state, serial number and dates make the same TBS."""
    way = "B"
    ENGINE = ("-keyform", "engine", "-engine", "pkcs11")

    def __init__(self, digest, issuer):
        self.name, self.digest, self.issuer = f"openssl ca {issuer} {digest}", digest, issuer
        self.key = key_uri(issuer)

    def absent(self):
        return None if ENGINE else "libengine-pkcs11-openssl is not installed"

    def run(self, house, *words, **more):
        for name, text in {"ca.cnf": CA_CONF, "index.txt": "", "serial": self.serial + "\n"}.items():
            house.put(name, text.encode())
            os.chown(house.old / name, d.OLD_UID, -1)
        for left in ("index.txt.old", "serial.old", "index.txt.attr"):
            (house.old / left).unlink(missing_ok=True)
        return house.old_runs("openssl", *words, **more)

    def make(self, house, certificate, key, out, *engine):
        (house.old / out).unlink(missing_ok=True)
        return self.run(house, "ca", "-batch", "-config", "ca.cnf", "-in", "leaf.csr", "-cert", certificate, "-keyfile",
                        key, *engine, "-out", out, "-notext", "-md", self.digest, "-startdate", self.dates[0], "-enddate",
                        self.dates[1])

    def foretell(self, house, name):
        self.serial = "4F" + secrets.token_hex(15).upper()
        self.dates = [t.strftime("%Y%m%d%H%M%SZ") for t in times()]
        house.request_for(name)
        key, certificate = house.throw_away(self.issuer)
        house.put("throw-away.key", d.pem_of(key))
        house.put("throw-away.pem", certificate.public_bytes(PEM))
        code, said = self.make(house, "throw-away.pem", "throw-away.key", "before.pem")
        assert code == 0, said
        return d.load(house.old / "before.pem").tbs_certificate_bytes

    def issue(self, house):
        code, said = self.make(house, f"{self.issuer}.pem", self.key, "leaf.pem", *self.ENGINE)
        return code, said, der_of(house.old / "leaf.pem") if code == 0 else None

    def foreign(self, house):
        house.put("document", b"I owe you")
        return [self.run(house, "ca", "-config", "ca.cnf", "-gencrl", "-cert", f"{self.issuer}.pem", "-keyfile", self.key,
                         *self.ENGINE, "-md", self.digest, "-out", "x")[0],
                self.run(house, "req", "-config", "ca.cnf", "-new", f"-{self.digest}", "-subj", "/CN=x", "-key", self.key, *self.ENGINE,
                         "-out", "x")[0],
                self.run(house, "dgst", f"-{self.digest}", "-sign", self.key, *self.ENGINE, "-out", "x", "document")[0]]


TEMPLATE = """cn = "{name}"
dns_name = "{name}"
serial = 0x{serial}
activation_date = "{start}"
expiration_date = "{end}"
signing_key
tls_www_server
policy1 = 2.23.140.1.2.1
ca_issuers_uri = "%s"
crl_dist_points = "%s"
""" % (d.ISSUER_URL, d.CRL_URL)


class Certtool:
    """GnuTLS: it does not ask whether a key and a CA certificate belong together."""
    way = "B"

    def __init__(self, digest, issuer):
        self.name, self.digest, self.issuer = f"certtool {issuer} {digest}", digest, issuer
        self.key = key_uri(issuer)

    def absent(self):
        return needs("certtool")

    def make(self, house, key, out, kind=("--generate-certificate", "--load-request", "leaf.csr")):
        (house.old / out).unlink(missing_ok=True)
        return house.old_runs("certtool", *kind, "--template", "template", "--load-ca-certificate", f"{self.issuer}.pem",
                              "--load-ca-privkey", key, "--hash", self.digest, "--outfile", out, "--provider",
                              house.old_module, GNUTLS_PIN="any")

    def foretell(self, house, name):
        start, end = (t.strftime("%Y-%m-%d %H:%M:%S UTC") for t in times())
        house.put("template", TEMPLATE.format(name=name, serial="4F" + secrets.token_hex(11), start=start,
                                              end=end).encode())
        house.request_for(name)
        house.put("throw-away.key", d.pem_of(house.throw_away(self.issuer)[0]))
        code, said = self.make(house, "throw-away.key", "before.pem")
        assert code == 0, said
        return d.load(house.old / "before.pem").tbs_certificate_bytes

    def issue(self, house):
        code, said = self.make(house, self.key, "leaf.pem")
        return code, said, der_of(house.old / "leaf.pem") if code == 0 else None

    def foreign(self, house):
        house.put("template", b"crl_next_update = 7\ncrl_number = 1\n")
        return [self.make(house, self.key, "x", ["--generate-crl"])[0]]


def key_uri(issuer):
    return f"pkcs11:token=countersign;object={issuer};type=private"


def der_of(path):
    return d.load(path).public_bytes(serialization.Encoding.DER)


def needs(*programs):
    missing = [p for p in programs if shutil.which(p) is None]
    return f"{', '.join(missing)} is not installed" if missing else None


def needs_pykcs11():
    try:
        import PyKCS11  # noqa: F401
    except ImportError:
        return "python3-pykcs11 is not installed"
    return None


def needs_pkcs11js():
    return None if os.environ.get("CS_PKCS11JS") else os.environ.get("CS_PKCS11JS_ABSENT") or "pkcs11js was not built"


ALL = (
    Plain("pkcs11-tool ECDSA-SHA256", "A", pkcs11_tool, "ECDSA-SHA256", needs=lambda: needs("pkcs11-tool")),
    Plain("pkcs11-tool SHA256-RSA-PKCS", "A", pkcs11_tool, "SHA256-RSA-PKCS", "rsa", lambda: needs("pkcs11-tool")),
    Plain("pkcs11-tool ECDSA", "B", pkcs11_tool, "ECDSA", needs=lambda: needs("pkcs11-tool")),
    Plain("pkcs11-tool RSA-PKCS", "B", pkcs11_tool, "RSA-PKCS", "rsa", lambda: needs("pkcs11-tool")),
    Plain("PyKCS11 CKM_ECDSA_SHA256", "A", pykcs11, "CKM_ECDSA_SHA256", needs=needs_pykcs11),
    Plain("PyKCS11 CKM_ECDSA", "B", pykcs11, "CKM_ECDSA", needs=needs_pykcs11),
    Plain("pkcs11js CKM_ECDSA_SHA256", "A", pkcs11js, "CKM_ECDSA_SHA256", needs=needs_pkcs11js),
    Plain("pkcs11js CKM_RSA_PKCS", "B", pkcs11js, "CKM_RSA_PKCS", "rsa", needs_pkcs11js),
    Plain("SunPKCS11 SHA256withECDSA", "A", sun_pkcs11, "SHA256withECDSA", needs=lambda: needs("java"), plain=False),
    Plain("SunPKCS11 SHA256withRSA", "A", sun_pkcs11, "SHA256withRSA", "rsa", lambda: needs("java")),
    Keytool("SHA256withECDSA", "ec"), Keytool("SHA384withRSA", "rsa"),
    OpensslCa("sha256", "ec"), OpensslCa("sha384", "rsa"), OpensslCa("sha384", "p384"),
    Certtool("SHA256", "ec"), Certtool("SHA512", "rsa"))
