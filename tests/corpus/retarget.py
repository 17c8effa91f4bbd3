"""Real certificates, pointed at the test issuer.

Of a real (pre)certificate's TBS only issuer, authorityKeyIdentifier, serial, validity and signature algorithm are
replaced; subject, key, names and every other extension stay byte for byte.
"""
import ipaddress
import secrets
import sys
import time

from cryptography import x509

AKI, SAN, POISON, SCTS, POLICIES = (bytes.fromhex(h) for h in (
    "551d23", "551d11", "2b06010401d679020403", "2b06010401d679020402", "551d20"))
RESERVED = {bytes.fromhex("67810c010201"): "dv", bytes.fromhex("67810c010202"): "ov",
            bytes.fromhex("67810c010203"): "iv", bytes.fromhex("67810c0101"): "ev"}
ALGORITHMS = {"ec": bytes.fromhex("300a06082a8648ce3d040302"),
              "rsa": bytes.fromhex("300d06092a864886f70d01010b0500")}
COMMON_NAME, COUNTRY_NAME = bytes.fromhex("550403"), bytes.fromhex("550406")


def read(data):
    """(tag, content, whole, rest) of the first TLV."""
    length, at = data[1], 2
    if length & 0x80:
        n = length & 0x7F
        length, at = int.from_bytes(data[2:2 + n], "big"), 2 + n
    if at + length > len(data):
        raise ValueError("truncated")
    return data[0], data[at:at + length], data[:at + length], data[at + length:]


def tlvs(content):
    while content:
        tag, inner, whole, content = read(content)
        yield tag, inner, whole


def tlv(tag, content):
    n = len(content)
    if n < 128:
        return bytes([tag, n]) + content
    size = (n.bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + n.to_bytes(size, "big") + content


def utc_time(unix_s):
    return tlv(0x17, time.strftime("%y%m%d%H%M%SZ", time.gmtime(unix_s)).encode())


class Leaf:
    """What the tool reads out of a TBS: parsed here, apart from the code under test."""

    def __init__(self, tbs):
        self.fields = [whole for _, _, whole in tlvs(read(tbs)[1])]
        if self.fields[0][0] != 0xA0:
            raise ValueError("not v3")
        self.subject, self.spki = self.fields[5], self.fields[6]
        self.dns, self.ips, self.other_names, self.profile = [], [], 0, None
        self.extensions, self.san_critical = [], False
        self.common_names = sum(oid == COMMON_NAME for oid, _, _ in self._subject())
        for whole in self.fields[7:]:
            if whole[0] == 0xA3:
                for _, _, extension in tlvs(read(read(whole)[1])[1]):
                    self._extension(extension)

    def _extension(self, der):
        parts = list(tlvs(read(der)[1]))
        oid, value = parts[0][1], parts[-1][1]
        self.extensions.append((oid, der))
        if oid == SAN:
            self.san_critical = len(parts) == 3
            for tag, content, _ in tlvs(read(value)[1]):
                if tag == 0x82:
                    self.dns.append(content)
                elif tag == 0x87:
                    self.ips.append(content)
                else:
                    self.other_names += 1
        elif oid == POLICIES:
            found = [RESERVED[p] for p in (read(read(w)[1])[1] for _, _, w in tlvs(read(value)[1])) if p in RESERVED]
            self.profile = found[0] if len(found) == 1 else None

    def _subject(self):
        for _, rdn, _ in tlvs(read(self.subject)[1]):
            for _, pair, _ in tlvs(rdn):
                (_, oid, _), (tag, value, _) = tlvs(pair)
                yield oid, tag, value

    def attributes(self):
        """(oid content, string tag, value) of the subject, commonName left out."""
        return [row for row in self._subject() if row[0] != COMMON_NAME]

    def labels(self):
        return [f"dns:{n.decode()}" for n in self.dns] + [f"ip:{ipaddress.ip_address(i)}" for i in self.ips]

    def retargeted(self, issuer_id, issuer_der, ski, days, start=None, serial=None, scts=None):
        """scts: the SCT list extension to stand where the leaf's own stands, or at the end."""
        start = start or int(time.time()) - 3600
        serial = tlv(0x02, serial or b"\x4f" + secrets.token_bytes(15))
        validity = tlv(0x30, utc_time(start) + utc_time(start + days * 86400 - 1))
        aki = tlv(0x30, tlv(0x06, AKI) + tlv(0x04, tlv(0x30, tlv(0x80, ski))))
        extensions = []
        for oid, der in self.extensions:
            if oid == SCTS:
                if scts is not None:
                    extensions.append(scts)
                    scts = None
                continue  # its own were made for another issuer
            extensions.append(aki if oid == AKI else der)
        if scts is not None:
            extensions.append(scts)
        body = (self.fields[0] + serial + ALGORITHMS[issuer_id] + issuer_der + validity + self.subject + self.spki
                + tlv(0xA3, tlv(0x30, b"".join(extensions))))
        return tlv(0x30, body)


def tbs_of_certificate(der):
    return next(whole for _, _, whole in tlvs(read(der)[1]))


def issuer_facts(certificate_pem):
    """(subject Name DER, subjectKeyIdentifier octets) of the test issuer."""
    certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
    ski = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    return certificate.subject.public_bytes(), ski


def progress(text):
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()
