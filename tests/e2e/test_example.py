"""example_client.py, as the README shows it, run as its reader would run it."""
import os
import pathlib
import subprocess
import sys

import house as h

EXAMPLE = pathlib.Path(__file__).with_name("example_client.py")


def run(house, folder, name, tbs, evidence):
    folder = folder / name
    folder.mkdir()
    (folder / "tbs.der").write_bytes(tbs)
    files = []
    for i, envelope in enumerate(evidence):
        files.append(folder / f"evidence-{i}")
        files[-1].write_bytes(envelope.SerializeToString())
    env = {"PYTHONPATH": os.environ["COUNTERSIGN_PROTO"], "PATH": os.environ["PATH"]}
    done = subprocess.run([sys.executable, "-B", EXAMPLE, house.socket, "ec", folder / "tbs.der", *files], cwd=folder,
                          env=env, capture_output=True, text=True, timeout=30)
    return done, folder / "certificate.der"


def test_signs_with_evidence(house, tmp_path):
    tbs = house.tbs(["example.example.com"])
    done, certificate = run(house, tmp_path, "good", tbs, house.complete(tbs))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("signed, ledger entry ")
    assert h.x509.load_der_x509_certificate(certificate.read_bytes()).tbs_certificate_bytes == tbs


def test_prints_a_refusal_to_read(house, tmp_path):
    tbs = house.tbs(["example.example.com"])
    done, certificate = run(house, tmp_path, "bad", tbs, house.around(tbs))
    assert done.returncode == 1 and done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0].startswith("FAILED_PRECONDITION ")
    row = next(line for line in lines if line.startswith("  V01 dns:example.example.com: there is "))
    assert "; needed: " in row
    assert not certificate.exists()


def test_is_short():
    assert len(EXAMPLE.read_text().splitlines()) <= 40
