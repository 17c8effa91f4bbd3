"""Incidents of what stands in the TBS."""

import pytest
from cryptography import x509
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import ExtensionOID, NameOID, ObjectIdentifier

import past
from past import OV_SUBJECT, added, extensions, name_of, refused, replaced, signed, valid_for

PIN = """    pins:
      - name: dv-p256
        version: 1
        profile: dv
        order: exact
        extensions:
          - { name: keyUsage, critical: true, value: "03020780" }
          - { name: extKeyUsage, critical: false, value: "300a06082b06010505070301" }
          - { name: basicConstraints, critical: true, value: "3000" }
          - { name: authorityKeyIdentifier, critical: false, value: any }
          - { name: authorityInfoAccess, critical: false, value: any }
          - { name: subjectAltName, critical: either, value: any }
          - { name: certificatePolicies, critical: false, value: "300a3008060667810c010201" }
          - { name: cRLDistributionPoints, critical: false, value: any }
          - name: ct
"""
USAGE = dict(digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
             key_agreement=True, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False)
DEVIATIONS = {
    "one-more": added(x509.TLSFeature([x509.TLSFeatureType.status_request])),
    "one-less": extensions(lambda all_: [e for e in all_ if e.oid != ExtensionOID.CRL_DISTRIBUTION_POINTS]),
    "criticality": replaced(ExtensionOID.BASIC_CONSTRAINTS, x509.BasicConstraints(False, None), False),
    "order": extensions(lambda all_: [*all_[1:2], *all_[:1], *all_[2:]]),
    "value": replaced(ExtensionOID.KEY_USAGE, x509.KeyUsage(**USAGE), True)}


@pytest.mark.parametrize("deviation", DEVIATIONS)
def test_h12(pinned, deviation):
    """A template was wrong, and so were nearly all certificates made from it (1885568 and others, 3,167): a TBS that
    differs from the pinned profile in one thing is refused, each time."""
    good = pinned.tbs(["pinned.example.com"], precertificate=True)
    signed(pinned, good, pinned.complete(good))
    bad = pinned.tbs(["pinned.example.com"], precertificate=True, builder=DEVIATIONS[deviation])
    refused(pinned.sign, bad, pinned.complete(bad), rules=["T20"], also=["T14"])


@pytest.fixture(scope="module")
def pinned():
    def policy(text, house):
        return text.replace("    profiles: [dv, iv, ov, ev]\n", "    profiles: [dv]\n" + PIN, 1)
    with past.PastHouse(policy=policy, issuers=past.EC) as made:
        made.start()
        yield made


def test_h14():
    """The CPS promised 90 days, the certificates had one second more (2021): the policy's limit below the baseline
    counts both ends, as the requirements do."""
    with past.PastHouse(policy=lambda text, house: text + "limits:\n  max_validity_s: 7776000\n",
                        issuers=past.EC) as house:
        house.start()
        bad = house.tbs(["ninety.example.com"], builder=valid_for(7776001))
        refused(house.sign, bad, house.complete(bad), rules=["T07"])
        good = house.tbs(["ninety.example.com"], builder=valid_for(7776000))
        signed(house, good, house.complete(good))


@pytest.mark.parametrize("serial, n_bits", [(0x7FFFFFFFFFFFFFFF, 63), (0x4000000000000000, 63), (0x0123456789ABCDEF, 57)])
def test_h17(house, serial, n_bits):
    """Serial numbers of 8 octets have 63 bits at most, for their first bit is the sign (2019, over a million
    certificates); a number that can hold 64 bits has 9 octets."""
    assert serial.bit_length() == n_bits
    bad = house.tbs(["serial.example.com"], serial=serial)
    said = refused(house.sign, bad, house.complete(bad), rules=["T04"])
    assert said.subjects("T04") == ["tbs.serialNumber"]
    good = house.tbs(["serial.example.com"], serial=serial | 1 << 64)
    signed(house, good, house.complete(good))


@pytest.mark.parametrize("depth", [None, 0])
def test_h19(house, depth):
    """Two customers got CA certificates, through a profile that was meant for tests (TURKTRUST)."""
    bad = house.tbs(["leaf.example.com"],
                    builder=replaced(ExtensionOID.BASIC_CONSTRAINTS, x509.BasicConstraints(True, depth), True))
    refused(house.sign, bad, house.complete(bad), rules=["T14"])


def test_h19_key_usage(house):
    """The same by keyUsage alone."""
    usage = {**USAGE, "key_agreement": False, "key_cert_sign": True}
    bad = house.tbs(["leaf.example.com"], builder=replaced(ExtensionOID.KEY_USAGE, x509.KeyUsage(**usage), True))
    refused(house.sign, bad, house.complete(bad), rules=["T14"])


OTHER_NAMES = {
    "otherName": x509.OtherName(ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), b"\x0c\x0aroot@realm"),
    "rfc822Name": x509.RFC822Name("root@example.com"),
    "uniformResourceIdentifier": x509.UniformResourceIdentifier("spiffe://cluster/root"),
    "directoryName": x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "root")]))}


@pytest.mark.parametrize("kind", OTHER_NAMES)
def test_h30_names(house, kind):
    """The policy engine looked at the request as it was parsed, and the signer copied the request's raw names
    (approver-policy, 2025): the TBS itself is judged, and a name of another kind refuses it."""
    san = x509.SubjectAlternativeName([x509.DNSName("raw.example.com"), OTHER_NAMES[kind]])
    bad = house.tbs(["raw.example.com"], builder=replaced(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, san, True))
    said = refused(house.sign, bad, house.complete(bad), rules=["T17", "V01"])
    assert said.subjects("T17") == ["san[1]"]


def test_h30_two_extensions(house):
    """Two subjectAltName extensions, of which a reader may take the other one."""
    second = x509.SubjectAlternativeName([x509.DNSName("victim.example.net")])
    bad = house.tbs(["raw.example.com"], builder=added(second, True))
    refused(house.sign, bad, house.complete(house.tbs(["raw.example.com"])), rules=["T01"])


@pytest.mark.parametrize("kind", [_ASN1Type.T61String, _ASN1Type.BMPString, _ASN1Type.UniversalString,
                                  _ASN1Type.PrintableString])
def test_h30_string_types(house, kind):
    """The organisation that was attested, in a string type that was not."""
    names = [x509.NameAttribute(o, v, kind if o == NameOID.ORGANIZATION_NAME else None) for o, v in OV_SUBJECT]

    def subject(builder):
        builder._subject_name = x509.Name(names)
        return builder
    bad = house.tbs(["raw.example.com"], profile="ov", subject=OV_SUBJECT, builder=subject)
    evidence = [*house.complete(bad, profile="ov"), house.organization(name_of(OV_SUBJECT))]
    said = refused(house.sign, bad, evidence, rules=["O01"], also=["T12"])
    assert said.subjects("O01") == ["subject:O"]


def test_h30_raw_attribute(house):
    """An attribute that the request brought along and nobody attested."""
    subject = (*OV_SUBJECT, (NameOID.ORGANIZATIONAL_UNIT_NAME, "Payments"))
    bad = house.tbs(["raw.example.com"], profile="ov", subject=subject)
    evidence = [*house.complete(bad, profile="ov"), house.organization(name_of(OV_SUBJECT))]
    said = refused(house.sign, bad, evidence, rules=["O01", "T12"])
    assert "subject:OU" in said.subjects("O01") + said.subjects("T12")
