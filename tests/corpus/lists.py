"""Names and keys of the corpus through the real daemon, with lists made from the corpus.

  lists.py CORPUS_DIR

keys/: each public key in an otherwise perfect request must meet the column `expect`; ROCA, Fermat and Debian's weak keys
must be named as the column `checks` and the class say. names/san.tsv: our verdict on each name against zlint's. Where
they differ the tables below say why; a row of them that no longer differs is a failure, too. Exit code 77 without the
corpus, 1 on any disagreement.
"""
import collections
import gzip
import hashlib
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import house as h  # noqa: E402
import retarget as r  # noqa: E402
from run import table  # noqa: E402

BUILDER = pathlib.Path(__file__).resolve().parent.parent.parent / "deploy" / "tools" / "build-weak-keys"
KEY_RULES = {"T01", "T09", "T10", "T11"}

# Keys that the corpus calls acceptable, and why they are refused all the same.
STRICTER_KEYS = {
    "keys/cert_zlint_goodRsaExpLength.spki.der":
        "exponent 5: BR 6.1.6 says SHOULD be 2^16+1 or more, the gate holds it to that",
}
# Keys that the corpus calls unacceptable, and why they are taken all the same.
VALID_KEYS = {
    f"keys/{name}.spki.der": f"a valid key of {curve}; Wycheproof rejects it for its private key's curve (OpenSSL: Key is valid)"
    for name, curve in (("wyche_secp256r1_369", "P-384"), ("wyche_secp256r1_370", "P-521"),
                        ("wyche_secp384r1_810", "P-256"))}
# Lints of zlint that say nothing about the name itself.
NOT_OF_THE_NAME = {"e_ext_san_not_critical_without_subject"}
# Names on which zlint and the gate differ. Key: the name; value: (zlint's verdict, why).
DIFFERENT_NAMES = {
    "*.com": ("ok", "a wildcard on a top-level domain (BR 3.2.2.6); the file is of 1970, before zlint's date"),
    "\\xf0\\x9f\\x98\\x9c.example.com": ("ok", "no IA5String (RFC 5280 4.2.1.6); before zlint's date"),
    "VOACHINA7EPT5K3ZHJYRCF6N6VHDV7RUUS4T7KN7YVQEDLJCFUQGQPQD.onion": ("ok", "its checksum is wrong (pkilint says so)"),
    "VOACHINA7EPT5K3ZHJYRCF6N6VHDV7RUUS4T7KN7YVQEDLJCFUQGQPYE.onion": ("ok", "version 4 (pkilint says so)"),
    "4.3.2.1.IN-ADDR.arpa": ("ok", "a reverse zone, refused since 2026-03-15; the file is of 2023"),
    "*.xn--80ato2c.cryptography": ("ok", "no such top-level domain; the file is no TLS certificate to zlint"),
    "no.underscores.test": ("ok", "no such top-level domain; the file is before zlint's date"),
    "*.co.uk": ("ok", "a wildcard on a public suffix (BR 3.2.2.6): a notice only in zlint"),
    "asd": ("ok", "a single label is an internal name (BR 4.2.2); before zlint's date"),
    "lrs.test.luxtrust.lu": ("bad", "zlint's finding is about the commonName (T13)"),
    "xN--109-3veba6djs1bfxlfmx6c9g.xn--f1awi.xn--p1ai":
        ("bad", "not NFC: a P-label need not satisfy IDNA (BR 7.1.2.7.12); the other finding is about the commonName"),
}


def lists_for(corpus, folder):
    """The policy's lists section, its files made from the corpus."""
    psl = folder / "public_suffix_list.dat"
    psl.write_bytes(gzip.decompress((corpus / "names" / "public_suffix_list.dat.gz").read_bytes()))
    weak = collections.defaultdict(list)
    for row in table(corpus / "keys" / "index.tsv"):
        if row["class"] != "debian":
            continue
        kind, size = row["key"].split()[:2]
        if kind == "rsa":
            weak[f"--rsa {size}"].append(row["debian_modulus_tail"])
        else:
            weak[f"--ec {size.removeprefix('P-')}"].append(hashlib.sha256((corpus / row["file"]).read_bytes()).hexdigest())
    args = []
    for n, (option, lines) in enumerate(sorted(weak.items())):
        path = folder / f"weak-{n}"
        path.write_text("# from the corpus\n" + "".join(line + "\n" for line in lines))
        flag, size = option.split()
        args += [flag, f"{size}:{path}"]
    print(subprocess.run([BUILDER, "--out", folder / "weak.bin", *args], check=True, capture_output=True,
                         text=True).stdout, end="")
    (folder / "compromised").write_text("# none\n")
    return f"""lists:
  public_suffix:
    path: {psl}
    max_age_days: 30
    accept_stale: The corpus is what it is.
  debian_weak_keys:
    path: {folder}/weak.bin
    accept_missing: The corpus has weak keys of few sizes only.
  compromised_keys:
    path: {folder}/compromised
"""


def with_field(tbs, index, whole):
    fields = h.tbs_fields(tbs)
    fields[index] = whole
    return r.tlv(0x30, b"".join(fields))


def reasons(house, tbs, evidence):
    """[(rule, found)] of an evaluation; empty when admitted."""
    try:
        verdict = house.evaluate(tbs, evidence).verdict
        return [(x.rule, x.found) for x in verdict.reasons]
    except h.Refused as refused:
        if refused.refusal is None:
            raise
        return [(x.rule, x.found) for x in refused.refusal.reasons]


# ---- keys ----

def judge_key(house, row, spki):
    """What is wrong with our answer about this key, or None; and the answer in short."""
    tbs = with_field(house.tbs(["www.example.com"]), 6, spki)
    got = reasons(house, tbs, house.complete(tbs))
    rules = sorted({rule for rule, _ in got})
    other = set(rules) - KEY_RULES
    if other:
        return f"refused for something else: {got}", rules
    found = {"roca": any("ROCA" in text for _, text in got), "fermat100": any("Fermat" in text for _, text in got),
             "debian": any("CVE-2008-0166" in text for _, text in got)}
    expect = row["expect"]
    if expect in ("reject", "blocklist") and bool(got) == (row["file"] in VALID_KEYS):
        return f"{got or 'admitted'}, which the tables do not say", rules
    if expect == "accept" and got and row["file"] not in STRICTER_KEYS:
        return f"refused: {got}", rules
    if expect == "accept" and not got and row["file"] in STRICTER_KEYS:
        return "admitted, though the table of exceptions says otherwise", rules
    if "T01" in rules or row["key"].startswith(("rsa 0", "rsa 15")):
        return None, rules
    for check, value in re.findall(r"(roca|fermat100)=([01])", row["checks"]):
        if found[check] != (value == "1"):
            return f"{check} is {value}, the gate says {got}", rules
    if found["debian"] != (row["class"] == "debian"):
        return f"Debian weak: {got}", rules
    return None, rules


def judge_keys(house, corpus, wrong):
    counts, policy = collections.Counter(), []
    for row in table(corpus / "keys" / "index.tsv"):
        flaw, rules = judge_key(house, row, (corpus / row["file"]).read_bytes())
        if flaw:
            wrong.append(f"{row['file']} ({row['why']}): {flaw}")
        counts[row["expect"], "refused" if rules else "admitted"] += 1
        if row["expect"] == "policy":
            policy.append(f"  policy: {row['file'].removeprefix('keys/')} ({row['why']}): "
                          f"{'refused by ' + ', '.join(rules) if rules else 'admitted'}")
    print("keys:", ", ".join(f"{expect} {answer} {n}" for (expect, answer), n in sorted(counts.items())))
    print("\n".join(policy))
    for word, exceptions in (("refused though acceptable", STRICTER_KEYS), ("admitted though not", VALID_KEYS)):
        for name, why in exceptions.items():
            print(f"  {word}: {name.removeprefix('keys/')}: {why}")


# ---- names ----

def unescape(text):
    return re.sub(rb"\\x([0-9a-f]{2})", lambda m: bytes.fromhex(m[1].decode()), text.encode())


def with_san(tbs, name):
    """The TBS with this one dNSName."""
    fields = h.tbs_fields(tbs)
    extensions = b""
    for _, inner, whole in r.tlvs(r.read(r.read(fields[7])[1])[1]):
        if inner.startswith(bytes.fromhex("0603551d11")):
            value = r.tlv(0x30, r.tlv(0x82, name))
            whole = r.tlv(0x30, bytes.fromhex("0603551d110101ff") + r.tlv(0x04, value))
        extensions += whole
    return with_field(tbs, 7, r.tlv(0xA3, r.tlv(0x30, extensions)))


def judge_names(house, corpus, wrong):
    counts, seen = collections.Counter(), set()
    template = house.tbs(["www.example.com"])
    for row in table(corpus / "names" / "san.tsv"):
        got = [(rule, text) for rule, text in reasons(house, with_san(template, unescape(row["dnsname"])), [])
               if rule in ("T01", "T17", "T18")]
        theirs = "bad" if set(row["zlint_errors"].split(";")) - NOT_OF_THE_NAME - {"-"} else "ok"
        ours = "bad" if got else "ok"
        counts[theirs, ours] += 1
        known = DIFFERENT_NAMES.get(row["dnsname"])
        if theirs == ours:
            if known:
                wrong.append(f"{row['dnsname']}: both say {ours}, though the table of exceptions says otherwise")
        elif known and known[0] == theirs:
            seen.add(row["dnsname"])
        else:
            wrong.append(f"{row['dnsname']} ({row['file']}, {row['notBefore']}): zlint {row['zlint_errors']}, ours {got}")
    print("names:", ", ".join(f"zlint {a}, ours {b}: {n}" for (a, b), n in sorted(counts.items())))
    for name in sorted(seen):
        print(f"  {name}: zlint {DIFFERENT_NAMES[name][0]}; {DIFFERENT_NAMES[name][1]}")


def main():
    corpus = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "")
    if len(sys.argv) < 2 or not (corpus / "keys" / "index.tsv").is_file():
        print("skipped: no corpus folder given (configure with -DCS_CORPUS_DIR=...)")
        return 77
    wrong = []
    with tempfile.TemporaryDirectory(prefix="countersign-lists-") as folder:
        with h.House(signers=1, lists=lists_for(corpus, pathlib.Path(folder))) as house:
            house.start()
            judge_keys(house, corpus, wrong)
            judge_names(house, corpus, wrong)
    for line in wrong:
        print("WRONG", line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
