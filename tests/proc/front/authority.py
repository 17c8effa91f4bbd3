"""A certificate authority for TLS tests, and the frame in which its products reach the front."""
import datetime
import struct

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM
CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
HOUR = datetime.timedelta(hours=1)


def now():
    return datetime.datetime.utcnow().replace(microsecond=0)


def new_key():
    return ec.generate_private_key(ec.SECP256R1())


def pkcs8(key, encoding=DER):
    return key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def names_of(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


class Authority:
    def __init__(self, name="Client CA", parent=None):
        self.key, self.name, self.serial = new_key(), names_of(name), 100
        builder = x509.CertificateBuilder().subject_name(self.name).issuer_name(parent.name if parent else self.name)
        builder = builder.public_key(self.key.public_key()).serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now() - HOUR).not_valid_after(now() + 1000 * HOUR)
        builder = builder.add_extension(x509.BasicConstraints(True, None), True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), False)
        self.certificate = builder.sign(parent.key if parent else self.key, hashes.SHA256())

    def issue(self, dns=("api-1.example",), usage=(CLIENT,), start=-HOUR, end=HOUR, ip=(), key=None):
        """A certificate and its key."""
        key = key or new_key()
        self.serial += 1
        builder = x509.CertificateBuilder().subject_name(names_of("somebody")).issuer_name(self.name)
        builder = builder.public_key(key.public_key()).serial_number(self.serial)
        builder = builder.not_valid_before(now() + start).not_valid_after(now() + end)
        if dns or ip:
            general = [x509.DNSName(d) for d in dns] + [x509.IPAddress(i) for i in ip]
            builder = builder.add_extension(x509.SubjectAlternativeName(general), False)
        if usage:
            builder = builder.add_extension(x509.ExtendedKeyUsage(usage), False)
        return builder.sign(self.key, hashes.SHA256()), key

    def revoke(self, *certificates, start=-HOUR, end=HOUR):
        """A revocation list."""
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.name)
        builder = builder.last_update(now() + start).next_update(now() + end)
        for c in certificates:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(c.serial_number).revocation_date(now() - HOUR).build())
        return builder.sign(self.key, hashes.SHA256())


def write_pair(folder, name, pair):
    """PEM files of a certificate and its key; returns both paths."""
    paths = folder / f"{name}.pem", folder / f"{name}.key"
    paths[0].write_bytes(pair[0].public_bytes(PEM))
    paths[1].write_bytes(pkcs8(pair[1], PEM))
    paths[1].chmod(0o600)
    return paths


def spans(*parts):
    return struct.pack(">I", len(parts)) + b"".join(struct.pack(">I", len(p)) + p for p in parts)


def material(authorities, pair, revocations=(), index=1):
    """As proxy/ipc/material.h has it, for one listener."""
    key = pkcs8(pair[1])
    return b"".join([
        spans(*(a.certificate.public_bytes(DER) for a in authorities)), struct.pack(">II", 1, index),
        spans(pair[0].public_bytes(DER)), struct.pack(">I", len(key)) + key,
        spans(*(r.public_bytes(DER) for r in revocations))])
