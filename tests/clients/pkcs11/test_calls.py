"""The module in one process, against the real daemon: questions about sizes, threads, forks, and who may use what."""
import hashlib
import subprocess

import door as d
import doors
import other_data
import pytest
from door import audit


def raw(house, what, *tbss):
    """(program, paths) of raw.py on files of the old software."""
    paths = [house.put(f"tbs-{i}", tbs) for i, tbs in enumerate(tbss)]
    return ("/usr/bin/python3", house.put("raw.py", (d.HERE / "raw.py").read_bytes()), house.old_module, what,
            *paths), paths


def check_signature(house, tbs, path):
    signature = d.plain_to_der(path.with_name(path.name + ".signature").read_bytes())
    d.x509.load_der_x509_certificate(d.certificate_of(tbs, signature))
    house.issuer("ec").certificate.public_key().verify(signature, tbs, d.ec.ECDSA(d.hashes.SHA256()))


def test_asking_for_sizes_spends_nothing(house):
    tbs = house.tbs(["sizes.example.com"])
    house.deposit(house.complete(tbs))
    words, (path,) = raw(house, "sizes", tbs)
    before = len(audit.Books(house).entries)
    with subprocess.Popen([*d.h.as_user(d.OLD_UID), *(str(w) for w in words)], cwd=house.old, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True, env={"PATH": "/usr/bin:/bin", "COUNTERSIGN_PKCS11_CONF": str(house.old / "pkcs11.conf")}) as program:
        assert program.stdout.readline() == "asked\n"
        assert len(audit.Books(house).entries) == before  # 40 questions, no request
        said, _ = program.communicate("go\n", timeout=60)
    assert program.returncode == 0 and said == "0 64\n"
    check_signature(house, tbs, path)


def test_threads(house):
    """Sixteen sessions at once; half of them have evidence, and exactly those get a signature, each its own."""
    tbss = [house.tbs([f"thread-{i}.example.com"]) for i in range(16)]
    for tbs in tbss[::2]:
        house.deposit(house.complete(tbs))
    n = house.n_intents()
    words, paths = raw(house, "threads", *tbss)
    code, said = house.old_runs(*words)
    assert code == 0
    assert [line.split()[0] for line in said.splitlines() if line[0].isdigit()] == [str(0), str(0x200)] * 8
    for tbs, path in list(zip(tbss, paths))[::2]:
        check_signature(house, tbs, path)
    assert house.n_intents() == n + 8


def test_fork(house):
    tbss = [house.tbs([f"fork-{i}.example.com"]) for i in range(3)]
    for tbs in tbss:
        house.deposit(house.complete(tbs))
    words, paths = raw(house, "fork", *tbss)
    code, said = house.old_runs(*words)
    assert code == 0 and said.split("\n")[:3] == ["0 64", "True 0 0 64 0", "0 64"]
    for tbs, path in zip(tbss, paths):
        check_signature(house, tbs, path)


@pytest.mark.skipif(not d.IS_ROOT, reason="two clients take two user ids")
def test_an_authorisation_is_for_one_client(house):
    """What the RA's client authorised for itself is no other client's."""
    tbs = house.tbs(["for-one.example.com"])
    house.authorize(tbs, house.complete(tbs))
    client = next(c for c in doors.ALL if c.name == "pkcs11-tool ECDSA")
    client.tbs = tbs
    assert client.issue(house)[0] != 0
    assert house.module_said()[-1]["reasons"][0]["rule"] == "N05"
    assert house.sign_authorized(tbs).certificate


def test_approval_alone(house):
    """What people say is no evidence here either."""
    client = doors.ALL[0]
    tbs, order_id = client.foretell(house, "approved.example.com"), b"approved-order-1"
    house.deposit([*house.around(tbs, order_id=order_id), house.approval(order_id)])
    assert client.issue(house)[0] != 0
    assert "V01" in {reason["rule"] for reason in house.module_said()[-1]["reasons"]}


def test_other_data(house):
    """Way A classifies what it is given before anything is sent; way B has digests, of which none was authorised."""
    whole, digest = doors.ALL[0], next(c for c in doors.ALL if c.name == "pkcs11-tool ECDSA")
    n, rows = len(audit.Books(house).entries), other_data.rows(house)
    for noun, data in {**rows, "no DER": b"I owe you a certificate"}.items():
        assert whole.try_(house, data)[0] != 0
        last = house.module_said()[-1]
        assert last["outcome"] == "CKR_DATA_INVALID" and noun in last["msg"], last
    assert len(audit.Books(house).entries) == n
    for data in rows.values():
        assert digest.try_(house, hashlib.sha256(data).digest())[0] != 0
        last = house.module_said()[-1]
        assert last["outcome"] == "CKR_FUNCTION_REJECTED" and last["reasons"][0]["rule"] == "N05"
    kinds = [entry.WhichOneof("body") for entry in audit.Books(house).entries[n:]]
    assert set(kinds) == {"refusal"}, kinds
