"""Each signature algorithm an issuer may use, from the TBS to a certificate that OpenSSL accepts."""
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import house as h

RSA = {"rsa-sha256": "300d06092a864886f70d01010b0500", "rsa-sha384": "300d06092a864886f70d01010c0500",
       "rsa-sha512": "300d06092a864886f70d01010d0500"}
PSS = "304106092a864886f70d01010a3034a00f300d06096086480165030402%s0500a11c301a06092a864886f70d010108300d0609608648" \
      "0165030402%s0500a2030201%s"
RSA |= {f"rsa-pss-sha{n}": PSS % (oid, oid, salt) for n, oid, salt in
        (("256", "01", "20"), ("384", "02", "30"), ("512", "03", "40"))}
EC = {"p256": ("ec-p256", "ecdsa-sha256", "300a06082a8648ce3d040302"),
      "p384": ("ec-p384", "ecdsa-sha384", "300a06082a8648ce3d040303")}
ISSUERS = [*((name, kind, [algorithm], f"0{i}") for i, (name, (kind, algorithm, _)) in enumerate(EC.items())),
           *((f"rsa{bits}", f"rsa-{bits}", list(RSA), f"1{i}") for i, bits in enumerate((2048, 3072, 4096)))]
ROWS = [*((name, algorithm, der) for name, (_, algorithm, der) in EC.items()),
        *((f"rsa{bits}", name, der) for bits in (2048, 3072, 4096) for name, der in RSA.items())]


@pytest.fixture(scope="module")
def house():
    with h.House(signers=1, issuers=ISSUERS) as made:
        made.start()
        yield made


def with_algorithm(tbs, der):
    fields = h.tbs_fields(tbs)
    fields[2] = der
    body = b"".join(fields)
    return bytes([0x30, 0x82]) + len(body).to_bytes(2, "big") + body


@pytest.mark.parametrize("issuer,algorithm,der", ROWS, ids=[f"{i}-{a}" for i, a, _ in ROWS])
def test_signs(house, tmp_path, issuer, algorithm, der):
    tbs = with_algorithm(house.tbs([f"{algorithm}.example.com"], issuer), bytes.fromhex(der))
    certificate = x509.load_der_x509_certificate(house.sign(tbs, house.complete(tbs), issuer).certificate)
    assert certificate.tbs_certificate_bytes == tbs
    leaf = tmp_path / "leaf.pem"
    leaf.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    subprocess.run(["openssl", "verify", "-x509_strict", "-CAfile", house.dir / f"{issuer}.pem", leaf], check=True,
                   stdout=subprocess.DEVNULL)


def test_an_algorithm_that_is_not_the_issuers(house):
    tbs = with_algorithm(house.tbs(["other.example.com"], "p384"), bytes.fromhex(EC["p256"][2]))
    with pytest.raises(h.Refused) as refused:
        house.sign(tbs, house.complete(tbs), "p384")
    assert refused.value.rules() == ["T03"]
