"""Lists through the real daemon: what an old or missing one does to the start, and what they refuse."""
import hashlib
import json
import os
import subprocess
import time

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from house import BIN, House, Refused

PSL = ("// VERSION: %s_00-00-00_UTC\n// ===BEGIN ICANN DOMAINS===\ncom\nnet\nuk\nco.uk\n"
       "// ===END ICANN DOMAINS===\n")


def psl_of(age_days):
    return PSL % time.strftime("%Y-%m-%d", time.gmtime(time.time() - age_days * 86400))


def section(folder, age_days, **keys):
    """The lists section with a suffix list of this age."""
    path = folder / "psl.dat"
    path.write_text(psl_of(age_days))
    out = f"lists:\n  public_suffix:\n    path: {path}\n    max_age_days: 10\n"
    out += "    accept_stale: %s\n" % keys["accept_stale"] if "accept_stale" in keys else ""
    out += "  debian_weak_keys:\n    %s\n" % keys.get("weak", "accept_missing: The test has none.")
    return out + "  compromised_keys:\n    %s\n" % keys.get("compromised", "accept_missing: The test has none.")


def test_old_list_refuses_to_start(tmp_path):
    with House(signers=1, lists=section(tmp_path, 12)) as house:
        with pytest.raises(RuntimeError) as ended:
            house.start()
        assert "psl.dat" in str(ended.value) and "lists.public_suffix allows 10" in str(ended.value)


def test_old_list_said_in_words(tmp_path):
    words = "The mirror is down; J. Doe accepts this for a day."
    with House(signers=1, lists=section(tmp_path, 12, accept_stale=words)) as house:
        house.start()
        lines = [json.loads(line) for line in house.log_text().splitlines() if '"list"' in line]
        told = {line["list"]: line for line in lines if "list" in line}
        assert told["public_suffix"]["accepted"] == words
        assert told["public_suffix"]["sha256"] == hashlib.sha256((tmp_path / "psl.dat").read_bytes()).hexdigest()
        house.stop()
        shown = subprocess.run([BIN / "countersign", "ledger", "show", "--json", house.ledger], capture_output=True,
                               text=True, check=True).stdout
        recorded = [json.loads(line) for line in shown.splitlines()][1]["policy"]["lists"]
        assert [entry["name"] for entry in recorded] == ["public_suffix", "debian_weak_keys", "compromised_keys"]
        assert recorded[0]["accepted"] == words and recorded[0]["sha256"] == told["public_suffix"]["sha256"]


def test_missing_list_refuses_to_start(tmp_path):
    with House(signers=1, lists=section(tmp_path, 1, weak="path: /nowhere/weak.bin")) as house:
        with pytest.raises(RuntimeError) as ended:
            house.start()
        assert "/nowhere/weak.bin" in str(ended.value)


@pytest.mark.parametrize("name, rule, subject", [
    ("intranet.local", "T17", "dns:intranet.local"),
    ("www.example.co", "T17", "dns:www.example.co"),
    ("10.1.2.3", "T17", "ip:10.1.2.3"),
    ("*.co.uk", "T18", "dns:*.co.uk")])
def test_names(small, name, rule, subject):
    tbs = small.tbs([name])
    with pytest.raises(Refused) as refused:
        small.sign(tbs, small.complete(tbs))
    assert refused.value.subjects(rule) == [subject]


def test_pruning_ends_at_the_base_domain(small):
    tbs = small.tbs(["www.shop.co.uk"])
    with pytest.raises(Refused) as refused:
        small.sign(tbs, [*small.around(tbs), small.domain("co.uk", scope="namespace")])
    assert refused.value.subjects("V05") == ["dns:www.shop.co.uk"]
    small.sign(tbs, [*small.around(tbs), small.domain("shop.co.uk", scope="namespace")])


def test_listed_keys(small):
    """H28, H29: reported and weak keys in otherwise perfect requests."""
    for key, rule in ((small.reported_key, "T11"), (small.weak_key, "T10")):
        tbs = small.tbs(["www.example.com"], key=key)
        with pytest.raises(Refused) as refused:
            small.sign(tbs, small.complete(tbs))
        assert refused.value.rules() == [rule]
    tbs = small.tbs(["www.example.com"])
    small.sign(tbs, small.complete(tbs))
    tbs = small.tbs(["www.example.com"], key=ec.generate_private_key(ec.SECP384R1()))
    with pytest.raises(Refused) as refused:  # the list has P-256 keys only, and nobody accepts that
        small.sign(tbs, small.complete(tbs))
    assert refused.value.subjects("T10") == ["key"]


def test_the_attesters_key(small):
    tbs = small.tbs(["www.example.com"], key=small.attesters["orders"].key)
    with pytest.raises(Refused) as refused:
        small.sign(tbs, small.complete(tbs))
    assert refused.value.rules() == ["T11"]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A house with short lists, a weak and a reported key in them."""
    folder = tmp_path_factory.mktemp("lists")
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    digests = [hashlib.sha256(k.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)).hexdigest() for k in keys]
    (folder / "weak").write_text(digests[0] + "\n")
    (folder / "reported").write_text("# by e-mail\n" + digests[1] + " 2026-11-20\n")
    tool = os.path.join(os.path.dirname(__file__), "..", "..", "deploy", "tools", "build-weak-keys")
    subprocess.run([tool, "--out", folder / "weak.bin", "--ec", f"256:{folder}/weak"], check=True, capture_output=True)
    lists = section(folder, 1, weak=f"path: {folder}/weak.bin", compromised=f"path: {folder}/reported")
    with House(signers=1, lists=lists) as house:
        house.weak_key, house.reported_key = keys
        yield house.start()
