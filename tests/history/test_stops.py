"""What could not be refused when it happened, because the evidence was validly signed: stopping it and finding it."""
import json
import os
import secrets
import signal
import subprocess

import grpc
import pytest

import audit
import house as h
import past
from past import DAY, OV_SUBJECT, name_of, refused, signed

DNS = h.common_pb2.VALIDATION_METHOD_DCV_DNS_CHANGE
ALPN = h.common_pb2.VALIDATION_METHOD_DCV_ACME_TLS_ALPN_01


@pytest.fixture()
def house():
    with past.PastHouse(issuers=past.EC) as made:
        made.start()
        yield made


def issued(house, name, version=None, account=b"acct-1", **control):
    """(tbs, evidence): all that the name needs, the control of it by another version of the validation system."""
    tbs = house.tbs([name])
    statement = house.domain(name, account, envelope=False, **control)
    if version is not None:
        statement.header.software.version = version
    return tbs, [*house.around(tbs, account), house.attesters["dcv-1"].envelope(statement)]


def relied_on(house):
    """Ledger entries of the certificates that relied on recalled evidence, as the command finds them."""
    run = subprocess.run([h.BIN / "countersign", "recall", "list", "--ledger", house.ledger, "--json"], check=True,
                         stdout=subprocess.PIPE)
    return [row["entry"] for row in json.loads(run.stdout)["certificates"]]


def test_h08(house):
    """Random values lacked the underscore in some versions of the software, and 83,267 certificates followed (1910322):
    one predicate withdraws them all, the list is complete, and the repaired version goes on working."""
    entries = {}
    for n, version in enumerate((b"2.9", b"2.10", b"2.11", b"2.12", b"3.0")):
        tbs, evidence = issued(house, f"dns-{n}.example.com", version)
        entries[version] = signed(house, tbs, evidence).ledger_entry
    tbs, evidence = issued(house, "http.example.com", b"2.10", method="dcv_acme_http_01")
    signed(house, tbs, evidence)
    house.recall(software_name=b"house", software_version_from=b"2.10", software_version_to=b"2.12", methods=[DNS])
    assert relied_on(house) == [entries[v] for v in (b"2.10", b"2.11", b"2.12")]
    for version, fine in ((b"2.9", True), (b"2.11", False), (b"2.12.0", False), (b"2.13", True)):
        tbs, evidence = issued(house, f"again-{version.decode()}.example.com", version)
        if fine:
            signed(house, tbs, evidence)
        else:
            refused(house.sign, tbs, evidence, rules=["H02", "V01"])
    house.audit()


def test_h09(house):
    """tls-alpn-01 accepted wrong TLS versions until it was repaired, in some two million validations: what was seen by
    that method before the repair is withdrawn, what was seen after it counts."""
    args = dict(method="dcv_acme_tls_alpn_01")
    tbs, evidence = issued(house, "old.example.com", age_s=5 * DAY, **args)
    first = signed(house, tbs, evidence).ledger_entry
    tbs, evidence = issued(house, "other.example.com", age_s=5 * DAY)
    signed(house, tbs, evidence)
    repaired = house.now() - 2 * DAY
    house.recall(methods=[ALPN], observed_from_unix_s=repaired - 30 * DAY, observed_until_unix_s=repaired)
    assert relied_on(house) == [first]
    tbs, evidence = issued(house, "late.example.com", age_s=3 * DAY, **args)
    refused(house.sign, tbs, evidence, rules=["H02", "V01"])
    tbs, evidence = issued(house, "new.example.com", age_s=DAY, **args)
    signed(house, tbs, evidence)
    tbs, evidence = issued(house, "another.example.com", age_s=3 * DAY)
    signed(house, tbs, evidence)


def test_h10_reuse_after_recall(house):
    """Bad validations stayed in a cache and were used again during the investigation (2017, 8,850 + 101 certificates):
    once recalled, neither a deposit nor what was verified a moment ago serves another order."""
    name = "reused.example.com"
    control = house.domain(name)
    house.deposit([control])
    for _ in range(2):
        tbs = house.tbs([name])
        signed(house, tbs, house.around(tbs))
    house.recall(methods=[DNS], observed_until_unix_s=house.now())
    for evidence in ([], [control]):
        tbs = house.tbs([name])
        said = refused(house.sign, tbs, [*house.around(tbs), *evidence], rules=["H02", "V01"], also=["C01", "C04"])
        assert any("found wrong" in r.found for r in said.refusal.reasons if r.rule == "H02")
    assert len(relied_on(house)) == 2
    tbs = house.tbs([name])
    signed(house, tbs, [*house.around(tbs), house.domain(name, age_s=-1)])  # validated anew, after the recall


def test_h34(house):
    """Issuance went on after the problem was known, 26,668 EV certificates (1883843): a hold by profile stops it at the
    key with the next request, the other profiles go on, and one operator cannot let it go."""
    def organisation(name):
        tbs = house.tbs([name], profile="ov", subject=OV_SUBJECT)
        return tbs, [*house.complete(tbs, b"h34", profile="ov"), house.organization(name_of(OV_SUBJECT), b"h34")]

    signed(house, *organisation("before.example.com"))
    hold_id, entry = house.place(profiles=[h.common_pb2.PROFILE_ORGANIZATION_VALIDATED,
                                           h.common_pb2.PROFILE_EXTENDED_VALIDATION], reason=b"wrong policy OID")
    for n in range(5):
        refused(house.sign, *organisation(f"after-{n}.example.com"), rules=["H01"])
    tbs, evidence = issued(house, "dv.example.com")
    signed(house, tbs, evidence)
    refused(house.lift, hold_id, "op-1", (), rules=["E03"])
    refused(house.sign, *organisation("still.example.com"), rules=["H01"])
    house.lift(hold_id)
    signed(house, *organisation("repaired.example.com"))
    house.audit()


def test_h01_one_hold_on_all_that_an_agent_approved(house):
    """The agent had approved other renewals too: one hold on the agent's key stops whatever rests on those approvals."""
    def approved(name, agent):
        order_id = secrets.token_bytes(16)
        tbs = house.tbs([name])
        return tbs, [*house.complete(tbs, order_id=order_id), house.approval(order_id, attester=agent)]

    house.place(attesters=[b"ra-1"])
    for n in range(3):
        refused(house.sign, *approved(f"agent-{n}.example.com", "ra-1"), rules=["H01"])
    signed(house, *approved("colleague.example.com", "ra-2"))


def test_h01_withdrawn_before_the_intent(house):
    """Withdrawals and requests race while the gate is busy: whoever is recorded first wins, and no intent stands behind
    the withdrawal of its order."""
    cases = []
    for n in range(40):
        order_id, tbs = secrets.token_bytes(16), house.tbs([f"race-{n}.example.com"])
        cases.append((past.request(tbs, house.complete(tbs, order_id=order_id)),
                      h.evidence_service_pb2.DepositEvidenceRequest(evidence=[house.approval(order_id, "withdraw")])))
    gate, = house.pids("gate")
    os.kill(gate, signal.SIGSTOP)
    try:
        with house.channel() as channel:
            deposit = channel.unary_unary(
                "/countersign.v1.EvidenceService/DepositEvidence",
                request_serializer=h.evidence_service_pb2.DepositEvidenceRequest.SerializeToString,
                response_deserializer=h.evidence_service_pb2.DepositEvidenceResponse.FromString)
            withdrawn = [deposit.future(w, timeout=30) for _, w in cases[:20]]
            asked = [house.future(channel, r) for r, _ in cases]
            withdrawn += [deposit.future(w, timeout=30) for _, w in cases[20:]]
            os.kill(gate, signal.SIGCONT)
            entries = [w.result().deposited[0].ledger_entry for w in withdrawn]
            codes = [house.take(a)[0] for a in asked]
    finally:
        os.kill(gate, signal.SIGCONT)
    books = audit.Books(house)
    for (request, _), code, entry in zip(cases, codes, entries):
        intents = books.of_request(request.request_id)
        if code == grpc.StatusCode.OK:
            assert intents[0][0] < entry
        else:
            assert code == grpc.StatusCode.FAILED_PRECONDITION and not intents
    assert grpc.StatusCode.FAILED_PRECONDITION in codes
    house.audit()
