"""What a reader of the sources may rely on. usage: style.py format|length|words PROJECT_FOLDER

format   every C and C++ file is as clang-format leaves it (exit code 77 without clang-format)
length   no file has more than 500 lines but those listed here, with the reason and a limit of their own
words    nothing is left for later without an issue
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

LIMIT = 500
LONGER = {
    "tests/proc/daemon/test_daemon.py": (600, "every way the parent starts and ends, with the helpers they share"),
    "tests/e2e/house.py": (640, "the second implementation of all evidence, imported as one module"),
    "tests/unit/evidence/admit.c": (650, "one table of boundary rows"),
    "tests/unit/evidence/form.c": (650, "one table of boundary rows"),
    "tests/unit/rules/fixture.c": (560, "one house for the rows of every rule"),
    "tests/unit/policy/policy.c": (720, "one table of boundary rows"),
}
NOT_OURS = {"LICENSE", "package-lock.json"}
LATER = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X"]) + r")\b")


def files(root):
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = sorted(s for s in subfolders if not s.startswith("build") or folder != str(root))
        subfolders[:] = [s for s in subfolders if s not in (".git", ".quickstart", "node_modules", "__pycache__", ".pytest_cache")]
        for name in sorted(names):
            path = pathlib.Path(folder, name)
            if name in NOT_OURS or path.is_symlink() or not path.is_file():
                continue
            head = path.open("rb").read(4096)
            if b"\0" not in head:
                yield path


def formatted(root):
    tool = shutil.which("clang-format") or shutil.which("clang-format-14")
    if tool is None:
        print("skipped: clang-format is not installed")
        return 77
    sources = [p for p in files(root) if p.suffix in (".c", ".h", ".cc")]
    assert len(sources) > 100, f"only {len(sources)} sources under {root}"
    run = subprocess.run([tool, "--style=file", "--dry-run", "--Werror", *sources], capture_output=True, text=True)
    wrong = sorted({line.split(":")[0] for line in run.stderr.splitlines() if "error:" in line})
    print("\n".join(f"{p}: clang-format -i would change it" for p in wrong) or run.stderr or f"{len(sources)} files")
    return 1 if run.returncode else 0


def length(root):
    bad, seen = [], set()
    for path in files(root):
        name, n = path.relative_to(root).as_posix(), path.read_bytes().count(b"\n")
        limit, _reason = LONGER.get(name, (LIMIT, ""))
        if n > limit:
            bad.append(f"{name}: {n} lines, at most {limit}: split it by meaning")
        elif name in LONGER and n <= LIMIT:
            bad.append(f"{name}: {n} lines need no exception any more")
        seen.add(name)
    bad += [f"{name}: has an exception and is not there" for name in LONGER.keys() - seen]
    print("\n".join(bad) or f"{len(seen)} files")
    return 1 if bad else 0


def words(root):
    bad = [f"{path.relative_to(root)}:{i}: {line.strip()}" for path in files(root)
           for i, line in enumerate(path.read_text(errors="replace").splitlines(), 1) if LATER.search(line)]
    print("\n".join(bad) or "none")
    return 1 if bad else 0


sys.exit({"format": formatted, "length": length, "words": words}[sys.argv[1]](pathlib.Path(sys.argv[2])))
