"""Incidents of precertificates, SCTs and serial numbers."""
import os
import secrets

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtensionOID, ObjectIdentifier

import past
from ct import CtLog, final_of
from past import refused, replaced, request, signed

ANY_POLICY = x509.CertificatePolicies([
    x509.PolicyInformation(ObjectIdentifier(oid), None) for oid in ("2.23.140.1.2.1", "1.3.6.1.4.1.99999.1")])


class Pair:
    """The bytes of one precertificate and its certificates."""

    def __init__(self, house, names, serial=None):
        self.house, self.names = house, names
        self.args = dict(key=ec.generate_private_key(ec.SECP256R1()),
                         serial=serial or int.from_bytes(b"\x4f" + secrets.token_bytes(15), "big"),
                         not_before=past.datetime.datetime.utcfromtimestamp(house.now() - 3600))

    def precertificate(self, builder=lambda b: b):
        return self.house.tbs(self.names, precertificate=True, builder=builder, **self.args)

    def scts(self, *logs, builder=lambda b: b):
        return [log.sct(self.precertificate(builder), self.house.issuer("ec")) for log in logs or LOGS[:2]]

    def final(self, scts=None, builder=lambda b: b):
        return final_of(self.precertificate(builder), self.scts() if scts is None else scts)


LOGS = [CtLog(f"log-{n}", f"operator-{n}") for n in range(3)]


@pytest.fixture(scope="module")
def house():
    logs = {"ec": {"required_scts": 2, "logs": f"[{', '.join(log.name for log in LOGS)}]"}}
    with past.PastHouse(issuers=past.EC, ct_logs=LOGS, ct=logs) as made:
        made.start()
        yield made


def test_h15(house):
    """Precertificate and certificate differed by a policy OID (1838667, 645 certificates): the pair is compared byte
    for byte, and the certificate that does correspond is signed."""
    pair = Pair(house, ["pair.example.com"])
    precertificate = pair.precertificate()
    evidence = house.complete(precertificate)
    signed(house, precertificate, evidence)
    another = replaced(ExtensionOID.CERTIFICATE_POLICIES, ANY_POLICY, False)
    for honest in (True, False):  # the SCTs are those of the precertificate, or of what the certificate should have had
        bad = pair.final(pair.scts() if honest else pair.scts(builder=another), another)
        refused(house.sign, bad, evidence + [house.lint(bad)], rules=["P02", "T05", "B04"], also=["P03"])
    good = pair.final()
    signed(house, good, evidence + [house.lint(good)])


def test_h18(house):
    """A certificate carried the SCTs of another precertificate."""
    pairs = [Pair(house, [f"sct-{n}.example.com"]) for n in range(2)]
    evidence = []
    for pair in pairs:
        tbs = pair.precertificate()
        evidence.append(house.complete(tbs))
        signed(house, tbs, evidence[-1])
    own, foreign = pairs[0].scts(), pairs[1].scts(*LOGS)
    for scts in (foreign, [own[0], foreign[1]], [*own, foreign[2]]):
        bad = pairs[0].final(scts)
        refused(house.sign, bad, evidence[0] + [house.lint(bad)], rules=["P03"])
    bad = pairs[0].final(own[:1])  # its own, and too few
    refused(house.sign, bad, evidence[0] + [house.lint(bad)], rules=["P03"])
    good = pairs[0].final(own)
    signed(house, good, evidence[0] + [house.lint(good)])


def test_h33(house):
    """The precertificate of one order, and its SCTs, were used for the certificate of another (1815534, 1830536)."""
    a = Pair(house, ["order-a.example.com"])
    tbs = a.precertificate()
    of_a = house.complete(tbs)
    signed(house, tbs, of_a)
    b = Pair(house, ["order-b.example.com"], serial=a.args["serial"])
    scts = a.scts()
    final_b = b.final(scts)
    refused(house.sign, final_b, house.complete(final_b), rules=["P02", "P03", "T05"])
    unlogged = Pair(house, ["order-b.example.com"])
    final_b = unlogged.final(scts)  # with a serial number of its own
    refused(house.sign, final_b, house.complete(final_b), rules=["P02", "P03"])
    good = a.final(scts)
    signed(house, good, of_a + [house.lint(good)])
    again = a.final(a.scts(*LOGS[1:]))  # a second certificate of the same
    refused(house.sign, again, of_a + [house.lint(again)], rules=["P04", "T05", "B04"])


def test_h16():
    """Two precertificates got one serial number (1907667): the second is refused, also after a restart and for another
    client."""
    with past.PastHouse(issuers=past.EC, clients=past.clients(("second", "v1"))) as house:
        house.start()
        first = Pair(house, ["serial.example.com"])
        tbs = first.precertificate()
        signed(house, tbs, house.complete(tbs))
        serial = first.args["serial"]

        def others():
            """Another key and name, another key, and the same bytes under another order."""
            for pair in (Pair(house, ["other.example.com"], serial), Pair(house, first.names, serial), first):
                yield pair.precertificate()
        for restarted in (False, True):
            for uid in (os.getuid(), past.OTHER_UID):
                for second in others():
                    said = refused(house.sign_as, uid, request(second, house.complete(second)), rules=["T05"])
                    assert said.subjects("T05") == ["tbs.serialNumber"]
            if not restarted:
                assert house.stop() == 0
                house.start()
        house.audit()
