"""Recalls through the real daemon: what each predicate withdraws, inline and deposited, and what it leaves alone."""
import hashlib
import json
import secrets

import pytest

import house as h
import rough

DNS, HTTP = h.common_pb2.VALIDATION_METHOD_DCV_DNS_CHANGE, h.common_pb2.VALIDATION_METHOD_DCV_ACME_HTTP_01


@pytest.fixture()
def house():
    with rough.RoughHouse() as made:
        made.start()
        yield made


def fresh_name():
    return f"r{secrets.token_hex(4)}.example.com"


def rules_of(ask, *args, **named):
    with pytest.raises(h.Refused) as caught:
        ask(*args, **named)
    return caught.value.rules()


def resigned(house, envelope, attester="dcv-1", **software):
    """The same statement of another software."""
    statement = h.statement_pb2.Statement.FromString(envelope.payload)
    statement.header.statement_id = secrets.token_bytes(16)
    for key, value in software.items():
        setattr(statement.header.software, key, value)
    return house.attesters[attester].envelope(statement)


def case(house, account=b"acct-1", **domain):
    """(tbs, everything but control, control)"""
    name = fresh_name()
    tbs = house.tbs([name])
    return tbs, house.around(tbs, account), house.domain(name, account, **domain)


def header_of(envelope):
    return h.statement_pb2.Statement.FromString(envelope.payload).header


def now():
    return int(h.time.time())


ROWS = {
    "statement id": lambda s, e: dict(statement_ids=[header_of(e).statement_id]),
    "payload": lambda s, e: dict(payload_sha256s=[hashlib.sha256(e.payload).digest()]),
    "attester": lambda s, e: dict(attesters=[b"dcv-1"], methods=[DNS], accounts=[b"acct-1"]),
    "role until now": lambda s, e: dict(role=h.common_pb2.ROLE_VALIDATION_SYSTEM, observed_until_unix_s=now()),
    "method until now": lambda s, e: dict(methods=[HTTP, DNS], observed_until_unix_s=now()),
    "software range": lambda s, e: dict(software_name=b"house", software_version_from=b"0.9", software_version_to=b"1.0"),
    "perspective": lambda s, e: dict(
        perspective_ids=[h.statement_pb2.Statement.FromString(e.payload).domain_control.perspectives.remotes[0].id],
        observed_until_unix_s=now()),
    "account": lambda s, e: dict(accounts=[b"acct-1"], observed_until_unix_s=now()),
    "interval": lambda s, e: dict(observed_from_unix_s=now() - 4000, observed_until_unix_s=now() - 3000),
}


@pytest.mark.parametrize("row", ROWS)
def test_each_predicate(house, row):
    """Inline it refuses by H02; deposited it is as if it were not there, and H02 says why; the rest still counts."""
    tbs, around, control = case(house)
    stored_tbs, stored_around, stored = case(house)
    house.deposit([stored])
    fields = ROWS[row](house, control)
    if row == "statement id":
        fields["statement_ids"].append(header_of(stored).statement_id)
    if row == "payload":
        fields["payload_sha256s"].append(hashlib.sha256(stored.payload).digest())
    first = house.recall(**fields)
    assert first.ledger_entry > 0
    assert "H02" in rules_of(house.sign, tbs, [*around, control])
    said = rules_of(house.sign, stored_tbs, stored_around)
    assert "V01" in said or "B01" in said or "C01" in said, said
    assert "H02" in said
    if row in ("statement id", "payload", "interval", "attester"):
        name = fresh_name()
        other = house.tbs([name])
        fine = (house.domain(name, age_s=100) if row != "attester" else
                house.domain(name, method="dcv_acme_http_01"))
        house.sign(other, [*house.around(other), fine])


def test_software_fixed_and_restart(house):
    """The fixed version works at once; the recall survives a restart and a repeat of it changes nothing."""
    statement = house.recall_statement(software_name=b"house", software_version_from=b"1.0", software_version_to=b"1.9")
    ask = h.evidence_service_pb2.RecallEvidenceRequest(statement=statement)
    answers = [house.call("/countersign.v1.EvidenceService/RecallEvidence", ask,
                          h.evidence_service_pb2.RecallEvidenceResponse) for _ in range(2)]
    assert [a.already_known for a in answers] == [False, True]
    assert answers[0].ledger_entry == answers[1].ledger_entry
    house.stop()
    house.start()
    for version, rules in ((b"1.9.0", {"H02"}), (b"1.10", set()), (b"1.4-rc1", {"H02"}), (b"0.9.9", set())):
        tbs, around, control = case(house)
        evidence = [resigned(house, control, version=version)]
        for e in around:
            evidence.append(resigned(house, e, header_of(e).attester.decode(), version=b"2.0"))
        if rules:
            assert "H02" in rules_of(house.sign, tbs, evidence), version
        else:
            house.sign(tbs, evidence)


def test_objections_stay(house):
    """Who recalls cannot take an objection away, nor a CAA check that forbids."""
    name, order_id = fresh_name(), secrets.token_bytes(16)
    tbs = house.tbs([name])
    evidence = house.complete(tbs, order_id=order_id)
    objection = house.approval(order_id, "reject")
    forbids = house.caa(name, age_s=10, result=h.caa_check_pb2.CAA_RESULT_FORBIDDEN)
    house.deposit([objection, forbids])
    assert set(rules_of(house.sign, tbs, evidence)) >= {"A01"}
    house.recall(statement_ids=[header_of(objection).statement_id, header_of(forbids).statement_id])
    said = rules_of(house.sign, tbs, evidence)
    assert "A01" in said and "C01" in said, said


def test_recall_must_end(house):
    """No recall is taken back, so one that would bar a method or an account for ever is refused, by its form."""
    assert rules_of(house.recall, methods=[DNS]) == ["E01"]
    assert rules_of(house.recall, accounts=[b"acct-1"]) == ["E01"]
    assert rules_of(house.recall, attester="ra-1", statement_ids=[b"x" * 16]) == ["E03"]
    tbs, around, control = case(house)
    house.sign(tbs, [*around, control])


def test_cache_does_not_know_better(house):
    """Evidence that was verified, kept and relied on a moment ago is withdrawn like any other."""
    name = fresh_name()
    control = house.domain(name)
    for _ in range(2):
        tbs = house.tbs([name])
        house.sign(tbs, [*house.around(tbs), control])
    house.recall(statement_ids=[header_of(control).statement_id])
    tbs = house.tbs([name])
    assert "H02" in rules_of(house.sign, tbs, [*house.around(tbs), control])


def test_who_relied_on_it(house, tmp_path):
    """recall place prints the certificates that relied on what it withdraws, and no others; recall list does so later."""
    (tmp_path / "op.pem").write_bytes(house.attesters["op-1"].private_pem())
    touched = []
    for version in (b"1.0", b"1.4", b"1.5"):
        tbs, around, control = case(house)
        answer = house.sign(tbs, [*around, resigned(house, control, version=version)])
        touched.append(answer.ledger_entry)
    house.deposit([house.domain("unused.example.com")])

    def command(*args, code=0):
        run = h.subprocess.run([h.BIN / "countersign", "recall", *map(str, args)], capture_output=True, text=True)
        assert run.returncode == code, (args, run.stdout, run.stderr)
        return run.stdout

    by = ["--audience", h.DEPLOYMENT, "--reason", "random value, =without underscore", "--operator", "op-1",
          "--key", tmp_path / "op.pem", "--socket", house.socket]
    found = json.loads(command("place", "--software", "house", "--version-from", "1.1", "--version-to", "1.4", *by,
                               "--ledger", house.ledger, "--json"))
    assert [c["entry"] for c in found["certificates"]] == [touched[1]] and found["recalls"][0]["n_certificates"] == 1
    row = found["certificates"][0]
    assert row["result"] == "signed" and row["issuer"] == "ec" and row["names"][0].endswith(".example.com")
    command("place", "--method", "dcv_dns_change", "--observed-until", "now", *by)
    found = json.loads(command("list", "--ledger", house.ledger, "--json"))
    assert [r["n_certificates"] for r in found["recalls"]] == [1, 3]
    second = found["recalls"][1]["statement_id"]
    rows = command("list", "--ledger", house.ledger, "--recall", second, "--csv").splitlines()
    assert len(rows) == 4 and rows[0].startswith('"entry","at"')
    assert "3 certificates relied" in command("list", "--ledger", house.ledger, "--recall", second)
    command("list", "--ledger", house.ledger, "--recall", "00" * 16, code=2)
    command("list", "--ledger", tmp_path / "none.db", code=3)
    command("place", "--method", "dcv_dns_change", *by, code=2)  # without an end


def test_a_cosigner_counts_with_the_policy():
    """Who signed beside the attester that the statement names is found by the policy's keys, as the gate finds them."""
    with rough.RoughHouse() as house:
        house.attesters["lint-2"] = h.Attester("lint-2", ["lint-service"])
        house.write_policy()
        house.start()
        tbs, around, control = case(house)
        lint = next(e for e in around if header_of(e).attester == b"lint")
        around.remove(lint)
        cosigned = house.attesters["lint"].envelope(h.statement_pb2.Statement.FromString(lint.payload),
                                                    [house.attesters["lint-2"]])
        entry = house.sign(tbs, [*around, control, cosigned]).ledger_entry
        house.recall(attesters=[b"lint-2"])

        def found(*more):
            run = h.subprocess.run([h.BIN / "countersign", "recall", "list", "--ledger", house.ledger, "--json", *more],
                                   capture_output=True, text=True)
            assert run.returncode == 0, run.stderr
            return json.loads(run.stdout)

        assert found()["certificates"] == [] and not found()["cosigners_known"]
        known = found("--policy", house.dir / "policy.yaml")
        assert [c["entry"] for c in known["certificates"]] == [entry] and known["cosigners_known"]
        house.recall(payload_sha256s=[hashlib.sha256(control.payload).digest()])
        assert [c["entry"] for c in found()["certificates"]] == [entry]
