"""What the profiles of BR 7.1.2.7 forbid whatever the evidence says: read from the tables a second time, apart from
the code under test.

forbidden(tbs, clock) gives {rule id: why}; an empty dictionary when the TBS may be signed at that time.
"""
import calendar
import ipaddress
import functools
import re

import retarget as r

ALGORITHM = "06092a864886f70d0101"
SIGNATURES = {bytes.fromhex(h) for h in (
    f"300d{ALGORITHM}0b0500", f"300d{ALGORITHM}0c0500", f"300d{ALGORITHM}0d0500", "300a06082a8648ce3d040302",
    "300a06082a8648ce3d040303", "300a06082a8648ce3d040304")} | {
        bytes.fromhex(f"3041{ALGORITHM}0a3034a00f300d060960864801650304020{n}0500a11c301a{ALGORITHM}08300d06096086480165"
                      f"0304020{n}0500a2030201{salt}") for n, salt in (("1", "20"), ("2", "30"), ("3", "40"))}
RSA = bytes.fromhex(f"300d{ALGORITHM}010500")
CURVES = {bytes.fromhex("301306072a8648ce3d020106082a8648ce3d030107"): 65,
          bytes.fromhex("301006072a8648ce3d020106052b81040022"): 97,
          bytes.fromhex("301006072a8648ce3d020106052b81040023"): 133}
DAY = 86400


def day(*date):
    return calendar.timegm((*date, 0, 0, 0))


def oid(dotted):
    arcs = [int(a) for a in dotted.split(".")]
    out = b""
    for arc in [40 * arcs[0] + arcs[1], *arcs[2:]]:
        digits = [arc & 0x7F]
        while arc := arc >> 7:
            digits.append(0x80 | arc & 0x7F)
        out += bytes(reversed(digits))
    return out


# Table 3b: place, string tags, most characters. Table 3c: must, may (lower case) in DV, IV, OV, EV.
P, U, I = 0x13, 0x0C, 0x16
ATTRIBUTES = {oid(o): (name, place, tags, most, use) for o, name, place, tags, most, use in (
    ("0.9.2342.19200300.100.1.25", "DC", 1, {I}, 63, {"iv": "m", "ov": "m"}),
    ("2.5.4.6", "C", 2, {P}, 2, {"dv": "m", "iv": "M", "ov": "M", "ev": "M"}),
    ("2.5.4.8", "ST", 3, {P, U}, 128, {"iv": "m", "ov": "m", "ev": "m"}),
    ("2.5.4.7", "L", 4, {P, U}, 128, {"iv": "m", "ov": "m", "ev": "m"}),
    ("2.5.4.17", "postalCode", 5, {P, U}, 40, {"iv": "m", "ov": "m", "ev": "m"}),
    ("2.5.4.9", "street", 6, {P, U}, 128, {"iv": "m", "ov": "m", "ev": "m"}),
    ("2.5.4.10", "O", 7, {P, U}, 64, {"iv": "m", "ov": "M", "ev": "M"}),
    ("2.5.4.4", "SN", 8, {P, U}, 64, {"iv": "M", "ov": "m"}),
    ("2.5.4.42", "GN", 9, {P, U}, 64, {"iv": "M", "ov": "m"}),
    ("2.5.4.11", "OU", 10, {P, U}, 64, {}),
    ("2.5.4.3", "CN", 11, {P, U}, 64, {"dv": "m", "iv": "m", "ov": "m", "ev": "m"}),
    ("2.5.4.15", "businessCategory", 0, {P, U}, 128, {"iv": "m", "ov": "m", "ev": "M"}),
    ("2.5.4.5", "serialNumber", 0, {P}, 64, {"iv": "m", "ov": "m", "ev": "M"}),
    ("2.5.4.97", "organizationIdentifier", 0, {P, U}, 0, {"iv": "m", "ov": "m", "ev": "m"}),
    ("1.3.6.1.4.1.311.60.2.1.3", "jurisdictionC", 0, {P}, 2, {"iv": "m", "ov": "m", "ev": "M"}),
    ("1.3.6.1.4.1.311.60.2.1.2", "jurisdictionST", 0, {P, U}, 128, {"iv": "m", "ov": "m", "ev": "m"}),
    ("1.3.6.1.4.1.311.60.2.1.1", "jurisdictionL", 0, {P, U}, 128, {"iv": "m", "ov": "m", "ev": "m"}))}
SKI, KU, BC, CRLDP, EKU, AIA, ORG_ID = map(oid, (
    "2.5.29.14", "2.5.29.15", "2.5.29.19", "2.5.29.31", "2.5.29.37", "1.3.6.1.5.5.7.1.1", "2.23.140.3.1"))
KNOWN = {SKI, KU, BC, CRLDP, EKU, AIA, ORG_ID, r.AKI, r.SAN, r.POISON, r.SCTS, r.POLICIES, *map(oid, (
    "1.3.6.1.5.5.7.1.24", "1.3.6.1.5.5.7.1.3", "1.3.6.1.4.1.44363.44"))}
SERVER_AUTH, CLIENT_AUTH = oid("1.3.6.1.5.5.7.3.1"), oid("1.3.6.1.5.5.7.3.2")
OCSP, CA_ISSUERS = oid("1.3.6.1.5.5.7.48.1"), oid("1.3.6.1.5.5.7.48.2")
LABEL = re.compile(rb"(?!-)(?!..--|xn--$)[a-z0-9-]{1,63}(?<!-)|xn--[a-z0-9-]{1,59}", re.I)
URL = re.compile(rb"https?://[^/:?#][!#-;=?-\[\]_a-z~]*", re.I)


def children(content):
    return list(r.tlvs(content))


def seconds(tag, text):
    text = text.decode().rstrip("Z")
    if tag == 0x17:
        text = ("19" if int(text[:2]) >= 50 else "20") + text
    return calendar.timegm(tuple(int(text[i:i + n]) for i, n in ((0, 4), (4, 2), (6, 2), (8, 2), (10, 2), (12, 2))))


class Facts:
    def __init__(self, tbs):
        self.leaf = leaf = r.Leaf(tbs)
        self.serial = r.read(leaf.fields[1])[1]
        (t0, start, _), (t1, end, _) = children(r.read(leaf.fields[4])[1])
        self.not_before, self.not_after = seconds(t0, start), seconds(t1, end)
        self.attributes = []  # (oid, tag, value, RDN number)
        for n, (_, rdn, _) in enumerate(children(r.read(leaf.subject)[1])):
            for _, pair, _ in children(rdn):
                (_, name, _), (tag, value, _) = children(pair)
                self.attributes.append((name, tag, value, n))
        self.extensions = {}  # oid: (critical, value)
        for name, der in leaf.extensions:
            parts = children(r.read(der)[1])
            self.extensions[name] = (len(parts) == 3, parts[-1][1])
        self.kind = leaf.profile
        (_, _, self.algorithm), (_, bits, _) = children(r.read(leaf.spki)[1])
        self.key = bits[1:]

    def value(self, name):
        return self.extensions[name][1] if name in self.extensions else None


def serial(f, _):
    if not f.serial or f.serial[0] & 0x80 or f.serial == b"\0":
        yield "serial number that is not positive (BR 7.1.2.7)"
    elif len(f.serial) > 20:
        yield "serial number of more than 20 octets (RFC 5280 4.1.2.2)"
    elif len(f.serial) < 9:
        yield "serial number below 64 bits (BR 7.1.2.7)"


def period(f, now):
    limits = (((2015, 4, 1), 1827), ((2018, 3, 1), 1188), ((2020, 9, 1), 825), ((2026, 3, 15), 398),
              ((2027, 3, 15), 200), ((2029, 3, 15), 100))
    days = next((n for until, n in limits if now < day(*until)), 47)
    if not 0 <= f.not_after - f.not_before < days * DAY:
        yield "validity period over the limit of its day (BR 6.3.2)"


def key(f, _):
    if f.algorithm in CURVES:
        if f.key[:1] != b"\4" or len(f.key) != CURVES[f.algorithm]:
            yield "EC point of another form (BR 6.1.6)"
    elif f.algorithm != RSA:
        yield "neither RSA nor P-256, P-384, P-521 key (BR 6.1.5)"
    else:
        n, e = (int.from_bytes(v, "big") for _, v, _ in children(r.read(f.key)[1]))
        if n.bit_length() < 2048 or n.bit_length() % 8:
            yield "RSA key below 2048 bits (BR 6.1.5)"
        if not e & 1 or e < 65537:
            yield "RSA exponent below 65537 (BR 6.1.6)"


def subject(f, _):
    if f.kind is None:
        yield "not exactly one reserved policy OID (BR 7.1.2.7.9)"
        return
    if f.extensions[r.POLICIES][0] or oid("2.5.29.32.0") in policies(f):
        yield "critical policies or anyPolicy (BR 7.1.2.7.9)"
        return
    names = [a[0] for a in f.attributes]
    behind = 0
    for i, (name, tag, value, rdn) in enumerate(f.attributes):
        short, place, tags, most, use = ATTRIBUTES.get(name, ("other", 0, None, 0, {}))
        if i and rdn == f.attributes[i - 1][3]:
            yield "two attributes in one RDN (BR 7.1.4.1)"
        if f.kind not in use:
            since = ", since 2022-09-01" if short == "OU" else ""
            yield f"{short} in a subject of {f.kind.upper()} (BR 7.1.2.7{since})"
            continue
        if name in names[:i] and short not in ("DC", "street", "CN"):
            yield "attribute twice (BR 7.1.4.1)"
        if place and place < behind:
            yield "attributes in another order (BR 7.1.4.2, since 2023-09-15)"
        behind = max(behind, place)
        if tag not in tags:
            yield f"{short} of another string type (BR 7.1.4.2)"
        text = value.decode("utf-8" if tag == U else "latin-1")
        if most and len(text) > most:
            yield f"{short} too long (BR 7.1.4.2)"
        if not any(c.isalnum() for c in text):
            yield f"{short} that says nothing (BR 7.1.4.2)"
        if place == 2 and not re.fullmatch("[A-Z]{2}", text):
            yield "country of another form (BR 7.1.4.2)"
    for name, (short, _, _, _, use) in ATTRIBUTES.items():
        if use.get(f.kind) == "M" and name not in names:
            yield f"no {short} in a subject of {f.kind.upper()} (BR 7.1.2.7, EVG 7.1.4.2)"
    if f.kind != "dv" and not {oid("2.5.4.8"), oid("2.5.4.7")} & set(names):
        yield "neither state nor locality (BR 7.1.2.7)"


def common_name(f, _):
    values = [v for name, _, v, _ in f.attributes if name == r.COMMON_NAME]
    sans = set(f.leaf.dns) | {str(ipaddress.ip_address(i)).encode() for i in f.leaf.ips}
    if len(values) > 1:
        yield "more than one commonName (BR 7.1.4.3)"
    elif values and values[0] not in sans:
        yield "commonName that is no SAN entry (BR 7.1.4.3)"


def policies(f):
    return [r.read(p)[1] for p, in ((r.read(w)[2],) for _, w, _ in children(r.read(f.value(r.POLICIES))[1]))]


def usage(f):
    unused, *octets = r.read(f.value(KU))[1]
    bits = "".join(f"{o:08b}" for o in octets)
    return {i for i, b in enumerate(bits) if b == "1"}


def locations(f):
    return [(children(a)[0][1], children(a)[1]) for _, a, _ in children(r.read(f.value(AIA))[1])]


def extensions(f, now):
    for name in f.extensions:
        if name not in KNOWN:
            yield "extension that no rule knows (not recommended, BR 7.1.2.11.5; only by a pinned profile)"
    for name, wanted in ((SKI, False), (KU, True), (BC, True), (CRLDP, False), (AIA, False), (r.SCTS, False)):
        if name in f.extensions and f.extensions[name][0] != wanted:
            yield f"{'critical' if not wanted else 'non-critical'} extension that must be otherwise (BR 7.1.2.7.6, since 2023-09-15)"
    if f.value(BC) not in (None, b"\x30\x00"):
        yield "basicConstraints with cA or pathLen (BR 7.1.2.7.8)"
    if f.value(KU) is not None:
        bits = usage(f)
        if f.algorithm == RSA and (not bits or bits - {0, 2, 3}) or f.algorithm != RSA and (0 not in bits or bits - {0, 4}):
            yield "keyUsage that does not fit the key (BR 7.1.2.7.11)"
    ocsp = False
    if AIA not in f.extensions:
        yield "no authorityInfoAccess (BR 7.1.2.7.6)"
    else:
        for method, (tag, url, _) in locations(f):
            ocsp = ocsp or method == OCSP
            if method not in (OCSP, CA_ISSUERS) or tag != 0x86 or not url.lower().startswith(b"http:"):
                yield "authorityInfoAccess without http URL (BR 7.1.2.7.7)"
            elif not URL.fullmatch(url):
                yield "URL with a space (RFC 5280 4.2.1.6, RFC 3986)"
    short = 0 if now < day(2024, 3, 15) else 10 if now < day(2026, 3, 15) else 7
    if CRLDP in f.extensions:
        for _, point, _ in children(r.read(f.value(CRLDP))[1]):
            parts = children(point)
            names = children(children(parts[0][1])[0][1]) if parts and parts[0][0] == 0xA0 else []
            if len(parts) != 1 or not names or any(
                    tag != 0x86 or not URL.fullmatch(url) or url[4:5] != b":" for tag, url, _ in names):
                yield "CRL distribution point that is not one fullName of http URLs (BR 7.1.2.11.2)"
    elif not ocsp and f.not_after - f.not_before >= short * DAY:
        yield "neither CRL distribution point nor OCSP (BR 7.1.2.11.2)"
    if r.POLICIES in f.extensions:
        for _, information, _ in children(r.read(f.value(r.POLICIES))[1]):
            for _, qualifiers, _ in children(information)[1:]:
                for _, q, _ in children(qualifiers):
                    if children(q)[0][1] != oid("1.3.6.1.5.5.7.2.1"):
                        yield "policy qualifier other than a CPS pointer (BR 7.1.2.7.9, since 2023-09-15)"


def authority_key(f, _):
    critical, value = f.extensions.get(r.AKI, (False, None))
    if value is None:
        yield "no authorityKeyIdentifier (BR 7.1.2.11.1)"
    elif critical or [tag for tag, _, _ in children(r.read(value)[1])] != [0x80]:
        yield "authorityKeyIdentifier with more than the keyIdentifier (BR 7.1.2.11.1)"


def purposes(f, now):
    critical, value = f.extensions.get(EKU, (False, None))
    found = [p for _, p, _ in children(r.read(value)[1])] if value else []
    if critical:
        yield "critical extKeyUsage (BR 7.1.2.7.6)"
    if SERVER_AUTH not in found:
        yield "no serverAuth (BR 7.1.2.7.10)"
    if CLIENT_AUTH in found and now >= day(2027, 3, 15):
        yield "clientAuth (Chrome Root Program 1.3.2, since 2027-03-15)"
    if set(found) - {SERVER_AUTH, CLIENT_AUTH}:
        yield "key purpose that no rule knows (not recommended, BR 7.1.2.7.10; only by a pinned profile)"


@functools.cache
def suffix_rules():
    """The ICANN section of Debian's public suffix list, read here apart from libpsl."""
    with open("/usr/share/publicsuffix/public_suffix_list.dat", encoding="utf-8") as file:
        text = file.read().split("===END ICANN DOMAINS===")[0]
    rows = [line.split()[0] for line in text.splitlines() if line.strip() and not line.startswith("//")]
    return {".".join(x if x in "*" else "!" + to_ascii(x[1:]) if x[0] == "!" else to_ascii(x)
                     for x in row.split(".")) for row in rows}


@functools.cache
def top_level_domains():
    return {rule.split(".")[-1].lstrip("!") for rule in suffix_rules()}


def to_ascii(label):
    return label if label.isascii() else "xn--" + label.encode("punycode").decode()


def is_public_suffix(labels):
    name, rules = ".".join(labels), suffix_rules()
    if "!" + name in rules:
        return False
    return len(labels) == 1 or name in rules or ".".join(["*", *labels[1:]]) in rules


def wildcards(f, _):
    for name in f.leaf.dns:
        labels = name.decode("latin-1").lower().split(".")
        if labels[0] == "*" and is_public_suffix(labels[1:]):
            yield "wildcard under a public suffix (BR 3.2.2.6)"


def names(f, _):
    leaf = f.leaf
    if not leaf.dns and not leaf.ips:
        yield "no dNSName and no iPAddress (BR 7.1.2.7.12)"
    if leaf.other_names:
        yield "other kinds of names in the SAN (BR 7.1.2.7.12)"
    if r.SAN in f.extensions and f.extensions[r.SAN][0] != (not f.attributes):
        yield "SAN critical beside a subject, or not beside none (BR 7.1.2.7.12)"
    if len({n.lower() for n in leaf.dns}) != len(leaf.dns) or len(set(leaf.ips)) != len(leaf.ips):
        yield "name listed twice"
    for name in leaf.dns:
        labels = name.split(b".")
        labels = labels[1:] if labels[0] == b"*" else labels
        if name.lower().endswith((b".in-addr.arpa", b".ip6.arpa")):
            yield "name of a reverse zone (BR 4.2.2, since 2026-03-15)"
        if not all(LABEL.fullmatch(label) for label in labels) or len(name) > 253:
            yield "name that is not made of LDH labels (BR 7.1.2.7.12)"
        elif len(labels) < 2 or labels[-1].isdigit():
            yield "name without a domain above it (BR 7.1.2.7.12)"
        elif labels[-1].decode().lower() not in top_level_domains() and labels[-1].lower() != b"onion":
            yield "internal name: its last label is no top-level domain (BR 4.2.2)"


def extended(f, _):
    attribute = [v for name, _, v, _ in f.attributes if name == oid("2.5.4.97")]
    if f.value(ORG_ID) is not None:
        scheme, country, *state, reference = [v for _, v, _ in children(r.read(f.value(ORG_ID))[1])]
        said = scheme + country + (b"+" + state[0] if state else b"") + b"-" + reference
        if attribute != [said]:
            yield "organizationIdentifier and its extension differ (EVG 7.1.2.2)"
    if f.kind != "ev":
        return
    if attribute and f.value(ORG_ID) is None:
        yield "organizationIdentifier without its extension (EVG 7.1.2.2)"
    if f.leaf.ips or not f.leaf.dns or any(n[:2] == b"*." and not n.endswith(b".onion") for n in f.leaf.dns):
        yield "EV with an address or a wildcard (EVG 7.1.2.1)"
    for value in [v for name, _, v, _ in f.attributes if name == oid("2.5.4.15")]:
        if value not in (b"Private Organization", b"Government Entity", b"Business Entity", b"Non-Commercial Entity"):
            yield "businessCategory of other words (EVG 7.1.4.2.3)"


def poison(f, _):
    critical, value = f.extensions.get(r.POISON, (True, b"\5\0"))
    if not critical or value != b"\5\0" or r.POISON in f.extensions and r.SCTS in f.extensions:
        yield "poison of another form, or beside an SCT list (RFC 6962 3.1)"


RULES = {"T04": serial, "T07": period, "T09": key, "T12": subject, "T13": common_name, "T14": extensions,
         "T15": authority_key, "T16": purposes, "T17": names, "T18": wildcards, "T19": extended, "P01": poison}


def forbidden(tbs, clock=None):
    """{rule id: why} for a TBS that is DER; at its own notBefore without a clock."""
    facts = Facts(tbs)
    now = facts.not_before if clock is None else clock
    out = {"T03": "signature algorithm outside BR 7.1.3.2"} if facts.leaf.fields[2] not in SIGNATURES else {}
    for rule, check in RULES.items():
        why = next(check(facts, now), None)
        if why is not None:
            out[rule] = why
    return out
