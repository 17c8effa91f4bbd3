"""sign.py runs to its end and every row of its tables is measured. Says nothing about speed."""
import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import sign  # noqa: E402

MODULE = os.environ.get("COUNTERSIGN_PKCS11_MODULE", "/usr/lib/softhsm/libsofthsm2.so")


@pytest.mark.skipif(not os.path.exists(MODULE) or shutil.which("p11-kit") is None, reason="needs SoftHSM and p11-kit")
def test_every_row(tmp_path):
    out = tmp_path / "samples.json"
    done = subprocess.run([sys.executable, HERE / "sign.py", "--build", os.environ["CS_BENCH_BUILD"], "--rounds", "1",
                           "--seconds", "0.1", "--json", out], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env=dict(os.environ, TMPDIR=str(tmp_path)))
    assert done.returncode == 0, done.stderr
    samples = json.loads(out.read_text())["samples"]
    assert set(samples) == set(sign.KEYS)
    for key, rows in samples.items():
        assert sign.KEYS[key][0] in done.stdout
        assert set(rows) == {row.name for row in sign.ROWS}, "p11-kit server did not start?"
        for name, taken in rows.items():
            sample, = taken
            assert sample["n"] > 0 and 0 < sample["p50_us"] <= sample["p99_us"] <= sample["max_us"], (key, name)
    for row in sign.ROWS:
        assert done.stdout.count(row.title) == len(sign.KEYS)
