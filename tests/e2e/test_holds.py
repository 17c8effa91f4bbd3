"""Holds through the real daemon: what each selector stops, who lifts, what survives, and the ledger's order."""
import datetime
import hashlib
import json
import secrets

import grpc
import pytest

import audit
import house as h
import rough

OV = ((h.NameOID.COUNTRY_NAME, "DE"), (h.NameOID.STATE_OR_PROVINCE_NAME, "Berlin"),
      (h.NameOID.LOCALITY_NAME, "Berlin"), (h.NameOID.ORGANIZATION_NAME, "Beispiel Verlag GmbH"))
PLACE = "/countersign.v1.HoldService/PlaceHold"
LIFT = "/countersign.v1.HoldService/LiftHold"


@pytest.fixture(scope="module")
def house():
    with rough.RoughHouse() as made:
        made.start()
        yield made


@pytest.fixture(autouse=True)
def all_lifted(request):
    """Each test leaves the house without holds."""
    yield
    if "house" in request.fixturenames:
        made = request.getfixturevalue("house")
        for record in made.holds().holds:
            made.lift(record.hold_id)


def name_of(subject):
    return h.x509.Name([h.x509.NameAttribute(o, v) for o, v in subject])


def fresh_name():
    return f"w{secrets.token_hex(4)}.example.com"


def sign_one(house, name=None, account=b"acct-1", issuer="ec", **order):
    tbs = house.tbs([name or fresh_name()], issuer)
    return house.sign(tbs, house.complete(tbs, account, **order), issuer)


def refused(ask, *args, rules=("H01",), **named):
    with pytest.raises(h.Refused) as caught:
        ask(*args, **named)
    assert caught.value.rules() == list(rules), (caught.value.rules(), caught.value.text)
    return caught.value


def ask_ov(house):
    tbs = house.tbs([fresh_name()], profile="ov", subject=OV)
    return house.sign(tbs, [*house.complete(tbs, b"acct-ov", profile="ov"), house.organization(name_of(OV), b"acct-ov")])


SELECTORS = {
    "order": (dict(order_ids=[b"order-on-hold"]), lambda s: sign_one(s, order_id=b"order-on-hold"), sign_one),
    "account": (dict(accounts=[b"acct-held", b"acct-x"]), lambda s: sign_one(s, account=b"acct-held"), sign_one),
    "suffix": (dict(name_suffixes=[b"held.example.com"]), lambda s: sign_one(s, "a.b.held.example.com"),
               lambda s: sign_one(s, "unheld.example.com")),
    "wildcard": (dict(name_suffixes=[b"www.wild.example.com"]), lambda s: sign_one(s, "*.wild.example.com"),
                 lambda s: sign_one(s, "mail.wild.example.com")),
    "organization": (dict(organizations=[b"BEISPIEL Verlag GmbH"]), ask_ov, sign_one),
    "attester": (dict(attesters=[b"vetting-1"]), ask_ov, sign_one),
    "method": (dict(methods=[h.common_pb2.VALIDATION_METHOD_DCV_DNS_CHANGE], accounts=[b"acct-m"]),
               lambda s: sign_one(s, account=b"acct-m"), sign_one),
    "issuer": (dict(issuers=[b"rsa"]), lambda s: sign_one(s, issuer="rsa"), sign_one),
    "profile": (dict(profiles=[h.common_pb2.PROFILE_ORGANIZATION_VALIDATED]), ask_ov, sign_one),
    "client": (dict(clients=[b"api"]), sign_one, None),
    "api version": (dict(api_versions=[b"v2"]), sign_one, None),
    "everything": (dict(everything=True), sign_one, None),
}


@pytest.mark.parametrize("row", SELECTORS)
def test_each_selector(house, row):
    """What it selects is refused, the rest is signed, and after two operators lift it all is signed again."""
    fields, held, other = SELECTORS[row]
    hold_id, entry = house.place(reason=b"found in review", **fields)
    said = refused(held, house)
    reason = said.refusal.reasons[0]
    assert hold_id.decode() in reason.subject and "op-1" in reason.found and "found in review" in reason.found
    assert f"ledger entry {entry})" in reason.found
    if other is not None:
        other(house)
    house.lift(hold_id)
    if row != "order":
        held(house)


def test_serial_and_certificate(house):
    """A serial as people write it; a certificate by its digest: its final certificate is stopped."""
    key, serial = h.ec.generate_private_key(h.ec.SECP256R1()), 0x8F00112233445566778899AABBCC0001
    args = dict(key=key, serial=serial, not_before=datetime.datetime.utcnow() - datetime.timedelta(hours=1))
    name = fresh_name()
    pre, final = house.tbs([name], precertificate=True, **args), house.tbs([name], **args)
    evidence = house.complete(pre, order_id=b"o-" + secrets.token_bytes(4))
    hold_id, _ = house.place(serial_numbers=[serial.to_bytes(16, "big")])
    refused(house.sign, pre, evidence)
    house.lift(hold_id)
    issued = house.sign(pre, evidence)
    hold_id, _ = house.place(certificate_sha256s=[hashlib.sha256(issued.certificate).digest()])
    refused(house.sign, final, [*evidence, house.lint(final)])
    sign_one(house)
    house.lift(hold_id)
    house.sign(final, [*evidence, house.lint(final)])


def test_evaluate_says_it_too(house):
    tbs = house.tbs([fresh_name()])
    evidence = house.complete(tbs)
    assert house.evaluate(tbs, evidence).verdict.admitted
    house.place(everything=True)
    assert [r.rule for r in house.evaluate(tbs, evidence).verdict.reasons] == ["H01"]


def test_who_may_place_and_lift(house):
    """One key places. One key, and two keys of one person, do not lift; two operators do."""
    for attester, rule in (("ra-1", "E03"), ("dcv-1", "E03")):
        refused(house.place, everything=True, attester=attester, rules=[rule])
    refused(house.place, everything=True, header={"audience": b"other"}, rules=["E04"])
    refused(house.place, everything=True, header={"expires_at_unix_s": int(h.time.time()) - 1}, rules=["E05"])
    forged = house.hold_statement(everything=True)
    forged.signatures[0].sig = house.attesters["op-2"].signature(forged.payload + b"x")
    with pytest.raises(h.Refused) as caught:
        house.call(PLACE, h.hold_service_pb2.PlaceHoldRequest(statement=forged), h.hold_service_pb2.PlaceHoldResponse)
    assert caught.value.rules() == ["E02"]
    sign_one(house)
    hold_id, _ = house.place(everything=True, attester="op-2b")
    for attester, cosigners in (("op-1", ()), ("op-2", ("op-2b",))):
        said = refused(house.lift, hold_id, attester, cosigners, rules=["E03"])
        assert "2 different operators" in said.refusal.reasons[0].needed
    assert refused(house.lift, b"no such hold", rules=["N03"]).code == grpc.StatusCode.NOT_FOUND
    refused(sign_one, house)
    house.lift(hold_id, "op-1", ("op-2b",))
    sign_one(house)
    refused(house.lift, hold_id, rules=["N03"])  # by another statement


def test_repeats_and_ids(house):
    statement = house.hold_statement(accounts=[b"acct-r"], hold_id=b"one")
    ask = h.hold_service_pb2.PlaceHoldRequest(statement=statement)
    first, again = (house.call(PLACE, ask, h.hold_service_pb2.PlaceHoldResponse) for _ in range(2))
    assert not first.already_known and again.already_known and first.ledger_entry == again.ledger_entry
    said = refused(house.place, hold_id=b"one", accounts=[b"another"], rules=["E06"])
    assert said.code == grpc.StatusCode.ALREADY_EXISTS
    lift = h.hold_service_pb2.LiftHoldRequest(statement=house.hold_statement(hold_id=b"one", cosigners=("op-2",)))
    first, again = (house.call(LIFT, lift, h.hold_service_pb2.LiftHoldResponse) for _ in range(2))
    assert not first.already_known and again.already_known and first.ledger_entry == again.ledger_entry
    # placing it again after the lift is the first placing over again: it does not come back
    assert house.call(PLACE, ask, h.hold_service_pb2.PlaceHoldResponse).already_known
    sign_one(house, account=b"acct-r")
    listed = [r for r in house.holds(include_lifted=True).holds if r.hold_id == b"one"]
    assert len(listed) == 1 and list(listed[0].lifted.operators) == [b"op-1", b"op-2"]
    assert not house.holds().holds and house.holds().n_in_force == 0
    # statements have their own doors
    refused(house.deposit, [statement], rules=["E01"])
    with pytest.raises(h.Refused) as caught:
        house.call(PLACE, h.hold_service_pb2.PlaceHoldRequest(), h.hold_service_pb2.PlaceHoldResponse)
    assert caught.value.code == grpc.StatusCode.INVALID_ARGUMENT
    with pytest.raises(h.Refused) as caught:
        house.call(PLACE, h.hold_service_pb2.PlaceHoldRequest(statement=lift.statement),
                   h.hold_service_pb2.PlaceHoldResponse)
    assert caught.value.rules() == ["E01"]


def test_listing_in_pages(house):
    for n in range(3):
        house.place(accounts=[b"acct-%d" % n], hold_id=b"page-%d" % n)
    everything = house.holds()
    assert [r.hold_id for r in everything.holds] == [b"page-0", b"page-1", b"page-2"] and everything.n_in_force == 3
    rest = house.holds(after_entry=everything.holds[0].placed.ledger_entry)
    assert [r.hold_id for r in rest.holds] == [b"page-1", b"page-2"] and rest.next_after_entry == 0


def own_channel(house):
    """A connection of its own: one carries 100 calls at a time."""
    return grpc.insecure_channel(f"unix:{house.socket}", options=[("grpc.use_local_subchannel_pool", 1)])


def test_two_hundred_in_flight(house):
    """The signers are busy when the hold is placed: no intent stands behind its entry, and the clients that were late
    are refused."""
    requests = [house.request(fresh_name()) for _ in range(200)]
    house.hold("before")
    with own_channel(house) as early, own_channel(house) as late, own_channel(house) as operator:
        futures = [house.future(early, r) for r in requests[:100]]
        house.wait_held()
        place = operator.unary_unary(PLACE, request_serializer=h.hold_service_pb2.PlaceHoldRequest.SerializeToString,
                                    response_deserializer=h.hold_service_pb2.PlaceHoldResponse.FromString)
        held = place.future(h.hold_service_pb2.PlaceHoldRequest(statement=house.hold_statement(everything=True)), timeout=30)
        futures += [house.future(late, r) for r in requests[100:]]
        entry = held.result().ledger_entry
        house.set_rules()
        codes = [house.take(f)[0] for f in futures]
    books = audit.Books(house)
    signed = [r.request_id for r, code in zip(requests, codes) if code == grpc.StatusCode.OK]
    assert 0 < len(signed) < 200, len(signed)
    assert set(codes) == {grpc.StatusCode.OK, grpc.StatusCode.FAILED_PRECONDITION}
    for request_id in signed:
        (seq, result), = books.of_request(request_id)
        assert seq < entry and result == audit.SIGNED
    assert max(books.intents) < entry
    house.audit()


def test_between_precertificate_and_final(house):
    key = h.ec.generate_private_key(h.ec.SECP256R1())
    args = dict(key=key, serial=0x7F00112233445566778899AABBCC0001,
                not_before=datetime.datetime.utcnow() - datetime.timedelta(hours=1))
    name = fresh_name()
    pre, final = house.tbs([name], precertificate=True, **args), house.tbs([name], **args)
    evidence = house.complete(pre, b"acct-pair")
    house.sign(pre, evidence)
    hold_id, _ = house.place(accounts=[b"acct-pair"])
    refused(house.sign, final, [*evidence, house.lint(final, b"acct-pair")])
    house.lift(hold_id)
    house.sign(final, [*evidence, house.lint(final, b"acct-pair")])


def test_survives_restart_kill_and_policy():
    """A kill right after the answer, an ordinary restart, an operator who left the policy, an expired statement: the
    hold stays until it is lifted. The ledger proves it, and finds a control row that is gone."""
    with rough.RoughHouse() as house:
        house.start()
        soon = int(h.time.time()) + 2
        hold_id, entry = house.place(accounts=[b"acct-1"], header={"expires_at_unix_s": soon})
        house.process.kill()
        house.wait_ended()
        del house.attesters["op-1"]
        house.attesters["op-3"] = h.Attester("op-3", ["operator"], person="odo")
        house.write_policy()
        house.start()
        rough.wait_for(lambda: h.time.time() > soon, "the statement to expire")
        assert f"ledger entry {entry})" in refused(sign_one, house).refusal.reasons[0].found
        listed = house.holds()
        assert [r.hold_id for r in listed.holds] == [hold_id] and list(listed.holds[0].placed.operators) == [b"op-1"]
        house.stop()
        house.start()
        refused(sign_one, house)
        house.lift(hold_id, "op-2", ("op-3",))
        sign_one(house)
        house.stop()
        house.start()
        sign_one(house)
        house.stop()
        run = h.subprocess.run([h.BIN / "countersign", "ledger", "verify", house.ledger], capture_output=True)
        assert run.returncode == 0, run.stderr


def command(house, *args, code=0):
    """Runs countersign; returns its standard output."""
    run = h.subprocess.run([h.BIN / "countersign", *map(str, args)], capture_output=True, text=True, stdin=h.subprocess.DEVNULL)
    assert run.returncode == code, (args, run.returncode, run.stdout, run.stderr)
    return run.stdout


def test_commands(house, tmp_path):
    """hold place, list and lift; two operators on two machines pass a file."""
    for name in ("op-1", "op-2", "op-2b"):
        (tmp_path / f"{name}.pem").write_bytes(house.attesters[name].private_pem())
    make = ["--audience", h.DEPLOYMENT, "--reason", "the customer asked"]
    by = [*make, "--operator", "op-1", "--key", tmp_path / "op-1.pem"]
    gate = ["--socket", house.socket]
    out = command(house, "hold", "place", "--id", "cli-1", "--account", "acct-cli", "--account", "acct-x", *by, *gate)
    assert "hold cli-1 placed: ledger entry" in out
    refused(sign_one, house, account=b"acct-cli")
    listed = json.loads(command(house, "hold", "list", "--json", *gate))
    assert listed["n_in_force"] == 1 and listed["holds"][0]["hold_id"] == "cli-1"
    assert listed["holds"][0]["selector"]["accounts"] == ["acct-cli", "acct-x"]
    assert "the customer asked" in command(house, "hold", "list", *gate)
    command(house, "hold", "lift", "--id", "cli-1", *by, *gate, code=1)
    command(house, "hold", "lift", "--id", "no-such", *by, "--key", tmp_path / "op-2.pem", *gate, code=1)
    first, second = tmp_path / "lift.dsse", tmp_path / "lift2.dsse"
    command(house, "hold", "lift", "--id", "cli-1", *by, "--out", first)
    command(house, "attest", "cosign", "--in", first, "--key", tmp_path / "op-2.pem", "--out", second)
    assert "hold cli-1 lifted" in command(house, "hold", "lift", "--statement", second, *gate)
    sign_one(house, account=b"acct-cli")
    # the same in one step, and without asking where there is no terminal
    said = json.loads(command(house, "hold", "place", "--everything", "--json", *by, *gate))
    assert said["hold_id"].startswith("hold-")
    refused(sign_one, house)
    command(house, "hold", "lift", "--id", said["hold_id"], *by, "--key", tmp_path / "op-2.pem", *gate)
    sign_one(house)
    command(house, "hold", "place", "--account", "a", *make, *gate, code=2)
    command(house, "hold", "place", "--account", "a", *by, code=2)
    command(house, "hold", "place", *by, *gate, code=2)  # selects nothing
    command(house, "hold", "list", "--socket", tmp_path / "nobody.sock", code=3)
