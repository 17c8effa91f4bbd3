"""Which libraries each program of the product may and must link, read from the finished files.

usage: needed.py FOLDER_WITH_THE_PROGRAMS

A program that does not link a library cannot be tricked into calling it. A row names all of them: a new
dependency is a new word here, seen in review. What the C run-time and the sanitizers bring is allowed to all.
"""
import pathlib
import re
import subprocess
import sys

RUNTIME = {"libc", "libm", "libdl", "librt", "libpthread", "libgcc_s", "ld-linux-x86-64", "ld-linux-aarch64",
           "libasan", "libubsan", "libclang_rt.asan-x86_64", "libclang_rt.ubsan_standalone-x86_64"}

#   program               must link                                       may link
TABLE = {
    "countersignd":       ("crypto yaml-0",                               ""),
    # the network, and nothing that decides or holds anything: no database, PKCS#11, protobuf or YAML
    "countersign-front":  ("nghttp2 event_core-2.1 ssl crypto",           "seccomp"),
    # decides: no network protocol, no PKCS#11
    "countersign-gate":   ("crypto protobuf-c sqlite3 yaml-0 psl",        "seccomp"),
    # holds the PIN: no network protocol, protobuf, database or YAML
    "countersign-signer": ("p11 crypto",                                  "seccomp"),
    # speaks HTTP: nothing that decides or holds anything
    "countersign-courier": ("curl",                                           "seccomp crypto"),
    "countersign-token":  ("p11 crypto",                                  ""),
    # the client, run by people and back ends: everything but PKCS#11; it lists the gate's rules
    "countersign":        ("nghttp2 ssl crypto protobuf-c sqlite3 yaml-0 jansson psl event_core-2.1 event_extra-2.1", ""),
}


def needed(program):
    text = subprocess.run(["readelf", "-d", program], check=True, capture_output=True, text=True).stdout
    return {re.sub(r"\.so.*", "", name) for name in re.findall(r"\(NEEDED\).*\[(.*)\]", text)}


def main():
    folder, bad = pathlib.Path(sys.argv[1]), []
    there = {p.name for p in folder.iterdir() if p.is_file()}
    bad += [f"{name}: no row in the table" for name in sorted(there - TABLE.keys())]
    bad += [f"{name}: not built" for name in sorted(TABLE.keys() - there)]
    for name in sorted(there & TABLE.keys()):
        must, may = ({"lib" + word for word in words.split()} for words in TABLE[name])
        found = needed(folder / name) - RUNTIME
        bad += [f"{name} links {library}: not allowed" for library in sorted(found - must - may)]
        bad += [f"{name} does not link {library}: remove it from the table" for library in sorted(must - found)]
    print("\n".join(bad) or f"{len(there)} programs link what they may")
    return 1 if bad else 0


sys.exit(main())
