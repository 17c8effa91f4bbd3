"""Precertificates and final certificates of the corpus through the running daemon.

usage: pairs.py CORPUS_DIR        (environment as for tests/e2e: COUNTERSIGN_BIN, COUNTERSIGN_PROTO)

Both halves of a real pair are pointed at the test issuer, with one serial number; the SCTs are replaced by those
that the test's own logs give for the precertificate. Corresponding pairs sign; a final of another precertificate,
or one that differs as the corpus says, is refused by P02. Exit code 77 without the corpus, 1 on any disagreement.
"""
import pathlib
import secrets
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import run  # noqa: E402
import retarget as r  # noqa: E402
from run import h  # noqa: E402
import ct  # noqa: E402

LOGS = [ct.CtLog("oak", "north"), ct.CtLog("elm", "south")]


def tbs_of(corpus, name):
    """Of a certificate; the corpus also holds bare TBSs, as logs saw them."""
    der = (corpus / name).read_bytes()
    return der if name.startswith(("tbs/", "load/logtbs/")) else r.tbs_of_certificate(der)


def with_poison(leaf):
    """A precertificate that the corpus holds without its poison, as the log saw it."""
    if not any(oid == r.POISON for oid, _ in leaf.extensions):
        poison = r.tlv(0x30, r.tlv(6, r.POISON) + bytes.fromhex("0101ff") + r.tlv(4, bytes.fromhex("0500")))
        leaf.extensions.append((r.POISON, poison))
    return leaf


def without_poison(leaf):
    leaf.extensions = [row for row in leaf.extensions if row[0] != r.POISON]
    return leaf


class Issuance:
    """One serial number: a precertificate that is signed, and finals that are offered for it."""

    def __init__(self, house, facts, leaf):
        self.house, self.facts = house, facts
        self.common = dict(start=int(time.time()) - 3600, serial=b"\x4f" + secrets.token_bytes(15))
        self.case = run.Case(house, with_poison(leaf), "ec", facts, **self.common)

    def scts(self):
        return ct.sct_list([log.sct(self.case.tbs, self.house.issuer("ec")) for log in LOGS])

    def offer(self, leaf, account):
        """Rules that refuse this final; empty when it was signed. account: the case that has the evidence, if any."""
        final = run.Case(self.house, without_poison(leaf), "ec", self.facts, **self.common, scts=self.scts())
        evidence = account.evidence() + [self.house.lint(final.tbs, account.account)] if account else []
        try:
            answer = self.house.sign(final.tbs, evidence, "ec")
        except h.Refused as refused:
            return refused.rules() or [str(refused)]
        return [] if r.tbs_of_certificate(answer.certificate) == final.tbs else ["another TBS"]


def listed(corpus):
    """(name, precertificate, final, correspond) of pairs.tsv; issuers of precertificates' own are pairs only before
    the issuer is replaced, and are left out."""
    for row in run.table(corpus / "pairs.tsv"):
        if row["relation"] in ("ok", "mismatch"):
            yield row["final"], tbs_of(corpus, row["precert"]), tbs_of(corpus, row["final"]), row["relation"] == "ok"


def main():
    corpus = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "")
    if len(sys.argv) < 2 or not (corpus / "pairs.tsv").is_file():
        print("skipped: no corpus folder given (configure with -DCS_CORPUS_DIR=...)")
        return 77
    wrong, left_out = [], []
    n = {"signed": 0, "refused": 0, "load signed": 0, "load swapped, refused": 0}
    load = [(row["precert"], tbs_of(corpus, row["precert"]), tbs_of(corpus, row["logtbs"]))
            for row in run.table(corpus / "load" / "index.tsv")]
    pairs = list(listed(corpus))
    known = run.agencies([(name, tbs) for name, tbs, *_ in pairs + load])
    asked = {"ec": {"required_scts": 2, "logs": "[oak, elm]", "distinct_operators": "true"}}
    with h.House(ct_logs=LOGS, ct=asked, agencies=known or h.House.AGENCIES) as house:
        house.start()
        facts = r.issuer_facts(house.issuer("ec").pem)
        for name, precertificate, final, correspond in pairs:
            issuance = Issuance(house, facts, r.Leaf(precertificate))
            why = run.unusable_because(issuance.case.leaf)
            try:
                if not why:
                    issuance.case.sign()
            except h.Refused as refused:
                why = f"refused for {', '.join(refused.rules())}"
            if why:
                left_out.append((name, why))
            rules = issuance.offer(r.Leaf(final), None if why else issuance.case)
            good = not rules if correspond and not why else "P02" in rules
            n["refused" if rules else "signed"] += 1
            if not good:
                wrong.append(f"{name}: {'signed' if not rules else rules}")
        issuances = [(name, Issuance(house, facts, r.Leaf(precertificate)), final)
                     for name, precertificate, final in load]
        for name, issuance, _ in issuances:
            r.progress(name)
            issuance.case.sign()
        for k, (name, issuance, final) in enumerate(issuances):
            r.progress(name)
            _, neighbour, other_final = issuances[(k + 1) % len(issuances)]
            rules = issuance.offer(r.Leaf(other_final), neighbour.case)
            n["load swapped, refused"] += bool(rules)
            if not {"P02", "P03", "T05"} <= set(rules):
                wrong.append(f"{name}: the final of another one: {rules or 'signed'}")
            rules = issuance.offer(r.Leaf(final), issuance.case)
            n["load signed"] += not rules
            if rules:
                wrong.append(f"{name}: refused for {rules}")
        r.progress("")
    for name, why in left_out:
        print(f"  precertificate not issuable today, so no final either: {name}: {why}")
    print("pairs.tsv: {signed} signed, {refused} refused; load: {load signed} of %d signed, "
          "{load swapped, refused} refused with rows swapped".format(**n) % len(load))
    for line in wrong[:40]:
        print("WRONG", line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
