"""The corpus against the rules that need no evidence.

  rules.py JUDGE_PROBE CORPUS_DIR [--all]

--all names every file that is left out, not only the first of each reason.

Every file is judged by the probe at its own notBefore. (a) Certificates that the corpus calls clean pass, except
those that a second reading of the tables (shape.py) finds forbidden by rules younger than the file, or by rules its
linters have no lint for: for these the probe must name exactly the same rules. (b) Leaves that sources call bad, and
every finding of full linter runs, are refused by the rule that lints.tsv maps the lint to. (c) What a source rejects
in malformed/ is refused. Exit code 77 without the corpus, 1 on any disagreement.
"""
import collections
import csv
import json
import pathlib
import subprocess
import sys

import retarget as r
import shape

HERE = pathlib.Path(__file__).resolve().parent

# Findings that no rule of the probe answers: lint, only files from before this day, why.
EXCEPTIONS = (
    ("cabf.serverauth.certificate_validity_period_exceeds_398_days", "2020-09-01", "825 days or 39 months were the limit"),
    ("e_dnsname_contains_bare_iana_suffix", None, "a public suffix itself may be named if it is a host name too"),
)


def table(path):
    with open(path, newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE))


class Corpus:
    def __init__(self, probe, folder):
        self.folder, self.probe = folder, probe
        self.malformed = table(folder / "malformed" / "index.tsv")
        self.bare = {row["file"] for row in self.malformed if row["form"] == "tbs"}
        self.index = {row["file"]: row for row in table(folder / "index.tsv")}
        self.expected = table(folder / "expect.tsv")
        self.priority_1 = {(row["linter"], row["lint"]): row for row in table(folder / "lints.tsv")
                           if row["priority"] == "1" and row["tbs_alone"] in ("yes", "table")}
        self.load = [row[key] for row in table(folder / "load" / "index.tsv") for key in ("precert", "logtbs")]

    def judge(self, files):
        """{file: (flaw or None, {rule ids}, reasons)}"""
        lines = "".join(f"{'tbs' if self.is_tbs(f) else 'cert'} {self.folder / f}\n" for f in files)
        done = subprocess.run([self.probe], input=lines, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{self.probe} ended with {done.returncode}: {done.stderr}")
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        if len(answers) != len(files):
            raise RuntimeError(f"{len(answers)} answers for {len(files)} files")
        return {f: (a["flaw"], {reason[0] for reason in a["reasons"]}, a["reasons"]) for f, a in zip(files, answers)}

    def is_tbs(self, file):
        return file in self.bare or file.startswith(("tbs/", "load/logtbs/"))

    def tbs(self, file):
        der = (self.folder / file).read_bytes()
        return der if self.is_tbs(file) else r.tbs_of_certificate(der)

    def clean(self):
        errors = {row["file"] for row in self.expected
                  if row["linter"] == "pkilint" and row["status"] in ("ERROR", "FATAL")}
        return [f for f, row in self.index.items()
                if row["usage"] == "tls" and row["kind"] in ("leaf", "precert") and row["zlint_errors"] == "0"
                and f not in errors]


def show(files):
    names = sorted(files)
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def clean_ones_pass(corpus, wrong, whole):
    files = corpus.clean()
    judged = corpus.judge(files + corpus.load)
    passed = {True: 0, False: 0}
    left_out = collections.defaultdict(list)
    for f, (flaw, rules, reasons) in judged.items():
        if flaw is not None:
            if corpus.index[f]["verdict"] not in ("bad", "not-applicable"):
                wrong.append(f"{f}: clean, and not read: {flaw}")
            left_out[f"T01: not strict DER ({flaw})"].append(f)
            continue
        forbidden = shape.forbidden(corpus.tbs(f))
        if set(forbidden) != rules:
            wrong.append(f"{f}: refused by {sorted(rules)}, by the tables {forbidden}: {reasons}")
        elif forbidden:
            rule = sorted(forbidden)[0]
            left_out[f"{rule}: {forbidden[rule]}"].append(f)
        else:
            passed[f in corpus.index] += 1
    out = sum(map(len, left_out.values()))
    print(f"(a) clean TLS leaves: {len(files)} in certs/ and tbs/, {len(corpus.load)} in load/")
    print(f"    admitted at their own notBefore: {passed[True]} and {passed[False]}")
    print(f"    not of a shape that may be issued: {out}, for these reasons (the first of each file)")
    for why, names in sorted(left_out.items()):
        print(f"      {len(names):3} {why}: {', '.join(sorted(names)) if whole else show(names)}")
    if passed[False] != len(corpus.load) or passed[True] == 0:
        wrong.append(f"load/: {passed[False]} of {len(corpus.load)} pass")


def exception(corpus, file, lint):
    """Why no rule of the probe answers this finding, or None."""
    for name, before, why in EXCEPTIONS:
        if name == lint and (before is None or corpus.index[file]["notBefore"] < before):
            return why
    return None


def asserted(corpus):
    """(file, linter, lint) of errors that the sources' own tests assert of leaves."""
    linter_of = {lint: linter for linter, lint in corpus.priority_1}
    for f, row in corpus.index.items():
        if row["verdict"] != "bad" or not row["kind"].startswith(("leaf", "precert")):
            continue
        for cell in row["lints"].split(";"):
            lint, _, status = cell.strip().rpartition("=")
            if status.split("[")[0].strip() in ("error", "ERROR", "FATAL") and lint in linter_of:
                yield f, linter_of[lint], lint


def full_runs(corpus):
    for row in corpus.expected:
        f = corpus.index.get(row["file"])
        if f is None or not f["kind"].startswith(("leaf", "precert")) or row["origin"] != "full-run":
            continue
        if row["status"] in ("error", "fatal") and (row["linter"], row["lint"]) in corpus.priority_1:
            yield row["file"], row["linter"], row["lint"]


def findings_are_refused(corpus, rules_of, title, findings, wrong):
    judged = corpus.judge(sorted({f for f, _, _ in findings}))
    n = collections.Counter()
    excepted, admitted = collections.defaultdict(list), set()
    for f, linter, lint in findings:
        flaw, rules, _ = judged[f]
        if flaw is not None:
            n["reader"] += 1
        elif rules & rules_of[(linter, lint)]:
            n["rule"] += 1
        else:
            why = exception(corpus, f, lint)
            if why is None:
                wrong.append(f"{f}: {lint}: refused by {sorted(rules)}, wanted one of {rules_of[(linter, lint)]}")
            excepted[f"{lint}: {why}"].append(f)
        if flaw is None and not rules:
            admitted.add(f)
    lints = {(linter, lint) for _, linter, lint in findings}
    print(f"{title}: {len(findings)} findings of {len(lints)} lints in {len(judged)} files; {len(admitted)} files admitted")
    print(f"    refused by the lint's own rule {n['rule']}, already by the strict reader {n['reader']}, "
          f"exceptions {sum(map(len, excepted.values()))}")
    for why, names in sorted(excepted.items()):
        print(f"      {len(names):3} {why}: {show(set(names))}")
    for f in admitted:
        if not any(exception(corpus, f, lint) for g, _, lint in findings if g == f):
            wrong.append(f"{f}: admitted")


def malformed_ones_are_refused(corpus, wrong):
    rows = corpus.malformed
    whole = [row for row in rows if row["form"] in ("cert", "tbs")]
    judged = corpus.judge([row["file"] for row in whole])
    n = collections.Counter()
    for row in whole:
        flaw, rules, _ = judged[row["file"]]
        must = row["upstream"] == "reject" or row["der_faults"] != "-" or row["file"].startswith("malformed/mbed_")
        n["must"] += must
        n["reject"] += row["upstream"] == "reject"
        n["reader" if flaw is not None else "rules" if rules else "admitted"] += 1
        if must and flaw is None and not rules:
            wrong.append(f"{row['file']}: admitted: {row['upstream_result']}")
    print(f"(c) malformed/: {len(whole)} certificates and TBSs, {n['reject']} that their source rejects, {n['must']} to be "
          f"refused; refused by the strict reader {n['reader']}, by the rules {n['rules']}, admitted {n['admitted']}; "
          f"{len(rows) - len(whole)} single values belong to unit.der.corpus")


def main():
    if len(sys.argv) < 3 or not (pathlib.Path(sys.argv[2]) / "index.tsv").is_file():
        print("skipped: no corpus folder given (configure with -DCS_CORPUS_DIR=...)")
        return 77
    corpus, wrong = Corpus(sys.argv[1], pathlib.Path(sys.argv[2])), []
    rules_of = {(row["linter"], row["lint"]): set(row["rules"].split()) for row in table(HERE / "lints.tsv")}
    for lint in sorted(set(corpus.priority_1) ^ set(rules_of)):
        wrong.append(f"lints.tsv: {lint} is not in both tables")
    clean_ones_pass(corpus, wrong, "--all" in sys.argv[3:])
    findings_are_refused(corpus, rules_of, "(b) what sources assert of bad leaves", list(asserted(corpus)), wrong)
    findings_are_refused(corpus, rules_of, "(b) what full linter runs find in leaves", list(full_runs(corpus)), wrong)
    malformed_ones_are_refused(corpus, wrong)
    for line in wrong[:60]:
        print("WRONG", line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
