"""The PKCS#11 module against the real daemon: evidence deposited before, or a TBS authorised before; else nothing."""
import datetime
import hashlib
import json
import os
import pathlib
import subprocess
import sys

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "e2e"))
import house as h  # noqa: E402

MODULE = os.environ["CS_PKCS11_MODULE"]


@pytest.fixture(scope="module")
def house():
    with h.House(signers=1) as made:
        made.start()
        (made.dir / "pkcs11.conf").write_text(f"connect = unix:{made.socket}\nlog = {made.dir}/pkcs11.log\n")
        yield made


def sign(house, issuer, mechanism, data):
    """pkcs11-tool's exit code and the signature, None without one."""
    (house.dir / "in").write_bytes(data)
    (house.dir / "out").unlink(missing_ok=True)
    done = subprocess.run(
        ["pkcs11-tool", "--module", MODULE, "--sign", "-m", mechanism, "--id", issuer.encode().hex(),
         "-i", house.dir / "in", "-o", house.dir / "out"], capture_output=True, text=True, timeout=60,
        env=dict(os.environ, COUNTERSIGN_PKCS11_CONF=str(house.dir / "pkcs11.conf")))
    print(done.stdout, done.stderr)
    out = (house.dir / "out").read_bytes() if done.returncode == 0 else None
    return done.returncode, out


def last_line(house):
    return json.loads((house.dir / "pkcs11.log").read_text().splitlines()[-1])


def verify(house, issuer, tbs, signature):
    key = house.issuer(issuer).certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey):
        r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
        key.verify(utils.encode_dss_signature(r, s), tbs, ec.ECDSA(hashes.SHA256()))
    else:
        key.verify(signature, tbs, padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize("issuer,mechanism", [("ec", "ECDSA-SHA256"), ("rsa", "SHA256-RSA-PKCS")])
def test_whole_message(house, issuer, mechanism):
    tbs = house.tbs([f"whole-{issuer}.example.com"], issuer)
    code, _ = sign(house, issuer, mechanism, tbs)
    assert code != 0
    line = last_line(house)
    assert line["outcome"] == "CKR_FUNCTION_REJECTED" and line["audit_id"] > 0
    assert {"B01", "V01"} & {reason["rule"] for reason in line["reasons"]}
    house.deposit(house.complete(tbs))
    code, signature = sign(house, issuer, mechanism, tbs)
    assert code == 0
    verify(house, issuer, tbs, signature)
    assert last_line(house)["event"] == "pkcs11.signed"
    assert sign(house, issuer, mechanism, tbs)[0] != 0  # the serial number and the order are spent


@pytest.mark.parametrize("issuer,mechanism,prefix", [
    ("ec", "ECDSA", ""), ("rsa", "RSA-PKCS", "3031300d060960864801650304020105000420")])
def test_digest(house, issuer, mechanism, prefix):
    tbs = house.tbs([f"digest-{issuer}.example.com"], issuer)
    data = bytes.fromhex(prefix) + hashlib.sha256(tbs).digest()
    assert sign(house, issuer, mechanism, data)[0] != 0
    assert last_line(house)["reasons"][0]["rule"] == "N05"
    house.authorize(tbs, house.complete(tbs), issuer)
    code, signature = sign(house, issuer, mechanism, data)
    assert code == 0
    verify(house, issuer, tbs, signature)
    assert sign(house, issuer, mechanism, data)[0] != 0  # one authorisation, one signature


def test_approval_alone(house):
    """An old API version with nothing but the module: what people say is no evidence here either."""
    tbs = house.tbs(["approved.example.com"])
    order_id = b"approved-order-1"
    house.deposit([*house.around(tbs, order_id=order_id), house.approval(order_id)])
    assert sign(house, "ec", "ECDSA-SHA256", tbs)[0] != 0
    assert "V01" in {reason["rule"] for reason in last_line(house)["reasons"]}


def test_nothing_else(house):
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.utcnow()
    issuer = house.issuer("ec")
    crl = (x509.CertificateRevocationListBuilder().issuer_name(issuer.subject).last_update(now)
           .next_update(now + datetime.timedelta(days=1)).sign(key, hashes.SHA256()).tbs_certlist_bytes)
    for data in (crl, b"document"):
        assert sign(house, "ec", "ECDSA-SHA256", data)[0] != 0
        assert last_line(house)["outcome"] == "CKR_DATA_INVALID"
