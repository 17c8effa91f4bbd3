"""The organisation guard, and what EV asks for besides: told through the real daemon."""
import hashlib
import time

import grpc
import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID, ObjectIdentifier

from house import DAY, Refused, organization_identity_pb2

JURISDICTION = ObjectIdentifier("1.3.6.1.4.1.311.60.2.1.3")
JURISDICTION_STATE = ObjectIdentifier("1.3.6.1.4.1.311.60.2.1.2")
JURISDICTION_LOCALITY = ObjectIdentifier("1.3.6.1.4.1.311.60.2.1.1")


def subject(organization="Example Verlag GmbH", locality="Berlin"):
    return ((NameOID.COUNTRY_NAME, "DE"), (NameOID.STATE_OR_PROVINCE_NAME, "Berlin"),
            (NameOID.LOCALITY_NAME, locality), (NameOID.ORGANIZATION_NAME, organization))


def name(attributes):
    return x509.Name([x509.NameAttribute(o, v) for o, v in attributes])


def payload_sha256(envelope):
    return hashlib.sha256(envelope.payload).digest()


class Customer:
    """An account whose certificates carry an organisation."""

    def __init__(self, house, account, profile="ov"):
        self.house, self.account, self.profile, self.n = house, account, profile, 0

    def attested(self, attributes, **over):
        return self.house.organization(name(attributes), self.account, self.profile, **over)

    def request(self, attributes, issuer="ec"):
        self.n += 1
        tbs = self.house.tbs([f"n{self.n}.{self.account.decode()}.example.com"], issuer, profile=self.profile,
                             subject=attributes)
        return tbs, self.house.complete(tbs, self.account, profile=self.profile)

    def sign(self, attributes, statements, issuer="ec"):
        tbs, evidence = self.request(attributes, issuer)
        answer = self.house.sign(tbs, evidence + list(statements), issuer)
        assert x509.load_der_x509_certificate(answer.certificate).tbs_certificate_bytes == tbs
        return answer

    def refused(self, attributes, statements):
        with pytest.raises(Refused) as refused:
            self.sign(attributes, statements)
        assert refused.value.code == grpc.StatusCode.FAILED_PRECONDITION
        return refused.value


def said(refused, subject_name):
    return next((r.found, r.needed) for r in refused.refusal.reasons
                if r.rule == "O05" and r.subject == subject_name)


def test_48_certificates_with_a_contacts_organization(house):
    """H02: a contact's organisation was also written into the name used in certificates, by one person."""
    customer = Customer(house, b"h02")
    right, wrong = subject(), subject("Contact Agentur AG")
    vetted = customer.attested(right)
    customer.sign(right, [vetted])
    by_one = customer.attested(wrong, version=2)
    house.deposit([vetted, by_one])
    for n in range(48):
        # whatever the RA system sends along: nothing, the statement, a second copy by the same person
        statements = [[], [by_one], [by_one, customer.attested(wrong, version=2)]][n % 3]
        refused = customer.refused(wrong, statements)
        assert refused.rules() == ["O05"] and refused.refusal.ledger_entry > 0
        found, needed = said(refused, "subject:O")  # side by side
        assert "Contact Agentur AG" in found and "Example Verlag GmbH" in needed
    # one person who names what is replaced is still one person
    one_naming = customer.attested(wrong, version=3, previous_statement_sha256=payload_sha256(vetted))
    assert customer.refused(wrong, [one_naming]).rules() == ["O01", "O05"]
    # two people, who know what they replace
    by_two = customer.attested(wrong, version=4, previous_statement_sha256=payload_sha256(vetted),
                               cosigners=["vetting-2"])
    customer.sign(wrong, [by_two])
    customer.sign(wrong, [by_two])  # from now on it is the account's organisation
    back = customer.attested(right, version=5)
    assert customer.refused(right, [back]).rules() == ["O05"]


def test_two_statements_of_one_person_each(house):
    customer = Customer(house, b"two-statements")
    vetted = customer.attested(subject())
    customer.sign(subject(), [vetted])
    changed = subject(locality="Potsdam")
    common = dict(version=2, previous_statement_sha256=payload_sha256(vetted))
    first = customer.attested(changed, **common)
    assert customer.refused(changed, [first, customer.attested(changed, **common)]).rules() == ["O01", "O05"]
    second = customer.attested(changed, attester="vetting-2", **common)
    answer = customer.sign(changed, [first, second])
    covers = {c.evidence_sha256 for c in answer.verdict.covers if c.subject == "subject"}
    assert len(covers) == 2  # both are relied on, and on record


def test_what_a_change_needs(house):
    customer = Customer(house, b"needs")
    vetted = customer.attested(subject())
    customer.sign(subject(), [vetted])
    changed = subject("Example Druck GmbH")
    good = dict(version=2, previous_statement_sha256=payload_sha256(vetted), cosigners=["vetting-2"])
    now = int(time.time())
    stale = customer.attested(changed, **good, oldest_data_at_unix_s=now - 60 * DAY,
                              sources=[organization_identity_pb2.Source(
                                  kind=organization_identity_pb2.SOURCE_KIND_GOVERNMENT_AGENCY, name=b"register",
                                  retrieved_at_unix_s=now - 50 * DAY)],
                              authenticity=organization_identity_pb2.RequestAuthenticity(
                                  method=b"telephone", contact_source=b"register", confirmed_at_unix_s=now - 50 * DAY),
                              header=dict(issued_at_unix_s=now - 30 * DAY - 60))
    refused = customer.refused(changed, [stale])
    assert refused.rules() == ["O05"] and "was issued at" in said(refused, "subject")[0]
    unnamed = customer.attested(changed, version=2, cosigners=["vetting-2"])
    refused = customer.refused(changed, [unnamed])
    assert refused.rules() == ["O05"] and payload_sha256(vetted).hex() in said(refused, "subject")[1]
    another = customer.attested(changed, version=2, cosigners=["vetting-2"],
                                previous_statement_sha256=hashlib.sha256(b"another").digest())
    assert customer.refused(changed, [another]).rules() == ["O05"]
    customer.sign(changed, [customer.attested(changed, **good)])


def test_the_guard_outlives_a_restart(house):
    customer = Customer(house, b"restart")
    customer.sign(subject(), [customer.attested(subject())])
    house.stop()
    house.start()
    changed = subject("Example Holding AG")
    assert customer.refused(changed, [customer.attested(changed, version=2)]).rules() == ["O05"]


def test_other_accounts_are_not_compared(house):
    Customer(house, b"neighbour-1").sign(subject(), [Customer(house, b"neighbour-1").attested(subject())])
    other = Customer(house, b"neighbour-2")
    other.sign(subject("Other GmbH"), [other.attested(subject("Other GmbH"))])


def test_evaluate_tells_what_a_change_needs(house):
    """An RA screen can ask beforehand, with nothing recorded as the account's organisation."""
    customer = Customer(house, b"evaluate")
    vetted = customer.attested(subject())
    tbs, evidence = customer.request(subject())
    for _ in range(2):
        assert house.evaluate(tbs, evidence + [vetted]).verdict.admitted
    changed = subject("Example Druck GmbH")
    tbs, evidence = customer.request(changed)
    assert house.evaluate(tbs, evidence + [customer.attested(changed)]).verdict.admitted  # still the first
    customer.sign(subject(), [vetted])
    verdict = house.evaluate(tbs, evidence + [customer.attested(changed, version=2)]).verdict
    assert {r.rule for r in verdict.reasons} == {"O05"}


# -- extended validation ----------------------------------------------------------------------------------


def ev_subject(number="HRB 4711", country="DE", state="Berlin", locality="Charlottenburg"):
    rows = [(NameOID.BUSINESS_CATEGORY, "Private Organization")]
    rows += [(o, v) for o, v in ((JURISDICTION, country), (JURISDICTION_STATE, state),
                                 (JURISDICTION_LOCALITY, locality)) if v]
    return (*rows, (NameOID.SERIAL_NUMBER, number), *subject())


def test_extended_validation(house):
    customer = Customer(house, b"ev-1", "ev")
    right = ev_subject()
    customer.sign(right, [customer.attested(right, cosigners=["vetting-2"])])
    assert customer.refused(right, [customer.attested(right)]).rules() == ["O01"]  # one signature
    for people, rules in ((dict(approver=b"reviewer"), ["O04"]), (dict(reviewers=[b"collector"]), ["E01", "O01"])):
        assert customer.refused(right, [customer.attested(right, cosigners=["vetting-2"], **people)]).rules() == rules


@pytest.mark.parametrize("attributes, where", [
    (dict(number="HRA 4711"), "subject:serialNumber"),
    (dict(locality="Neukölln"), "subject:jurisdictionC"),
    (dict(country="FR", state=None, locality=None, number="1"), "subject:jurisdictionC")])
def test_jurisdictions_are_those_of_the_policy(house, attributes, where):
    customer = Customer(house, b"ev-" + hashlib.sha256(repr(attributes).encode()).hexdigest()[:8].encode(), "ev")
    wrong = ev_subject(**attributes)
    refused = customer.refused(wrong, [customer.attested(wrong, cosigners=["vetting-2"])])
    assert refused.rules() == ["O06"] and refused.subjects("O06") == [where]


def test_extended_validation_follows_organization_validation(house):
    """The same organisation in both profiles is no change; another one is, in either."""
    ov, ev = Customer(house, b"both"), Customer(house, b"both", "ev")
    vetted = ov.attested(subject())
    ov.sign(subject(), [vetted])
    statement = ev.attested(ev_subject(), cosigners=["vetting-2"], record_id=b"record-ev")
    ev.sign(ev_subject(), [statement])
    ov.sign(subject(), [vetted])
    changed = subject("Other GmbH")
    assert ov.refused(changed, [ov.attested(changed, version=2)]).rules() == ["O05"]


def test_ledger_verifies(house):
    import subprocess
    from house import BIN
    house.stop()
    out = subprocess.run([BIN / "countersign", "ledger", "verify", house.ledger], capture_output=True, text=True)
    assert out.returncode == 0, out.stdout + out.stderr
    house.start()
