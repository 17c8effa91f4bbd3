"""AuthorizeTbs and SignAuthorized: the way of clients that hash by themselves. A digest is worth what was judged under it
before, for one client, once, for a time; and what is signed is the TBS, judged again."""
import base64
import hashlib
import json
import os
import signal
import subprocess
import time

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import audit
import house as h
import rough

OK, REFUSED, EXISTS, INVALID, DENIED = (grpc.StatusCode.OK, grpc.StatusCode.FAILED_PRECONDITION,
                                        grpc.StatusCode.ALREADY_EXISTS, grpc.StatusCode.INVALID_ARGUMENT,
                                        grpc.StatusCode.PERMISSION_DENIED)
RSA, PSS = "300d06092a864886f70d01010%s0500", "304106092a864886f70d01010a3034a00f300d06096086480165030402%s0500a11c301a" \
    "06092a864886f70d010108300d06096086480165030402%s0500a2030201%s"
ALGORITHMS = {
    "rsa-sha256": ("rsa", RSA % "b"), "rsa-sha384": ("rsa", RSA % "c"), "rsa-sha512": ("rsa", RSA % "d"),
    "rsa-pss-sha256": ("rsa", PSS % ("01", "01", "20")), "rsa-pss-sha384": ("rsa", PSS % ("02", "02", "30")),
    "rsa-pss-sha512": ("rsa", PSS % ("03", "03", "40")),
    "ecdsa-sha256": ("ec", "300a06082a8648ce3d040302"), "ecdsa-sha384": ("ec384", "300a06082a8648ce3d040303")}
ISSUERS = (("ec", "ec-p256", ["ecdsa-sha256"], "01"), ("ec384", "ec-p384", ["ecdsa-sha384"], "02"),
           ("rsa", "rsa-2048", [a for a in ALGORITHMS if a.startswith("rsa")], "03"))
OTHER_UID, THIRD_UID = 64105, 64106
CLIENTS = [("api", "v2", os.getuid(), h.House.ALL_RPCS, "authorizes_for: [old, looker, elsewhere]"),
           ("old", "v1", OTHER_UID, ("SignAuthorized",)),
           ("looker", "v3", THIRD_UID, ("EvaluateCertificate",)),
           ("elsewhere", "v1", THIRD_UID + 1, ("SignAuthorized",)),
           ("stranger", "v1", THIRD_UID + 2, ("SignAuthorized", "AuthorizeTbs", "ListIssuers"))]


class AuthorizeHouse(rough.RoughHouse):
    """Client elsewhere may use no issuer but ec384, stranger none but ec."""

    def __init__(self, **args):
        super().__init__(issuers=ISSUERS, clients=CLIENTS, signers=1, module=h.MODULE, **args)
        self.dir.chmod(0o711)  # clients under other user ids reach the socket

    def write_policy(self):
        super().write_policy()
        policy = self.dir / "policy.yaml"
        before, name, after = policy.read_text().partition("  - name: elsewhere\n")
        after = after.replace("issuers: [ec, ec384, rsa]", "issuers: [ec384]", 1)
        policy.write_text(before + name + after.replace("issuers: [ec, ec384, rsa]", "issuers: [ec]", 1))


@pytest.fixture(scope="module")
def house():
    with AuthorizeHouse() as made:
        made.start()
        yield made


CHILD = """
import base64, grpc, json, sys
with grpc.insecure_channel("unix:" + sys.argv[1]) as channel:
    try:
        answer = channel.unary_unary(sys.argv[2])(sys.stdin.buffer.read(), timeout=20)
        print(json.dumps(["OK", base64.b64encode(answer).decode()]))
    except grpc.RpcError as e:
        print(json.dumps([e.code().name, e.details()]))
"""


def call_as(house, uid, rpc, request):
    """(status, answer bytes or text) of a client under another user id."""
    if os.getuid() != 0:
        pytest.skip("more clients than one need more user ids than one")
    run = subprocess.run([*h.as_user(uid), "/usr/bin/python3", "-c", CHILD, str(house.socket),
                          f"/countersign.v1.SigningService/{rpc}"], input=request.SerializeToString(),
                         stdout=subprocess.PIPE, check=True, cwd="/", env={"PATH": os.environ["PATH"]})
    code, said = json.loads(run.stdout)
    return grpc.StatusCode[code], base64.b64decode(said) if code == "OK" else said


def with_algorithm(tbs, der):
    fields = h.tbs_fields(tbs)
    fields[2] = bytes.fromhex(der)
    body = b"".join(fields)
    return bytes([0x30, 0x82]) + len(body).to_bytes(2, "big") + body


def refused(ask, *args, code, rules=None, **named):
    with pytest.raises(h.Refused) as caught:
        ask(*args, **named)
    said = caught.value
    assert said.code == code, said.text
    if rules is not None:
        assert said.rules() == rules, (said.rules(), said.text)
        assert said.refusal.ledger_entry > 0
    return said


def as_old(tbs, issuer="ec", request_id=None):
    return h.signing_service_pb2.SignAuthorizedRequest(
        request_id=request_id or h.secrets.token_bytes(16), issuer=issuer.encode(), digest=h.digest_of(tbs),
        signature_algorithm=h.tbs_fields(tbs)[2])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_authorised_then_signed(house, tmp_path, algorithm):
    issuer, der = ALGORITHMS[algorithm]
    tbs = with_algorithm(house.tbs([f"{algorithm}.example.com"], issuer), der)
    before = time.time()
    given = house.authorize(tbs, house.complete(tbs), issuer)
    assert given.digest == h.digest_of(tbs) and given.verdict.admitted and not given.replayed
    assert before + 298 <= given.expires_at_unix_s <= time.time() + 300
    assert given.ledger_entry > 0
    signed = house.sign_authorized(tbs, issuer)
    certificate = x509.load_der_x509_certificate(signed.certificate)
    assert certificate.tbs_certificate_bytes == tbs and certificate.signature == signed.signature
    assert signed.verdict.admitted and not signed.replayed
    leaf = tmp_path / "leaf.pem"
    leaf.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    subprocess.run(["openssl", "verify", "-x509_strict", "-CAfile", house.dir / f"{issuer}.pem", leaf], check=True,
                   stdout=subprocess.DEVNULL)
    books = audit.Books(house)
    intent = books.intents[signed.ledger_entry]
    assert intent.authorization_seq == given.ledger_entry and intent.tbs == tbs
    assert intent.caller.rpc == b"SignAuthorized"


def test_nothing_is_signed_or_spent_by_authorising(house):
    tbs = house.tbs(["unspent.example.com"])
    evidence = house.complete(tbs)
    before = audit.Books(house)
    house.authorize(tbs, evidence)
    after = audit.Books(house)
    assert len(after.intents) == len(before.intents) and len(after.witness) == len(before.witness)
    assert house.sign(tbs, evidence).certificate  # order and serial are free for another way
    # and with them gone, the authorization is worth nothing
    refused(house.sign_authorized, tbs, code=EXISTS, rules=["B04", "T05"])


def test_the_answer_again(house):
    tbs, other = house.tbs(["again.example.com"]), house.tbs(["other.again.example.com"])
    evidence, request_id = house.complete(tbs), os.urandom(16)
    given = house.authorize(tbs, evidence, request_id=request_id)
    again = house.authorize(tbs, evidence, request_id=request_id)
    assert again.replayed and not again.HasField("verdict")
    assert (again.digest, again.expires_at_unix_s, again.ledger_entry) == (
        given.digest, given.expires_at_unix_s, given.ledger_entry)
    # the evidence does not matter any more, the rest does
    assert house.authorize(tbs, [], request_id=request_id).ledger_entry == given.ledger_entry
    refused(house.authorize, other, house.complete(other), request_id=request_id, code=EXISTS, rules=["N04"])
    refused(house.authorize, tbs, evidence, for_client=b"old", request_id=request_id, code=EXISTS, rules=["N04"])
    # a signature with the same request id is another matter
    signed = house.sign_authorized(tbs, request_id=request_id)
    replayed = house.sign_authorized(tbs, request_id=request_id)
    assert replayed.replayed and replayed.certificate == signed.certificate
    refused(house.sign_authorized, other, request_id=request_id, code=EXISTS, rules=["N04"])
    refused(house.sign_authorized, tbs, "rsa", request_id=request_id, algorithm=bytes.fromhex(RSA % "b"), code=EXISTS,
            rules=["N04"])


def test_one_use(house):
    tbs = house.tbs(["once.example.com"])
    house.authorize(tbs, house.complete(tbs))
    assert house.sign_authorized(tbs).certificate
    said = refused(house.sign_authorized, tbs, code=EXISTS, rules=["N05"])
    assert "another request id spent" in said.text


def test_the_newest_unspent_counts(house):
    """The first authorization relies on evidence that is over soon, the second does not."""
    tbs = house.tbs(["newest.example.com"])
    order, lint, caa, control = house.complete(tbs)
    short = house.caa("newest.example.com", envelope=False)
    short.header.expires_at_unix_s = int(time.time()) + 3
    house.authorize(tbs, [order, lint, house.attesters["dcv-1"].envelope(short), control])
    second = house.authorize(tbs, [order, lint, caa, control])
    rough.wait_for(lambda: time.time() > short.header.expires_at_unix_s, "the evidence to expire")
    signed = house.sign_authorized(tbs)
    assert audit.Books(house).intents[signed.ledger_entry].authorization_seq == second.ledger_entry


def test_over(house):
    tbs = house.tbs(["over.example.com"])
    given = house.authorize(tbs, house.complete(tbs), valid_for_s=1)
    rough.wait_for(lambda: time.time() >= given.expires_at_unix_s, "the authorization to expire")
    said = refused(house.sign_authorized, tbs, code=REFUSED, rules=["N05"])
    assert "expired" in said.text
    assert house.authorize(tbs, house.complete(tbs)).ledger_entry > given.ledger_entry
    assert house.sign_authorized(tbs).certificate


def test_evidence_that_is_over_in_between(house):
    tbs = house.tbs(["between.example.com"])
    order, lint, caa, control = house.complete(tbs)
    short = house.domain("between.example.com", envelope=False)
    short.header.expires_at_unix_s = int(time.time()) + 3
    house.authorize(tbs, [order, lint, caa, house.attesters["dcv-1"].envelope(short)])
    rough.wait_for(lambda: time.time() > short.header.expires_at_unix_s, "the evidence to expire")
    said = refused(house.sign_authorized, tbs, code=REFUSED)
    assert {"E05", "V01"} & set(said.rules()), said.rules()
    house.deposit([control])  # what is missing now may also come by deposit; E05 stays, as in SignCertificate
    refused(house.sign_authorized, tbs, code=REFUSED)
    house.authorize(tbs, [order, lint, caa, control])
    assert house.sign_authorized(tbs).certificate


def test_an_order_withdrawn_in_between(house):
    tbs = house.tbs(["withdrawn.example.com"])
    house.authorize(tbs, house.complete(tbs, order_id=b"withdrawn-in-between"))
    house.deposit([house.approval(b"withdrawn-in-between", "withdraw")])
    refused(house.sign_authorized, tbs, code=REFUSED, rules=["A01"])


def test_deposits_alone(house):
    """Evidence deposited before, the TBS alone authorised, the digest alone asked for."""
    tbs = house.tbs(["deposited.example.com"])
    house.deposit(house.complete(tbs))
    house.authorize(tbs, [])
    assert house.sign_authorized(tbs).certificate


def test_digests_nobody_authorised(house):
    tbs = house.tbs(["unknown.example.com"])
    refused(house.sign_authorized, tbs, code=REFUSED, rules=["N05"])
    house.authorize(tbs, house.complete(tbs))
    digest = bytearray(h.digest_of(tbs))
    digest[7] ^= 1
    refused(house.sign_authorized, tbs, digest=bytes(digest), code=REFUSED, rules=["N05"])
    refused(house.sign_authorized, tbs, "rsa", algorithm=bytes.fromhex(RSA % "b"), code=REFUSED, rules=["N05"])
    for other in (RSA % "b", PSS % ("01", "01", "20")):  # same hash, other algorithm
        refused(house.sign_authorized, tbs, algorithm=bytes.fromhex(other), code=REFUSED, rules=["N05"])
    refused(house.sign_authorized, tbs, "nowhere", code=DENIED, rules=["N02"])
    assert house.sign_authorized(tbs).certificate


SHA1, MD5 = "300d06092a864886f70d0101050500", "300d06092a864886f70d0101040500"


@pytest.mark.parametrize("digest,algorithm", [
    (b"\1" * 20, SHA1), (b"\1" * 32, SHA1), (b"\1" * 16, MD5), (b"\1" * 20, RSA % "b"), (b"", RSA % "b"),
    (b"\1" * 48, RSA % "b"), (b"\1" * 32, RSA % "c"), (b"\1" * 64, "300a06082a8648ce3d040303"), (b"\1" * 33, RSA % "b"),
    (b"\1" * 32, ""), (b"\1" * 32, "300b06092a864886f70d01010b"), (b"\1" * 32, "30" * 1000),
    (b"\1" * 51, RSA % "b")], ids=range(13))
def test_digests_that_stand_for_no_tbs(house, digest, algorithm):
    tbs = house.tbs(["short.example.com"])
    refused(house.sign_authorized, tbs, digest=digest, algorithm=bytes.fromhex(algorithm), code=INVALID, rules=["N03"])


def test_requests_outside_their_bounds(house):
    tbs = house.tbs(["bounds.example.com"])
    evidence = house.complete(tbs)
    refused(house.authorize, tbs, evidence, request_id=b"short", code=INVALID, rules=["N03"])
    refused(house.authorize, tbs, evidence, valid_for_s=3601, code=INVALID, rules=["N03"])
    refused(house.authorize, tbs, evidence, order_id=b"o" * 65, code=INVALID, rules=["N03"])
    refused(house.sign_authorized, tbs, request_id=b"r" * 65, code=INVALID, rules=["N03"])
    for rpc in ("AuthorizeTbs", "SignAuthorized"):  # an unknown field
        refused(house.call, f"/countersign.v1.SigningService/{rpc}", b"\xf8\x07\x01", h.signing_service_pb2.AuthorizeTbsResponse,
                code=INVALID, rules=["N03"])
    given = house.authorize(tbs, evidence, valid_for_s=3600)
    assert given.expires_at_unix_s > time.time() + 3590


# ---- for other clients ----

def test_for_another_client(house):
    tbs = house.tbs(["for.example.com"])
    given = house.authorize(tbs, house.complete(tbs), for_client=b"old")
    refused(house.sign_authorized, tbs, code=REFUSED, rules=["N05"])  # not for the one who asked for it
    code, said = call_as(house, THIRD_UID + 2, "SignAuthorized", as_old(tbs))
    assert code == REFUSED and "N05" in said
    code, answer = call_as(house, OTHER_UID, "SignAuthorized", as_old(tbs))
    assert code == OK, answer
    signed = h.signing_service_pb2.SignAuthorizedResponse.FromString(answer)
    intent = audit.Books(house).intents[signed.ledger_entry]
    assert (intent.caller.client, intent.authorization_seq) == (b"old", given.ledger_entry)
    assert call_as(house, OTHER_UID, "SignAuthorized", as_old(tbs))[0] == EXISTS


@pytest.mark.parametrize("client,rules", [
    (b"stranger", ["N01"]),   # not in authorizes_for
    (b"nobody", ["N01"]),
    (b"looker", ["N01"]),     # without the RPC
    (b"elsewhere", ["N02"]),  # without the issuer
    (b"x" * 3000, ["N01"])], ids=lambda v: v[:9].decode() if isinstance(v, bytes) else "")
def test_for_clients_that_may_not(house, client, rules):
    tbs = house.tbs(["may.not.example.com"])
    refused(house.authorize, tbs, house.complete(tbs), for_client=client, code=DENIED, rules=rules)


def test_a_client_authorises_for_itself_alone_unless_the_policy_says_more(house):
    tbs = house.tbs(["stranger.example.com"])
    request = h.signing_service_pb2.AuthorizeTbsRequest(
        request_id=os.urandom(16), issuer=b"ec", tbs_certificate=tbs, evidence=house.complete(tbs), for_client=b"old")
    code, said = call_as(house, THIRD_UID + 2, "AuthorizeTbs", request)
    assert code == DENIED and "N01" in said
    request.for_client = b""
    assert call_as(house, THIRD_UID + 2, "AuthorizeTbs", request)[0] == OK
    assert call_as(house, THIRD_UID + 2, "SignAuthorized", as_old(tbs))[0] == OK


def test_issuers(house):
    issuers = {i.id.decode(): i for i in house.list_issuers()}
    assert list(issuers) == ["ec", "ec384", "rsa"]
    for name, i in issuers.items():
        assert i.ready
        assert i.certificate == house.issuer(name).certificate.public_bytes(serialization.Encoding.DER)
        assert [a.hex() for a in i.signature_algorithms] == [der for own, der in ALGORITHMS.values() if own == name]
    code, answer = call_as(house, THIRD_UID + 2, "ListIssuers", h.signing_service_pb2.ListIssuersRequest())
    assert code == OK
    assert [i.id for i in h.signing_service_pb2.ListIssuersResponse.FromString(answer).issuers] == [b"ec"]
    assert call_as(house, OTHER_UID, "ListIssuers", h.signing_service_pb2.ListIssuersRequest())[0] == DENIED


# ---- one door ----

def bad_requests(house):
    """(what, evidence, rule) for a TBS: what any way must refuse."""
    tbs = house.tbs(["door.example.com"])
    order, lint, caa, control = house.complete(tbs)
    forged = h.envelope_pb2.Envelope.FromString(control.SerializeToString())
    forged.signatures[0].sig = bytes(64)
    yield "nothing", tbs, [], "B01"
    yield "no control", tbs, [order, lint, caa], "V01"
    yield "another account's control", tbs, [order, lint, caa, house.domain("door.example.com", account=b"acct-2")], "V01"
    yield "old control", tbs, [order, lint, caa, house.domain("door.example.com", age_s=500 * h.DAY)], "V03"
    yield "forged control", tbs, [order, lint, caa, forged], "E02"
    yield "no lint", tbs, [order, caa, control], "L01"
    own = house.order(tbs, order_id=b"door-approval-only")
    yield "approval only", tbs, [own, house.approval(b"door-approval-only")], "V01"
    ca = house.tbs(["door.example.com"], days=398)
    yield "too long", ca, house.complete(ca), "T07"


def test_the_same_bad_request_through_every_door(house):
    """H24: no way of asking is looser than another. SignAuthorized can only be asked for what AuthorizeTbs admitted; so it
    is asked with the same evidence gone bad (above) and, here, without an authorization."""
    before = audit.Books(house)
    for what, tbs, evidence, rule in bad_requests(house):
        answers = []
        for ask in (house.sign, house.authorize):
            said = refused(ask, tbs, evidence, code=REFUSED)
            answers.append([(r.rule, r.subject) for r in said.refusal.reasons])
        verdict = house.evaluate(tbs, evidence).verdict
        answers.append([(r.rule, r.subject) for r in verdict.reasons])
        assert not verdict.admitted and answers[0] == answers[1] == answers[2], what
        assert rule in [r for r, _ in answers[0]], (what, answers[0])
        refused(house.sign_authorized, tbs, code=REFUSED, rules=["N05"])
    after = audit.Books(house)
    assert len(after.intents) == len(before.intents) and len(after.witness) == len(before.witness)


# ---- the record ----

def test_ledger_shows_it(house):
    tbs = house.tbs(["shown.example.com"])
    given = house.authorize(tbs, house.complete(tbs))
    show = subprocess.run([h.BIN / "countersign", "ledger", "show", "--from", str(given.ledger_entry), "--to",
                           str(given.ledger_entry), house.ledger], capture_output=True, text=True, check=True).stdout
    assert "authorization" in show and f" digest={given.digest.hex()[:16]}.." in show, show
    assert f"tbs={len(tbs)} octets" in show and "evidence_sha256s=4" in show, show
    entry = audit.Books(house).entries[given.ledger_entry - 1].authorization
    assert (entry.tbs, entry.digest, entry.for_client) == (tbs, hashlib.sha256(tbs).digest(), b"api")
    report = json.loads(subprocess.run([h.BIN / "countersign", "ledger", "verify", "--json", house.ledger],
                                       capture_output=True, text=True, check=True).stdout)
    assert report["authorizations"] >= 1


def test_the_books_hold(house):
    """And N05 was seen to hold and not to hold (tests/rules_elsewhere.cmake)."""
    books = house.audit()
    assert any(i.authorization_seq for i in books.intents.values())
    assert any(r.rule == b"N05" for refusal in books.refusals for r in refusal.reasons)


# ---- crashes ----

@pytest.mark.parametrize("victim", ["gate", "parent"])
def test_killed_between_authorize_and_sign(victim):
    with rough.RoughHouse(signers=1) as house:
        house.start()
        tbs = house.tbs([f"{victim}.killed.example.com"])
        given = house.authorize(tbs, house.complete(tbs))
        os.kill(house.pids(victim)[0], signal.SIGKILL)
        house.wait_ended()
        house.start()
        request_id = os.urandom(16)
        signed = house.sign_authorized(tbs, request_id=request_id)
        assert audit.Books(house).intents[signed.ledger_entry].authorization_seq == given.ledger_entry
        os.kill(house.pids(victim)[0], signal.SIGKILL)
        house.wait_ended()
        house.start()
        assert house.sign_authorized(tbs, request_id=request_id).certificate == signed.certificate
        refused(house.sign_authorized, tbs, code=EXISTS, rules=["N05"])
        house.audit()


def future(channel, request):
    return channel.unary_unary(
        "/countersign.v1.SigningService/SignAuthorized",
        request_serializer=h.signing_service_pb2.SignAuthorizedRequest.SerializeToString,
        response_deserializer=h.signing_service_pb2.SignAuthorizedResponse.FromString).future(request, timeout=30)


def test_two_at_once_and_a_kill_while_it_is_signed():
    with rough.RoughHouse(signers=1) as house:
        house.start()
        tbs = house.tbs(["twice.example.com"])
        house.authorize(tbs, house.complete(tbs))
        first, second = as_old(tbs), as_old(tbs)
        house.hold("before")
        with house.channel() as channel:
            running = future(channel, first)
            house.wait_held()
            joined = future(channel, first)
            assert future(channel, second).code() == EXISTS
            os.kill(house.pids("gate")[0], signal.SIGKILL)
            assert running.code() != OK and joined.code() != OK
        house.set_rules()
        house.wait_ended()
        house.start()
        with house.channel() as channel:
            # nobody knows whether the key was used: for this request id as for any other it is spent
            assert future(channel, first).code() == grpc.StatusCode.DATA_LOSS
            assert future(channel, second).code() == EXISTS
        house.audit()


def test_not_signed_leaves_it_to_the_same_request():
    """What certainly was not signed spent its authorization for the request id that asked, and for no other."""
    with rough.RoughHouse(signers=1) as house:
        house.start()
        tbs = house.tbs(["not.signed.example.com"])
        given = house.authorize(tbs, house.complete(tbs))
        first, second = as_old(tbs), as_old(tbs)
        house.hold("before")
        house.set_rules("C_Sign 1 100000 hold-before")
        full = [house.request(f"{n}.full.example.com") for n in range(8)]  # what a signer holds
        with house.channel() as channel:
            running = [house.future(channel, r) for r in full]
            rough.wait_for(lambda: len(audit.Books(house).intents) == 8, "the intents")
            waiting = future(channel, first)
            rough.wait_for(lambda: len(audit.Books(house).intents) == 9, "the intent")
            waiting.cancel()
            rough.wait_for(lambda: audit.Books(house).of_request(first.request_id)[0][1] == audit.NOT_SIGNED, "its end")
            house.set_rules()
            assert [house.take(f)[0] for f in running] == [OK] * 8
            assert future(channel, second).code() == EXISTS
            assert future(channel, first).code() == OK
        seqs = [i.authorization_seq for i in audit.Books(house).intents.values() if i.request_id == first.request_id]
        assert seqs == [given.ledger_entry] * 2
        house.audit()


# ---- the command ----

def command(house, *args):
    run = subprocess.run([h.BIN / "countersign", "authorize", "--socket", house.socket, "--issuer", "ec", *args],
                         capture_output=True, text=True)
    return run.returncode, run.stdout, run.stderr


def test_command(house, tmp_path):
    tbs = house.tbs(["command.example.com"])
    (tmp_path / "tbs").write_bytes(tbs)
    evidence = []
    for n, envelope in enumerate(house.complete(tbs)):
        (tmp_path / f"{n}.dsse").write_text(json.dumps({
            "payload": base64.b64encode(envelope.payload).decode(), "payloadType": envelope.payload_type,
            "signatures": [{"sig": base64.b64encode(s.sig).decode()} for s in envelope.signatures]}))
        evidence += ["--evidence", tmp_path / f"{n}.dsse"]
    own = ["--tbs", tmp_path / "tbs"]
    code, out, _ = command(house, *own)
    assert code == 1 and "B01" in out
    code, out, err = command(house, *own, *evidence, "--valid-for", "3601")
    assert code == 2 and "--valid-for" in err
    code, out, err = command(house, *own, *evidence, "--for", "stranger")
    assert code == 1 and "N01" in out
    code, out, err = command(house, *own, *evidence, "--request-id", "ab" * 16)
    assert code == 0 and f"digest {h.digest_of(tbs).hex()}, until 20" in out and "ledger entry" in out, err
    code, out, _ = command(house, *own, "--request-id", "ab" * 16, "--json")
    said = json.loads(out)
    assert code == 0 and said["digest"] == h.digest_of(tbs).hex() and said["replayed"] is True
    code, out, _ = command(house, *own, *evidence, "--for", "old", "--json")
    assert code == 0 and json.loads(out)["verdict"]["admitted"] is True
    assert house.sign_authorized(tbs).certificate
    run = subprocess.run([h.BIN / "countersign", "authorize", "--socket", tmp_path / "none", "--issuer", "ec", *own],
                         capture_output=True, text=True)
    assert run.returncode == 3 and "repeat with --request-id" in run.stderr
