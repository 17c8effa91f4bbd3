"""tests/claims.tsv says of each promise which tests show it. usage: claims.py TABLE CTEST BUILD_FOLDER

Fails when a promise is missing or unknown, a test is not registered in this build or switched off, or a promise has
neither tests nor a word about what is missing.
"""
import json
import pathlib
import subprocess
import sys

PROMISES = ["P-EVIDENCE", "P-APPROVAL", "P-ONEDOOR", "P-BYTES", "P-LEDGER", "P-PAIR", "P-POLICY", "P-HOLD", "P-CLOSED",
            "P-APART"]


def registered(ctest, folder):
    """Tests that this build runs."""
    out = subprocess.run([ctest, "--show-only=json-v1"], cwd=folder, check=True, capture_output=True, text=True).stdout
    return {t["name"] for t in json.loads(out)["tests"]
            if not any(p["name"] == "DISABLED" and p["value"] for p in t.get("properties", []))}


def faults(lines, tests):
    """What is wrong with a table, as texts."""
    out, seen = [], []
    for n, line in enumerate(lines, 1):
        if line.startswith("#"):
            continue
        columns = line.split("\t")
        if len(columns) not in (3, 4) or not all(c.strip() for c in columns):
            out.append(f"line {n}: needed: promise, statement, tests or -, and what is missing if anything is")
            continue
        promise, _, evidence = columns[:3]
        seen.append(promise)
        if evidence == "-":
            if len(columns) == 3:
                out.append(f"{promise}: no tests, and not a word about what is missing")
            continue
        names = evidence.split(" ")
        out += [f"{promise}: {name} is not a test of this build" for name in names if name not in tests]
        if len(set(names)) != len(names):
            out.append(f"{promise}: names a test twice")
    out += [f"{p}: no row" for p in PROMISES if p not in seen]
    out += [f"{p}: not a promise of the design, or twice" for p in sorted(set(seen)) if p not in PROMISES or seen.count(p) > 1]
    return out


if __name__ == "__main__":
    table, ctest, folder = sys.argv[1:]
    wrong = faults(pathlib.Path(table).read_text().splitlines(), registered(ctest, folder))
    print("\n".join(wrong) or f"{len(PROMISES)} promises")
    sys.exit(1 if wrong else 0)
