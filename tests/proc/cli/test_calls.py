"""sign, evaluate, deposit and health against a gRPC server: requests, answers, refusals, exit codes."""
import json
import os
import subprocess

import grpc
import pytest

SIGN = "/countersign.v1.SigningService/SignCertificate"
EVALUATE = "/countersign.v1.SigningService/EvaluateCertificate"
DEPOSIT = "/countersign.v1.EvidenceService/DepositEvidence"
HEALTH = "/grpc.health.v1.Health/Check"
TYPE = "type.googleapis.com/countersign.v1.Refusal"


@pytest.fixture
def evidence(cli):
    cli("keygen", "--algorithm", "ed25519", "--out", "k.pem")
    for form in ("protobuf", "json"):
        cli("attest", "approval", "--order-id", "o1", "--decision", "approve", "--person", "p", "--key", "k.pem",
            "--attester", "ra", "--audience", "test", "--account", "acme", "--format", form, "--out", "e." + form)
    return cli.get("e.protobuf")


@pytest.fixture
def certificate(cli):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", "x.key", "-out", "x.pem", "-subj", "/CN=x", "-days", "1"], cwd=cli.folder,
                   check=True, capture_output=True)
    cli.put("tbs", b"\x30\x03\x02\x01\x05")
    return subprocess.run(["openssl", "x509", "-in", "x.pem", "-outform", "der"], cwd=cli.folder, check=True,
                          capture_output=True).stdout


def refuse(code, message, details=None):
    def answer(_request, context):
        if details is not None:
            context.set_trailing_metadata((("grpc-status-details-bin", details),))
        context.set_code(code)
        context.set_details(message)
        return b""
    return answer


@pytest.fixture
def refusal(protos):
    verdict, status = protos("countersign.v1.verdict_pb2"), protos("google.rpc.status_pb2")
    r = verdict.Refusal(total_reasons=3, ledger_entry=17, request_id=b"\0" * 16)
    r.reasons.add(rule="V01", title="every name is covered", subject="dns:www.example.com", found="nothing",
                  needed="live evidence", clause="BR 3.2.2.4", remedy="validate the name")
    r.reasons.add(rule="B01", title="a live order", subject="tbs", found="none", needed="an order")
    s = status.Status(code=9, message="refused")
    s.details.add(type_url=TYPE, value=r.SerializeToString())
    return s.SerializeToString()


def common(server, *more):
    return ["--socket", server.path, "--issuer", "ec", "--tbs", "tbs", *more]


def test_sign_sends_what_was_given(cli, server, protos, evidence, certificate):
    pb = protos("countersign.v1.signing_service_pb2")
    server.answers[SIGN] = pb.SignCertificateResponse(certificate=certificate, ledger_entry=5).SerializeToString()
    out = cli("sign", *common(server), "--evidence", "e.protobuf", "--evidence", "e.json", "--order-id", "o1",
              "--request-id", "00" * 16, "--out", "c.der")
    request = pb.SignCertificateRequest.FromString(server.requests[0][1])
    assert request.request_id == bytes(16) and request.issuer == b"ec" and request.order_id == b"o1"
    assert request.tbs_certificate == b"\x30\x03\x02\x01\x05"
    assert request.evidence[0].SerializeToString() == evidence and len(request.evidence) == 2
    assert cli.get("c.der") == certificate
    assert out.stdout.startswith("signed: ledger entry 5, certificate sha256 ") and out.stderr == ""


def test_sign_output_forms(cli, server, protos, certificate):
    pb = protos("countersign.v1.signing_service_pb2")
    server.answers[SIGN] = pb.SignCertificateResponse(certificate=certificate, ledger_entry=5,
                                                      replayed=True).SerializeToString()
    pem = cli.get("x.pem").decode()
    assert cli("sign", *common(server)).stdout == pem
    cli("sign", *common(server), "--out", "c.pem")
    assert cli.get("c.pem").decode() == pem
    answer = json.loads(cli("sign", *common(server), "--json").stdout)
    assert answer["ledger_entry"] == 5 and answer["replayed"] is True
    first, second = (pb.SignCertificateRequest.FromString(r[1]).request_id for r in server.requests[:2])
    assert len(first) == 16 and first != second


def test_tbs_of_a_certificate(cli, server, protos, certificate):
    pb = protos("countersign.v1.signing_service_pb2")
    server.answers[EVALUATE] = pb.EvaluateCertificateResponse(verdict={"admitted": True}).SerializeToString()
    assert cli("evaluate", "--socket", server.path, "--issuer", "ec", "--tbs-of", "x.pem").stdout == "admitted\n"
    tbs = pb.EvaluateCertificateRequest.FromString(server.requests[0][1]).tbs_certificate
    assert tbs in certificate and len(tbs) > 200


def test_refusal_is_a_table(cli, server, refusal, certificate):
    server.answers[SIGN] = refuse(grpc.StatusCode.FAILED_PRECONDITION, "refused by 3 rules", refusal)
    done = cli("sign", *common(server), "--out", "never", code=1)
    assert done.stdout == (
        "refused: 3 reason(s), ledger entry 17\n\n"
        "V01   every name is covered\n"
        "      concerns  dns:www.example.com\n"
        "      there is  nothing\n"
        "      needed    live evidence\n"
        "      remedy    validate the name\n"
        "      clause    BR 3.2.2.4\n\n"
        "B01   a live order\n"
        "      concerns  tbs\n"
        "      there is  none\n"
        "      needed    an order\n\n"
        "1 more reason(s) did not fit into the answer; 'countersign evaluate' lists all.\n")
    assert done.stderr == "countersign: FAILED_PRECONDITION: refused by 3 rules\n"
    assert not os.path.exists(os.path.join(cli.folder, "never"))
    answer = json.loads(cli("sign", *common(server), "--json", code=1).stdout)
    assert answer["status"] == "FAILED_PRECONDITION" and answer["refusal"]["reasons"][0]["rule"] == "V01"
    assert answer["refusal"]["ledger_entry"] == 17


@pytest.mark.parametrize("status, code", [
    ("INVALID_ARGUMENT", 2), ("ALREADY_EXISTS", 1), ("PERMISSION_DENIED", 1), ("FAILED_PRECONDITION", 1),
    ("UNAVAILABLE", 3), ("DATA_LOSS", 3), ("INTERNAL", 3), ("RESOURCE_EXHAUSTED", 3)])
def test_status_to_exit_code(cli, server, certificate, status, code):
    server.answers[SIGN] = refuse(getattr(grpc.StatusCode, status), "why\x07 not")
    done = cli("sign", *common(server), "--request-id", "ab" * 16, code=code)
    assert done.stderr.startswith("countersign: %s: why\\x07 not\n" % status)
    assert ("repeat with --request-id " + "ab" * 16 in done.stderr) == (code == 3)


def test_evaluate_prints_the_verdict(cli, server, protos, certificate):
    pb = protos("countersign.v1.signing_service_pb2")
    verdict = protos("countersign.v1.verdict_pb2").Verdict(account=b"acme", order_id=b"o1")
    verdict.reasons.add(rule="V03", title="not too old", subject="dns:a.example", found="200 d", needed="100 d")
    verdict.covers.add(subject="dns:b.example", attester=b"dcv", method=19, age_s=7200, good_until_unix_s=1795298903,
                       evidence_sha256=bytes(32))
    server.answers[EVALUATE] = pb.EvaluateCertificateResponse(verdict=verdict).SerializeToString()
    out = cli("evaluate", *common(server), code=1).stdout
    assert out.startswith("refused: 1 reason(s), order o1, account acme\n\nV03   not too old\n")
    assert "dns:b.example" in out and "dcv_acme_http_01" in out and "2026-11-21T22:08:23Z" in out
    answer = json.loads(cli("evaluate", *common(server), "--json", code=1).stdout)
    assert answer["admitted"] is False and answer["covers"][0]["method"] == "dcv_acme_http_01"
    server.answers[EVALUATE] = b""
    assert "no verdict" in cli("evaluate", *common(server), code=3).stderr
    server.answers[EVALUATE] = b"\xff"
    assert "answered what is no EvaluateCertificateResponse" in cli("evaluate", *common(server), code=3).stderr


def test_deposit(cli, server, protos, evidence):
    pb = protos("countersign.v1.evidence_service_pb2")
    answer = pb.DepositEvidenceResponse()
    answer.deposited.add(evidence_sha256=b"\xab" * 32, ledger_entry=9)
    server.answers[DEPOSIT] = answer.SerializeToString()
    out = cli("deposit", "--socket", server.path, "--evidence", "e.protobuf").stdout
    assert out == "deposited:\n  - evidence_sha256: %s\n    ledger_entry: 9\n    already_known: no\n" % ("ab" * 32)
    got = pb.DepositEvidenceRequest.FromString(server.requests[0][1])
    assert got.evidence[0].SerializeToString() == evidence
    assert "--evidence: missing" in cli("deposit", "--socket", server.path, code=2).stderr
    cli.put("bad", b"\x0a")
    assert "--evidence bad: no canonical DSSE envelope" in cli(
        "deposit", "--socket", server.path, "--evidence", "bad", code=2).stderr


def test_health(cli, server, protos):
    pb = protos("grpc.health.v1.health_pb2")
    for status, code in ((1, 0), (2, 3), (0, 3)):
        server.answers[HEALTH] = pb.HealthCheckResponse(status=status).SerializeToString()
        cli("health", "--socket", server.path, code=code)
    server.answers[HEALTH] = pb.HealthCheckResponse(status=1).SerializeToString()
    assert json.loads(cli("health", "--socket", server.path, "--json").stdout) == {"status": "serving"}


def test_nobody_listens(cli, tmp_path):
    cli.put("tbs", b"\x30\x00")
    cli.put("file", b"")
    for path in ("gone", "file"):
        done = cli("health", "--socket", str(tmp_path / path), code=3)
        assert done.stdout == "" and str(tmp_path / path) in done.stderr


def test_deadline(cli, server):
    def slow(_request, context):
        import time
        while context.is_active():
            time.sleep(0.02)
        return b""
    server.answers[HEALTH] = slow
    assert "DEADLINE_EXCEEDED" in cli("health", "--socket", server.path, "--timeout", "1", code=3).stderr
    assert "--timeout '0': needs a number" in cli("health", "--socket", server.path, "--timeout", "0", code=2).stderr


def test_usage_of_requests(cli, server, certificate):
    for words, part in (
            (["--tbs", "tbs", "--tbs-of", "x.pem"], "--tbs, --tbs-of: both given"),
            ([], "--tbs, --tbs-of: none given"),
            (["--tbs", "gone"], "gone: No such file"),
            (["--tbs-of", "tbs"], "tbs: no strict DER certificate"),
            (["--tbs", "tbs", "--request-id", "00"], "--request-id '00': needs 16 to 64 octets"),
            (["--tbs", "tbs", "--request-id", "00" * 65], "needs 16 to 64 octets"),
            (["--tbs", "tbs", "--evidence", "x.pem"], "--evidence x.pem: no canonical DSSE envelope")):
        assert part in cli("sign", "--socket", server.path, "--issuer", "ec", *words, code=2).stderr, words
    assert server.requests == []
