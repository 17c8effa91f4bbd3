"""Rules that are judged before any row is, through the real daemon: for each an accepting and a refusing call.

tests/rules_elsewhere.cmake names this test for N01, N03, N04 and E06; the last test sees that both rows were there.
"""
import secrets

import grpc
import pytest

import house as h
from house import House, Refused, signing_service_pb2

SEEN = set()
SIGN = "/countersign.v1.SigningService/SignCertificate"


def refused_for(rule, code, call, *args, **kwargs):
    with pytest.raises(Refused) as refused:
        call(*args, **kwargs)
    assert refused.value.rules() == [rule] and refused.value.code == code, refused.value
    SEEN.add((rule, False))


def accepted(rule, call, *args, **kwargs):
    answer = call(*args, **kwargs)
    SEEN.add((rule, True))
    return answer


def test_n01_the_client_may_call_this():
    with House(signers=1, clients=[("ra", "v2", h.os.getuid(), ("EvaluateCertificate", "Check"))]) as other:
        other.start()
        tbs = other.tbs(["www.example.com"])
        accepted("N01", other.evaluate, tbs, other.complete(tbs))
        refused_for("N01", grpc.StatusCode.PERMISSION_DENIED, other.sign, tbs, other.complete(tbs))


def test_n03_one_canonical_message(house):
    tbs = house.tbs(["n03.example.com"])
    request = signing_service_pb2.SignCertificateRequest(
        request_id=secrets.token_bytes(16), issuer=b"ec", tbs_certificate=tbs, evidence=house.complete(tbs))
    data = request.SerializeToString()
    refused_for("N03", grpc.StatusCode.INVALID_ARGUMENT, house.call, SIGN, data + b"\x78\x01",
                signing_service_pb2.SignCertificateResponse)  # field 15, which nobody knows
    request.request_id = request.request_id[:15]
    refused_for("N03", grpc.StatusCode.INVALID_ARGUMENT, house.call, SIGN, request,
                signing_service_pb2.SignCertificateResponse)
    accepted("N03", house.call, SIGN, data, signing_service_pb2.SignCertificateResponse)


def test_n04_one_request_id_for_one_tbs(house):
    tbs, other, request_id = house.tbs(["n04.example.com"]), house.tbs(["other.example.com"]), secrets.token_bytes(16)
    first = house.sign(tbs, house.complete(tbs), request_id=request_id)
    again = accepted("N04", house.sign, tbs, house.complete(tbs), request_id=request_id)
    assert again.replayed and again.certificate == first.certificate
    refused_for("N04", grpc.StatusCode.ALREADY_EXISTS, house.sign, other, house.complete(other), request_id=request_id)


def test_e06_one_statement_under_one_id(house):
    tbs = house.tbs(["e06.example.com"])
    first, second = (house.domain("e06.example.com", envelope=False) for _ in range(2))
    second.header.statement_id = first.header.statement_id
    sign = house.attesters["dcv-1"].envelope
    refused_for("E06", grpc.StatusCode.FAILED_PRECONDITION, house.sign, tbs, [*house.around(tbs), sign(first), sign(second)])
    house.deposit([sign(first)])
    refused_for("E06", grpc.StatusCode.FAILED_PRECONDITION, house.deposit, [sign(second)])
    refused_for("E06", grpc.StatusCode.FAILED_PRECONDITION, house.sign, tbs, [*house.around(tbs), sign(second)])
    accepted("E06", house.sign, tbs, [*house.around(tbs), sign(first)])


def test_each_has_both_rows():
    assert SEEN == {(rule, ok) for rule in ("N01", "N03", "N04", "E06") for ok in (True, False)}
