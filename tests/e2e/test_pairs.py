"""Precertificate, SCTs, final certificate, at an issuer whose policy asks for two logs of two operators."""
import datetime
import os
import secrets
import subprocess
import sys
import time

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

import house as h
from ct import POISON_OID, SCT_LIST_OID, CtLog, extensions_of, final_of, sct_list, tlv, with_extensions, without
from house import Refused

OAK, ELM, FIR = CtLog("oak2027", "north"), CtLog("elm2027", "south"), CtLog("fir2027", "north")
ASH = CtLog("ash2027", "east")  # not in the policy


@pytest.fixture(scope="module")
def house():
    ct = {"ec": {"required_scts": 2, "logs": "[oak2027, elm2027, fir2027]", "distinct_operators": "true"}}
    with h.House(ct_logs=[OAK, ELM, FIR], ct=ct) as made:
        made.start()
        yield made


class Pair:
    """A signed precertificate and what its final certificate takes."""

    def __init__(self, house, name, issuer="ec", sign=True, **over):
        self.house, self.name, self.issuer = house, name, issuer
        self.args = dict(key=ec.generate_private_key(ec.SECP256R1()),
                         serial=int.from_bytes(b"\x4f" + secrets.token_bytes(15), "big"),
                         not_before=datetime.datetime.utcnow().replace(microsecond=0) - datetime.timedelta(hours=1))
        self.precertificate = house.tbs([name], issuer, precertificate=True, **self.args, **over)
        self.evidence = house.complete(self.precertificate)
        if sign:
            house.sign(self.precertificate, self.evidence, issuer)

    def scts(self, *logs, **over):
        return [log.sct(self.precertificate, self.house.issuer(self.issuer), **over) for log in logs or (OAK, ELM)]

    def final(self, scts=None):
        return final_of(self.precertificate, self.scts() if scts is None else scts)

    def sign(self, tbs, evidence=None):
        answer = self.house.sign(tbs, [*(evidence or self.evidence), self.house.lint(tbs)], self.issuer)
        assert x509.load_der_x509_certificate(answer.certificate).tbs_certificate_bytes == tbs
        return answer

    def refused(self, tbs, evidence=None):
        with pytest.raises(Refused) as refused:
            self.sign(tbs, evidence)
        return refused.value


def test_precertificate_scts_final(house):
    pair = Pair(house, "pair.example.com")
    pair.sign(pair.final())


def test_order_and_place_of_scts_are_free(house):
    """More than enough, of any order, and the list anywhere among the extensions."""
    pair = Pair(house, "free.example.com")
    rows = [der for oid, der in extensions_of(pair.precertificate) if oid != POISON_OID]
    pair.sign(with_extensions(pair.precertificate, [sct_list(pair.scts(FIR, ELM, ASH, OAK)), *rows]))


def test_a_final_needs_its_precertificate(house):
    pair = Pair(house, "first.example.com", sign=False)
    refused = pair.refused(pair.final())
    assert refused.rules() == ["P02"] and refused.code == grpc.StatusCode.FAILED_PRECONDITION
    without_scts = without(pair.precertificate, POISON_OID)
    assert pair.refused(without_scts).rules() == ["P02", "P03"]
    house.sign(pair.precertificate, pair.evidence)
    assert pair.refused(without_scts).rules() == ["P03"]
    pair.sign(pair.final())


def test_scts_of_another_precertificate(house):
    """H18; H33 as well when the whole final is another order's."""
    one, other = Pair(house, "one.example.com"), Pair(house, "other.example.com")
    refused = one.refused(one.final(other.scts()))
    assert refused.rules() == ["P03"] and refused.subjects("P03") == ["sct[0]", "sct[1]", "tbs.sctList"]
    assert one.refused(one.final([one.scts()[0], other.scts()[1]])).subjects("P03") == ["sct[1]", "tbs.sctList"]
    # two good ones do not excuse one that was made for something else
    assert one.refused(one.final([*one.scts(), other.scts(FIR)[0]])).subjects("P03") == ["sct[2]"]
    assert set(one.refused(other.final(), other.evidence[:1]).rules()) >= {"V01"}
    assert set(one.refused(one.final(), other.evidence).rules()) >= {"B02", "B03"}
    one.sign(one.final())
    other.sign(other.final())


def test_too_few_logs_and_operators(house):
    pair = Pair(house, "few.example.com")
    for scts in ([], pair.scts(OAK), pair.scts(OAK, OAK), pair.scts(OAK, ASH), pair.scts(ASH), pair.scts(OAK, FIR)):
        refused = pair.refused(pair.final(scts))
        assert refused.rules() in (["P03"], ["T01"]), refused  # an empty list is malformed
        assert scts == [] or refused.subjects("P03") == ["tbs.sctList"]
    pair.sign(pair.final(pair.scts(OAK, FIR, ELM)))


def test_timestamps(house):
    pair = Pair(house, "time.example.com")
    now = int(time.time() * 1000)
    for at_ms in (now + 3600_000, now - 3600_000, (1 << 64) - 1, 0):
        assert pair.refused(pair.final([*pair.scts(OAK), *pair.scts(ELM, at_ms=at_ms)])).subjects("P03") == [
            "sct[1]", "tbs.sctList"]
    # a timestamp changed after the log signed it
    sct = bytearray(pair.scts(ELM)[0])
    sct[40] ^= 1
    assert pair.refused(pair.final([*pair.scts(OAK), bytes(sct)])).rules() == ["P03"]
    pair.sign(pair.final(pair.scts(at_ms=now + 30_000)))  # clocks differ


def test_every_changed_part_between(house):
    """One change after the logs saw it, in each field: never signed. H15 is the one in certificatePolicies."""
    pair = Pair(house, "changed.example.com")
    final = pair.final()
    fields = h.tbs_fields(final)
    changed = []
    for n, field in enumerate(fields):
        for at in (len(field) - 1, len(field) // 2):
            bad = bytearray(field)
            bad[at] ^= 1
            changed.append(tlv(0x30, b"".join([*fields[:n], bytes(bad), *fields[n + 1:]])))
    rows = [der for _, der in extensions_of(final)]
    changed.append(with_extensions(final, rows[1:] + rows[:1]))  # another order
    changed += [with_extensions(final, rows[:n] + rows[n + 1:]) for n in range(len(rows))]  # one extension less
    policies = bytes.fromhex("551d20")
    swapped = [der if oid != policies else der.replace(bytes.fromhex("67810c010201"), bytes.fromhex("67810c010202"))
               for oid, der in extensions_of(final)]
    changed.append(with_extensions(final, swapped))
    for n, tbs in enumerate(changed):
        assert {"T01", "P02", "P03"} & set(pair.refused(tbs).rules()), n
    refused = pair.refused(changed[-1])  # H15
    assert {"P02", "P03", "T05"} <= set(refused.rules())
    pair.sign(final)


def test_one_final_for_a_precertificate(house):
    pair = Pair(house, "once.example.com")
    first, second = pair.final(), pair.final(pair.scts(ELM, FIR))
    pair.sign(first)
    for tbs in (second, first):
        refused = pair.refused(tbs, house.complete(pair.precertificate))  # even with a new order
        assert refused.rules() == ["P04", "T05"] and refused.code == grpc.StatusCode.ALREADY_EXISTS


def second_client(house, tbs, evidence, uid):
    """The same request by a process of another user, which the policy knows as another client."""
    request = h.signing_service_pb2.SignCertificateRequest(
        request_id=secrets.token_bytes(16), issuer=b"ec", tbs_certificate=tbs, evidence=evidence)
    script = ("import sys, grpc\n"
              "c = grpc.insecure_channel('unix:' + sys.argv[1])\n"
              "call = c.unary_unary('/countersign.v1.SigningService/SignCertificate')\n"
              "try:\n    call(sys.stdin.buffer.read(), timeout=10); print('SIGNED')\n"
              "except grpc.RpcError as e:\n    print(e.code().name, e.details())\n")
    out = subprocess.run([*h.as_user(uid), sys.executable, "-c", script, str(house.socket)],
                         input=request.SerializeToString(), capture_output=True, cwd="/", check=True)
    return out.stdout.decode()


def test_serial_is_reserved_across_restart_and_clients():
    """H16: two precertificates with one serial for different certificates."""
    ct = {"ec": {"required_scts": 1, "logs": "[oak2027]"}}
    clients = [("api", "v2", os.getuid(), h.House.ALL_RPCS), ("old-api", "v1", 12345, h.House.ALL_RPCS)]
    with h.House(ct_logs=[OAK], ct=ct, clients=clients) as house:
        house.start()
        pair = Pair(house, "reserved.example.com")
        twin = house.tbs(["twin.example.com"], precertificate=True, serial=pair.args["serial"])
        evidence = house.complete(twin)
        for _ in range(2):
            with pytest.raises(Refused) as refused:
                house.sign(twin, evidence)
            assert refused.value.rules() == ["T05"] and refused.value.code == grpc.StatusCode.ALREADY_EXISTS
            if os.getuid() == 0:
                house.dir.chmod(0o711)
                assert second_client(house, twin, evidence, 12345).startswith("ALREADY_EXISTS")
            house.stop()
            house.start()
        pair.sign(pair.final(pair.scts(OAK)))  # the record of the precertificate outlived the restarts
        house.stop()
        out = subprocess.run([h.BIN / "countersign", "ledger", "verify", house.ledger], capture_output=True, text=True)
        assert out.returncode == 0, out.stdout + out.stderr


def test_killed_between_precertificate_and_final():
    ct = {"ec": {"required_scts": 1, "logs": "[oak2027]"}}
    with h.House(ct_logs=[OAK], ct=ct) as house:
        house.start()
        pair = Pair(house, "killed.example.com")
        house.process.kill()
        house.process.wait()
        deadline = time.monotonic() + 20
        while True:  # the children end with their parent, and the ledger's lock with them
            try:
                house.socket.unlink(missing_ok=True)
                house.start()
                break
            except RuntimeError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
        pair.sign(pair.final(pair.scts(OAK)))


def test_an_issuer_without_ct_has_no_scts(house):
    """Nobody could verify them. Without SCTs a final needs no precertificate there, as before."""
    pair = Pair(house, "plain.example.com", issuer="rsa")
    assert pair.refused(pair.final()).rules() == ["P03"]
    pair.sign(without(pair.precertificate, POISON_OID, SCT_LIST_OID))
