"""Real certificates through the real daemon.

  run.py CORPUS_DIR

Every usable real certificate is pointed at the test issuer and sent with evidence for each name and attribute: it must
be signed. Then, for each of its names, the evidence that covers it is taken away: the refusal must name exactly the
names that are left uncovered. Exit code 77 without the corpus, 1 on any disagreement.
"""
import csv
import hashlib
import pathlib
import re
import secrets
import sys
import time

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import house as h  # noqa: E402
import shape  # noqa: E402
import retarget as r  # noqa: E402
from house import organization_identity_pb2, statement_pb2, common_pb2  # noqa: E402

MAX_REMOVALS = 150  # names per certificate for which the evidence is taken away


def table(path):
    with open(path, newline="", encoding="utf-8") as f:
        yield from csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE)


def usable(corpus):
    """(name, DER TBS, why not) of every TLS leaf that the corpus calls clean."""
    errors = {row["file"] for row in table(corpus / "expect.tsv")
              if row["linter"] == "pkilint" and row["status"] in ("ERROR", "FATAL")}
    for row in table(corpus / "index.tsv"):
        if row["usage"] != "tls" or row["kind"] not in ("leaf", "precert") or row["parse"] != "ok":
            continue
        if row["zlint_errors"] != "0" or row["der_faults"] != "-" or row["file"] in errors:
            continue
        if not row["file"].startswith("certs/"):
            continue
        yield row["file"], r.tbs_of_certificate((corpus / row["file"]).read_bytes())
    for row in table(corpus / "load" / "index.tsv"):
        yield row["precert"], r.tbs_of_certificate((corpus / row["precert"]).read_bytes())


NO_TLD = {b"test", b"invalid", b"localhost", b"local", b"example"}  # RFC 6761, RFC 6762
LABEL = re.compile(rb"(?!-)(?!..--|xn--$)[a-z0-9-]{1,63}(?<!-)|xn--[a-z0-9-]{1,59}", re.I)


def unusable_because(leaf):
    """What today's rules forbid whatever the evidence says: the corpus calls a file clean by the rules of its own
    date, or because its linter has no lint for it. Decided here, apart from the code under test."""
    if leaf.profile is None:
        return "not exactly one reserved policy OID"
    if not leaf.dns and not leaf.ips:
        return "no dNSName and no iPAddress"
    if leaf.other_names:
        return "other kinds of names in the SAN"
    if r.AKI not in [oid for oid, _ in leaf.extensions]:
        return "no authorityKeyIdentifier"
    if leaf.san_critical and r.read(leaf.subject)[1]:
        return "critical SAN beside a subject that is not empty (BR 7.1.2.7.12)"
    for name in leaf.dns:
        if name.lower().endswith((b".in-addr.arpa", b".ip6.arpa")):
            return "name of a reverse zone (BR 4.2.2, since 2026-03-15)"
        if name.lower().rpartition(b".")[2] in NO_TLD:
            return "internal name: the root zone has no such top-level domain (BR 4.2.2)"
        labels = name.split(b".")
        if not all(LABEL.fullmatch(label) for label in (labels[1:] if labels[0] == b"*" else labels)):
            return "name that is not made of LDH labels (BR 7.1.2.7.12)"
    if leaf.common_names > 1:
        return "more than one commonName (BR 7.1.4.3)"
    if leaf.profile == "ev" and not any(oid == JURISDICTION + b"\x03" for oid, _, _ in leaf.attributes()):
        return "EV without a jurisdiction of incorporation (EVG 7.1.4.2.4)"
    if leaf.profile == "dv" and any(oid != r.COUNTRY_NAME for oid, _, _ in leaf.attributes()):
        return "DV with more in the subject than countryName and commonName (BR 7.1.2.7.2)"
    key = serialization.load_der_public_key(leaf.spki)
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size < 2048 or key.key_size % 8:
            return "RSA key below 2048 bits (BR 6.1.5)"
        if key.public_numbers().e < 65537:
            return "RSA exponent below 65537 (BR 6.1.6)"
    elif not isinstance(key, ec.EllipticCurvePublicKey):
        return "neither RSA nor ECDSA key (BR 6.1.5)"
    return None


JURISDICTION = bytes.fromhex("2b0601040182373c0201")  # and 01 locality, 02 state, 03 country


def agencies(files):
    """The places of incorporation of the corpus' EV certificates, as the policy of a CA that issues them lists them."""
    out = set()
    for _, tbs in files:
        leaf = r.Leaf(tbs)
        place = {oid[-1]: value.decode(errors="replace") for oid, _, value in leaf.attributes()
                 if oid[:-1] == JURISDICTION}
        if leaf.profile == "ev" and 3 in place:
            out.add(tuple((key, place[n]) for key, n in (("country", 3), ("state", 2), ("locality", 1)) if n in place))
    return [dict(row) for row in sorted(out)]


class Case:
    """One certificate and the least evidence that covers it."""

    def __init__(self, house, leaf, issuer_id, facts, **over):
        self.house, self.leaf, self.issuer_id = house, leaf, issuer_id
        self.account = b"acct-" + secrets.token_hex(6).encode()
        self.tbs = leaf.retargeted(issuer_id, *facts, days=90, **over)
        self.ordered = None
        self.domain_evidence = {}  # (base name, scope) -> envelope
        for name in leaf.dns:
            text = name.decode().lower()
            key = (text[2:], "namespace") if text.startswith("*.") else (text, "exact")
            if key not in self.domain_evidence:
                self.domain_evidence[key] = house.domain(key[0], self.account, scope=key[1])
        self.caa = [house.caa(name, self.account) for name in sorted({n.decode().lower() for n in leaf.dns})]
        for ip in leaf.ips:
            text = str(r.ipaddress.ip_address(ip))
            self.domain_evidence[(text, "ip")] = house.domain(text, self.account)

    def covered_by(self, label):
        """The evidence keys that cover a name, by this tool's own reading of the rules."""
        kind, _, text = label.partition(":")
        text = text.lower()
        if kind == "ip":
            return {(text, "ip")}
        base = text[2:] if text.startswith("*.") else text
        out = set() if text.startswith("*.") else {(text, "exact")}
        labels = base.split(".")
        out |= {(".".join(labels[i:]), "namespace") for i in range(len(labels))}
        return out & set(self.domain_evidence)

    def organization(self):
        attributes = self.leaf.attributes()
        if not attributes:
            return []
        body = organization_identity_pb2.OrganizationIdentity(
            record_id=b"record", record_version=1, profile=h.PROFILES[self.leaf.profile],
            oldest_data_at_unix_s=int(time.time()) - 86400, collectors=[b"c"], reviewers=[b"r"], approver=b"a")
        for oid, tag, value in attributes:
            body.attributes.add(oid=oid, string_type=tag, value=value)
        body.sources.add(kind=organization_identity_pb2.SOURCE_KIND_GOVERNMENT_AGENCY, name=b"register",
                         reference=b"1", retrieved_at_unix_s=int(time.time()) - 86400)
        body.authenticity.CopyFrom(organization_identity_pb2.RequestAuthenticity(
            method=b"telephone", contact_source=b"register", confirmed_at_unix_s=int(time.time()) - 86400))
        statement = statement_pb2.Statement(
            header=self.house.header("vetting-1", common_pb2.ROLE_VETTING_SPECIALIST, self.account),
            organization_identity=body)
        return [self.house.attesters["vetting-1"].envelope(statement,
                                                           [self.house.attesters["vetting-2"]])]

    def order(self):
        return self.house.order(
            self.tbs, self.account, profile=self.leaf.profile, dns_names=sorted(set(self.leaf.dns)),
            ip_addresses=sorted(set(self.leaf.ips)), spki_sha256=hashlib.sha256(self.leaf.spki).digest())

    def evidence(self, without=()):
        """All but the lint, which is of one TBS."""
        self.ordered = self.ordered or self.order()
        return [self.ordered, *self.organization(), *self.caa,
                *(e for key, e in self.domain_evidence.items() if key not in without)]

    def sign(self, without=(), channel=None):
        evidence = self.evidence(without) + [self.house.lint(self.tbs, self.account)]
        return self.house.sign(self.tbs, evidence, self.issuer_id, channel=channel)


def main():
    corpus = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "")
    if len(sys.argv) < 2 or not (corpus / "index.tsv").is_file():
        print("skipped: no corpus folder given (configure with -DCS_CORPUS_DIR=...)")
        return 77
    signed = refusals = n_names = 0
    left_out, wrong = {}, []
    files = list(usable(corpus))
    with h.House(signers=2, agencies=agencies(files) or h.House.AGENCIES) as house:
        house.start()
        facts = {i.id: r.issuer_facts(i.pem) for i in house.issuers}
        with house.channel() as channel:
            for n, (name, tbs) in enumerate(files, 1):
                r.progress(f"{n}/{len(files)} {name}")
                leaf = r.Leaf(tbs)
                why = unusable_because(leaf) or next(iter(shape.forbidden(
                    leaf.retargeted("ec", *facts["ec"], days=90), int(time.time())).values()), None)
                if why:
                    left_out.setdefault(why, []).append(name)
                    continue
                case = Case(house, leaf, "ec" if n % 2 else "rsa", facts["ec" if n % 2 else "rsa"])
                labels = leaf.labels()
                n_names += len(labels)
                for label in labels[:MAX_REMOVALS]:
                    without = case.covered_by(label)
                    expected = sorted({x for x in labels if not case.covered_by(x) - without})
                    try:
                        case.sign(without, channel)
                        wrong.append(f"{name}: signed without evidence for {label}")
                    except h.Refused as refused:
                        got = refused.subjects("V01") if refused.refusal else refused.text
                        total = refused.refusal.total_reasons if refused.refusal else 0
                        cut = total != len(refused.refusal.reasons) if refused.refusal else False
                        if (set(got) - set(expected) if cut else got != expected) or not got:
                            wrong.append(f"{name}: without {label}: refused for {got}, expected {expected}: {refused}")
                        refusals += 1
                try:
                    answer = case.sign((), channel)
                    if r.tbs_of_certificate(answer.certificate) != case.tbs:
                        wrong.append(f"{name}: the certificate holds another TBS")
                    signed += 1
                except h.Refused as refused:
                    wrong.append(f"{name}: refused with all its evidence: {refused}")
        r.progress("")
    n_usable = len(files) - sum(map(len, left_out.values()))
    print(f"{len(files)} clean TLS leaves in the corpus, {n_usable} of a shape that may be issued today, {n_names} names")
    for why, names in sorted(left_out.items()):
        print(f"  left out, {why}: {len(names)} ({', '.join(sorted(names)[:4])}{', ...' if len(names) > 4 else ''})")
    print(f"signed with evidence: {signed} of {n_usable} ({100.0 * signed / max(n_usable, 1):.1f} %)")
    print(f"refused with one name's evidence taken away, naming exactly it: {refusals - sum('without' in w for w in wrong)} "
          f"of {refusals}")
    for line in wrong[:40]:
        print("WRONG", line)
    return 1 if wrong or n_usable == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
