"""CA software that only speaks PKCS#11, through the module, against the real daemon: each kind of software gets its
certificate when the evidence is there, a refusal when it is not, and nothing signed that nobody authorised."""
import subprocess

import pytest

import door as d
import doors
from door import audit

COLUMNS = ("refused without", "certificate with evidence", "refused again", "foreign refused")
TABLE = {}


def verified(house, client, certificate):
    leaf = house.put("leaf.check.der", certificate)
    subprocess.run(["openssl", "verify", "-x509_strict", "-CAfile", house.dir / f"{client.issuer}.pem", leaf],
                   check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("client", doors.ALL, ids=lambda c: c.name)
def test_client(house, client):
    row = TABLE[client.name] = [client.way]
    if client.absent():
        row.append(client.absent())
        pytest.skip(client.absent())
    n = house.n_intents()
    tbs = client.foretell(house, f"door-{len(TABLE)}.example.com")
    assert house.n_intents() == n

    code, said, certificate = client.issue(house)
    last = house.module_said()[-1]
    assert code != 0 and certificate is None and house.n_intents() == n
    assert last["outcome"] == "CKR_FUNCTION_REJECTED" and last["audit_id"] > 0
    assert {reason["rule"] for reason in last["reasons"]} >= ({"B01", "V01"} if client.way == "A" else {"N05"})
    row.append(" ".join(sorted({reason["rule"] for reason in last["reasons"]})))

    if client.way == "A":
        house.deposit(house.complete(tbs))
    else:
        house.authorize_for_old(tbs, client.issuer)
    code, said, certificate = client.issue(house)
    assert code == 0, said
    made = d.x509.load_der_x509_certificate(certificate)
    assert made.tbs_certificate_bytes == tbs
    verified(house, client, certificate)
    books = audit.Books(house)
    intent = books.intents[max(books.intents)]
    assert len(books.intents) == n + 1 and intent.tbs == tbs
    assert intent.caller.client == (d.FOR_OLD or b"api")
    assert intent.caller.rpc == (b"SignCertificate" if client.way == "A" else b"SignAuthorized")
    row.append("yes")

    assert client.issue(house)[0] != 0 and house.n_intents() == n + 1  # spent
    row.append(house.module_said()[-1]["reasons"][0]["rule"])

    before = len(house.module_said())
    codes = client.foreign(house)
    assert codes and all(code != 0 for code in codes), codes
    said = house.module_said()[before:]
    assert len(said) >= len(codes) and all(line["event"] == "pkcs11.refused" for line in said) and house.n_intents() == n + 1
    assert {line["outcome"] for line in said} <= {"CKR_FUNCTION_REJECTED", "CKR_DATA_INVALID"}
    if client.way == "B":
        assert all(reason["rule"] == "N05" for line in said for reason in line["reasons"])
    row.append(f"{len(codes)} of {len(codes)}")


@pytest.mark.skipif(doors.needs("keytool") is not None, reason="keytool is not installed")
def test_keytool_lists(house):
    client = next(c for c in doors.ALL if isinstance(c, doors.Keytool))
    code, said = house.old_runs("keytool", "-list", *client.token(house))
    assert code == 0 and "contains 3 entries" in said and said.count("PrivateKeyEntry") == 3
