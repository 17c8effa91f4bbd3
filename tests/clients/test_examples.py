"""The examples of docs/integrating.md, run as their reader would run them."""
import os
import pathlib
import ssl
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "e2e"))
import house as h  # noqa: E402

EXAMPLES = HERE / "examples"
PROTOS = HERE.parents[1] / "proto"
LINES_MAX = 60


def der(tag, content):
    n = len(content)
    length = bytes([n]) if n < 0x80 else b"\x82" + n.to_bytes(2, "big")
    return bytes([tag]) + length + content


def node():
    if "CS_NO_JS" in os.environ:
        pytest.skip(os.environ["CS_NO_JS"])
    packages = pathlib.Path(os.environ["CS_CLIENT_JS"].split()[1]).parent / "node_modules"
    return ["node", EXAMPLES / "sign.js"], {"NODE_PATH": str(packages)}


def shell():
    if "CS_NO_BUF" in os.environ:
        pytest.skip(os.environ["CS_NO_BUF"])
    folder = pathlib.Path(os.environ["CS_BUF"]).parent
    return ["sh", EXAMPLES / "sign.sh"], {"PATH": f"{folder}:{os.environ['PATH']}"}


@pytest.fixture(scope="module")
def house():
    with h.House(signers=1, issuers=h.House.ISSUERS[:1]) as made:
        made.start()
        yield made


def run(house, folder, example, tbs, evidence):
    command, more = example()
    (folder / "tbs.der").write_bytes(tbs)
    files = []
    for i, envelope in enumerate(evidence):
        files.append(folder / f"evidence-{i}")
        files[-1].write_bytes(envelope.SerializeToString())
    done = subprocess.run([*command, PROTOS, house.socket, "ec", folder / "tbs.der", *files], cwd=folder,
                          env={**os.environ, **more}, capture_output=True, text=True, timeout=60)
    print(done.stdout, done.stderr)
    return done, folder / "certificate.der"


@pytest.mark.parametrize("example", [node, shell])
def test_signs_with_evidence(house, tmp_path, example):
    tbs = house.tbs(["example.example.com"])
    done, certificate = run(house, tmp_path, example, tbs, house.complete(tbs))
    assert done.returncode == 0 and done.stdout.startswith("signed")
    assert h.x509.load_der_x509_certificate(certificate.read_bytes()).tbs_certificate_bytes == tbs


@pytest.mark.parametrize("example", [node, shell])
def test_signs_with_deposits(house, tmp_path, example):
    """An old API version sends a TBS and nothing else."""
    tbs = house.tbs(["deposit.example.com"])
    house.deposit(house.complete(tbs))
    done, certificate = run(house, tmp_path, example, tbs, [])
    assert done.returncode == 0 and certificate.exists()


@pytest.mark.parametrize("example,code", [(node, 1), (shell, 9 * 8)])
def test_prints_a_refusal_to_read(house, tmp_path, example, code):
    tbs = house.tbs(["example.example.com"])
    done, certificate = run(house, tmp_path, example, tbs, house.around(tbs))
    assert done.returncode == code and not certificate.exists()
    assert "V01" in done.stdout + done.stderr and "dns:example.example.com" in done.stdout + done.stderr


def test_authorises_before_the_signature(house, tmp_path):
    """As EJBCA runs it: the certificate by a dummy key first; then the digest is good for one signature."""
    tbs = house.tbs(["presign.example.com"])
    order, lint, *others = house.around(tbs)
    house.deposit([order, *others])
    certificate = der(0x30, tbs + h.tbs_fields(tbs)[2] + der(0x03, b"\0dummy"))
    (tmp_path / "certificate.pem").write_text(ssl.DER_cert_to_PEM_cert(certificate))
    (tmp_path / "statement").write_bytes(lint.SerializeToString())
    (tmp_path / "lint-statement").write_text(f"#!/bin/sh\ncp {tmp_path}/statement \"$2\"\n")
    (tmp_path / "lint-statement").chmod(0o755)
    env = {**os.environ, "COUNTERSIGN_SOCKET": str(house.socket), "PATH": f"{tmp_path}:{h.BIN}:{os.environ['PATH']}"}

    def presign():
        return subprocess.run(["sh", EXAMPLES / "presign.sh", tmp_path / "certificate.pem", "ec"], env=env,
                              capture_output=True, text=True, timeout=30)
    refused = presign()
    assert refused.returncode == 1 and "V01" in refused.stdout + refused.stderr
    with pytest.raises(h.Refused):
        house.sign_authorized(tbs)
    house.deposit([house.domain("presign.example.com")])
    done = presign()
    assert done.returncode == 0, done.stderr
    signed = h.x509.load_der_x509_certificate(house.sign_authorized(tbs).certificate)
    assert signed.tbs_certificate_bytes == tbs
    with pytest.raises(h.Refused):
        house.sign_authorized(tbs)


@pytest.mark.parametrize("name", ["sign.js", "sign.sh", "presign.sh"])
def test_is_short(name):
    assert len((EXAMPLES / name).read_text().splitlines()) <= LINES_MAX
    assert f"tests/clients/examples/{name}" in (HERE.parents[1] / "docs" / "integrating.md").read_text()
