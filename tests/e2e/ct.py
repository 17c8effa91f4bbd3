"""Certificate transparency by hand (RFC 6962): logs of which the test holds the keys, and finals made of precertificates."""
import hashlib
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from house import _der, tbs_fields

POISON_OID, SCT_LIST_OID = (bytes.fromhex(x) for x in ("2b06010401d679020403", "2b06010401d679020402"))


def tlv(tag, content):
    n = len(content)
    size = b"" if n < 128 else n.to_bytes((n.bit_length() + 7) // 8, "big")
    return bytes([tag, n if n < 128 else 0x80 | len(size)]) + size + content


def extensions_of(tbs):
    """(OID content, whole DER) of each extension."""
    rest, out = _der(_der(tbs_fields(tbs)[7])[1])[1], []
    while rest:
        before = rest
        _, extension, rest = _der(rest)
        out.append((_der(extension)[1], before[:len(before) - len(rest)]))
    return out


def with_extensions(tbs, extensions):
    """The TBS with these whole extensions instead of its own."""
    return tlv(0x30, b"".join(tbs_fields(tbs)[:7]) + tlv(0xA3, tlv(0x30, b"".join(extensions))))


def without(tbs, *oids):
    return with_extensions(tbs, [der for oid, der in extensions_of(tbs) if oid not in oids])


def sct_list(scts):
    """The SCT list extension, whole DER (RFC 6962 3.3)."""
    rows = b"".join(len(s).to_bytes(2, "big") + s for s in scts)
    return tlv(0x30, tlv(6, SCT_LIST_OID) + tlv(4, tlv(4, len(rows).to_bytes(2, "big") + rows)))


def final_of(precertificate_tbs, scts):
    """The final certificate's TBS: the SCT list where the poison was."""
    return with_extensions(precertificate_tbs, [sct_list(scts) if oid == POISON_OID else der
                                                for oid, der in extensions_of(precertificate_tbs)])


class CtLog:
    """A CT log of which the test holds the key: RFC 6962 by hand, P-256."""

    def __init__(self, name, operator):
        self.name, self.operator = name, operator
        self.key = ec.generate_private_key(ec.SECP256R1())

    def spki(self, encoding=serialization.Encoding.DER):
        return self.key.public_key().public_bytes(encoding, serialization.PublicFormat.SubjectPublicKeyInfo)

    def sct(self, precertificate_tbs, issuer, at_ms=None, extensions=b""):
        """The SCT (TLS encoding) that the log gives for a precertificate of the issuer."""
        at = (int(time.time() * 1000) if at_ms is None else at_ms).to_bytes(8, "big")
        tbs = without(precertificate_tbs, POISON_OID, SCT_LIST_OID)
        issuer_key = hashlib.sha256(issuer.certificate.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)).digest()
        ending = len(extensions).to_bytes(2, "big") + extensions
        signature = self.key.sign(b"\0\0" + at + b"\0\1" + issuer_key + len(tbs).to_bytes(3, "big") + tbs + ending,
                                  ec.ECDSA(hashes.SHA256()))
        return (b"\0" + hashlib.sha256(self.spki()).digest() + at + ending + b"\4\3"
                + len(signature).to_bytes(2, "big") + signature)
