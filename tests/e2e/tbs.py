"""TBSCertificates for tests: made with python3-cryptography, and read as far as tests ask."""
import datetime
import hashlib
import ipaddress
import secrets

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

POLICY_OIDS = {
    "dv": "2.23.140.1.2.1", "ov": "2.23.140.1.2.2", "iv": "2.23.140.1.2.3", "ev": "2.23.140.1.1"}


def _der(data):
    """(tag, content, rest) of one TLV; for reading TBSs that this file or a CA made."""
    length, at = data[1], 2
    if length & 0x80:
        n = length & 0x7F
        length, at = int.from_bytes(data[2:2 + n], "big"), 2 + n
    return data[0], data[at:at + length], data[at + length:]


def tbs_fields(tbs):
    """The TLVs of a TBSCertificate, version first."""
    rest, out = _der(tbs)[1], []
    while rest:
        before = rest
        _, _, rest = _der(rest)
        out.append(before[:len(before) - len(rest)])
    return out


def digest_of(tbs):
    """By the hash of the TBS's own signature algorithm: the one that its last arc, or its PSS parameters, name."""
    algorithm = tbs_fields(tbs)[2]
    for name, marks in {"sha256": ("0d01010b", "ce3d040302", "0304020105"), "sha384": ("0d01010c", "ce3d040303", "0304020205"),
                        "sha512": ("0d01010d", "ce3d040304", "0304020305")}.items():
        if any(bytes.fromhex(mark) in algorithm for mark in marks):
            return hashlib.new(name, tbs).digest()
    raise ValueError(algorithm.hex())


def spki_of(tbs):
    return tbs_fields(tbs)[6]


def san_of(tbs):
    """dNSNames as text and iPAddresses as octets."""
    fields = tbs_fields(tbs)
    names, ips = [], []
    extensions = _der(_der(fields[7])[1])[1]
    while extensions:
        _, extension, extensions = _der(extensions)
        _, oid, rest = _der(extension)
        if oid != bytes.fromhex("551d11"):
            continue
        tag, value, rest = _der(rest)
        if tag == 1:
            _, value, _ = _der(rest)
        rest = _der(value)[1]
        while rest:
            tag, content, rest = _der(rest)
            if tag == 0x82:
                names.append(content.decode())
            elif tag == 0x87:
                ips.append(content)
    return names, ips


def general_name(name):
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def make_tbs(issuer, names, days=90, profile="dv", subject=(), key=None, serial=None, precertificate=False,
             not_before=None, builder=lambda b: b):
    """A leaf TBS in the shape public CAs issue today; signed by a throw-away key, of which only the TBS is kept."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    throw_away = ec.generate_private_key(ec.SECP256R1()) if issuer.is_ec else _rsa_throw_away()
    start = not_before or datetime.datetime.utcnow().replace(microsecond=0) - datetime.timedelta(hours=1)
    b = (x509.CertificateBuilder()
         .subject_name(x509.Name([x509.NameAttribute(o, v) for o, v in subject]))
         .issuer_name(issuer.subject).public_key(key.public_key())
         .serial_number(serial or int.from_bytes(b"\x4f" + secrets.token_bytes(15), "big"))
         .not_valid_before(start).not_valid_after(start + datetime.timedelta(days=days) - datetime.timedelta(seconds=1)))
    usage = dict(digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
                 key_agreement=False, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False)
    b = (b.add_extension(x509.KeyUsage(**usage), critical=True)
         .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
         .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
         .add_extension(x509.AuthorityKeyIdentifier(issuer.ski, None, None), critical=False)
         .add_extension(x509.AuthorityInformationAccess([x509.AccessDescription(
             x509.oid.AuthorityInformationAccessOID.CA_ISSUERS,
             x509.UniformResourceIdentifier("http://ca.example/issuer.der"))]), critical=False)
         .add_extension(x509.SubjectAlternativeName([general_name(n) for n in names]), critical=not subject)
         .add_extension(x509.CertificatePolicies([x509.PolicyInformation(
             ObjectIdentifier(POLICY_OIDS[profile]), None)]), critical=False)
         .add_extension(x509.CRLDistributionPoints([x509.DistributionPoint(
             [x509.UniformResourceIdentifier("http://ca.example/issuer.crl")], None, None, None)]), critical=False))
    if precertificate:
        b = b.add_extension(x509.PrecertPoison(), critical=True)
    return builder(b).sign(throw_away, hashes.SHA256()).tbs_certificate_bytes


_rsa_key = None


def _rsa_throw_away():
    global _rsa_key
    _rsa_key = _rsa_key or rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return _rsa_key
