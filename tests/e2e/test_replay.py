"""Replay: the decisions of the story come out again under their own policy, and change under another as they should."""
import json
import subprocess

import pytest

import house as h
import test_story

DAY = h.DAY


def run(*args):
    return subprocess.run([h.BIN / "countersign", *map(str, args)], capture_output=True, text=True, timeout=120)


def replay(house, policy, *args):
    said = run("replay", "--ledger", house.ledger, "--policy", policy, "--json", *args)
    assert said.returncode in (0, 1), said.stderr
    return said.returncode, json.loads(said.stdout)


def entries(house):
    lines = subprocess.run([h.BIN / "countersign", "ledger", "show", "--json", house.ledger], check=True,
                           capture_output=True, text=True).stdout.splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def house():
    with h.House() as made:
        made.start()
        made.told = tell(made)
        yield made


def tell(house):
    """The founding stories, holds and recalls, and requests with names to find again. Returns their ledger entries."""
    for name, test in vars(test_story).items():
        if not name.startswith("test_"):
            continue
        marks = [m for m in getattr(test, "pytestmark", []) if m.name == "parametrize"]
        for values in marks[0].args[1] if marks else [None]:
            test(house, **({marks[0].args[0]: values} if marks else {}))
    told = {}
    tbs = house.tbs(["method.example.com"])
    told["other method"] = house.sign(tbs, [*house.around(tbs), house.domain(
        "method.example.com", method="dcv_acme_http_01")]).ledger_entry
    tbs = house.tbs(["aged.example.com"])
    told["aged"] = house.sign(
        tbs, [*house.around(tbs), house.domain("aged.example.com", age_s=20 * DAY)]).ledger_entry
    # refused first, and signed once the validation was done: the TBS is in the ledger
    tbs = house.tbs(["late.example.com"])
    evidence = house.around(tbs)
    told["refused"] = refusal(house, tbs, evidence)
    told["late"] = house.sign(tbs, [*evidence, house.domain("late.example.com")]).ledger_entry
    # a hold that stood for one request, and was lifted
    tbs = house.tbs(["held.example.com"])
    evidence = house.complete(tbs)
    hold, _ = house.place(name_suffixes=[b"held.example.com"])
    told["held"] = refusal(house, tbs, evidence)
    house.lift(hold)
    told["lifted"] = house.sign(tbs, evidence).ledger_entry
    # evidence recalled after it had served
    tbs = house.tbs(["recalled.example.com"])
    evidence = house.complete(tbs)
    told["before recall"] = house.sign(tbs, evidence).ledger_entry
    house.recall(statement_ids=[statement(e).header.statement_id for e in evidence
                                if statement(e).WhichOneof("body") == "domain_control"])
    # a deposit that came after its request does not reach back
    tbs = house.tbs(["deposited.example.com"])
    evidence = house.around(tbs)
    house.deposit(evidence)
    told["before deposit"] = refusal(house, tbs, [])
    house.deposit([house.domain("deposited.example.com")])
    told["after deposit"] = house.sign(tbs, []).ledger_entry
    tbs = house.tbs(["digest.example.com"])
    house.authorize(tbs, house.complete(tbs))
    told["by digest"] = house.sign_authorized(tbs).ledger_entry
    return told


def statement(envelope):
    return h.statement_pb2.Statement.FromString(envelope.payload)


def refusal(house, tbs, evidence):
    with pytest.raises(h.Refused) as caught:
        house.sign(tbs, evidence)
    return caught.value.refusal.ledger_entry


def edited(house, tmp_path, *changes):
    text = (house.dir / "policy.yaml").read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    out = tmp_path / "policy.yaml"
    out.write_text(text)
    return out


def changed(document, result):
    return {row["entry"]: row for row in document["changed"] if row["result"] == result}


def test_every_decision_comes_out_again(house):
    code, said = replay(house, house.dir / "policy.yaml", "--check")
    assert code == 0 and said["changed"] == [], said["changed"]
    all_ = entries(house)
    n_intents = sum("intent" in e for e in all_)
    n = said["requests"]
    assert n["still_admitted"] == n_intents and n["newly_refused"] == n["newly_allowed"] == 0
    assert n["refused_by_other_rules"] == n["other_policy"] == 0
    n_refused = sum("refusal" in e and e["refusal"]["caller"]["rpc"] in
                    ("SignCertificate", "SignAuthorized", "AuthorizeTbs") for e in all_)
    assert sum(n.values()) == n_intents + n_refused and said["entries"] == len(all_)
    # refusals that are judged again: those whose TBS was signed after all
    assert n["still_refused"] >= 5 and n["tbs_not_kept"] > 0


def test_refusals_stand_as_the_ledger_stood(house):
    """The hold was lifted, the validation came, the deposit came: all behind the refusal."""
    for name, rules in (("held", ["H01"]), ("refused", ["V01"]), ("before deposit", None)):
        entry = house.told[name]
        code, said = replay(house, house.dir / "policy.yaml", "--from", entry, "--to", entry)
        assert code == 0 and said["requests"]["still_refused"] == 1, (name, said)
        assert sum(said["requests"].values()) == 1


def test_a_method_taken_out_of_the_policy(house, tmp_path):
    """With it go the CAA checks that evaluated it, so that more is refused than the one certificate."""
    code, said = replay(house, edited(house, tmp_path, ("dcv_acme_http_01, ", "")))
    assert code == 1 and house.told["other method"] in changed(said, "newly_refused")


def test_a_tighter_age(house, tmp_path):
    policy = edited(house, tmp_path, ("issuers:\n", "limits:\n  max_domain_age_s: 864000\nissuers:\n"))
    code, said = replay(house, policy)
    refused = changed(said, "newly_refused")
    assert code == 1 and list(refused) == [house.told["aged"]]
    row = refused[house.told["aged"]]
    assert row["names"] == ["aged.example.com"] and row["client"] == "api"
    assert "V03" in {r["rule"] for r in row["reasons"]}
    assert {r["rule"] for r in said["newly_refused_by"]} == {r["rule"] for r in row["reasons"]}
    assert all(r["requests"] == 1 and r["clause"] and r["title"] for r in said["newly_refused_by"])
    text = run("replay", "--ledger", house.ledger, "--policy", policy)
    assert text.returncode == 1 and "1  newly refused" in text.stdout
    assert f"  entry {house.told['aged']}  " in text.stdout


def test_a_client_that_is_retired(house, tmp_path):
    policy = edited(house, tmp_path, ('    api_version: "v2"\n', '    api_version: "v2"\n    retired_after: 2026-01-01\n'))
    code, said = replay(house, policy)
    assert code == 1 and [r["rule"] for r in said["newly_refused_by"]] == ["N06"]
    assert said["requests"]["still_admitted"] == 0


def test_another_clock(house):
    """In 400 days all evidence is over; nothing is signed for it."""
    code, said = replay(house, house.dir / "policy.yaml", "--at", "+400d")
    assert code == 1 and said["requests"]["still_admitted"] == 0 and said["at"] is not None
    assert all(row["judged_at"] == said["at"] for row in said["changed"])


def test_the_ledger_is_only_read(house):
    before = house.ledger.read_bytes()
    replay(house, house.dir / "policy.yaml")
    assert house.ledger.read_bytes() == before


@pytest.mark.parametrize("args, code, words", [
    (["--policy", "missing.yaml"], 2, "missing.yaml"),
    (["--at", "noon"], 2, "--at noon"),
    (["--from", "0"], 2, "--from 0"),
    (["--check", "--at", "now"], 2, "--check"),
    (["--ledger", "missing.db"], 3, "missing.db"),
])
def test_what_cannot_be_done(house, args, code, words):
    full = {"--ledger": house.ledger, "--policy": house.dir / "policy.yaml"}
    for name in ("--ledger", "--policy"):
        if name in args:
            full.pop(name)
    said = run("replay", *[x for pair in full.items() for x in pair], *args)
    assert said.returncode == code and words in said.stderr, said.stderr
