"""How an issuance back end calls countersign: one certificate signed, and one refusal that a person can read.

usage: example_client.py SOCKET ISSUER TBS_FILE [EVIDENCE_FILE ...]

The modules come from the .proto files:  protoc -Iproto --python_out=OUT proto/countersign/v1/*.proto proto/google/rpc/*.proto
"""
import secrets
import sys

import grpc
from countersign.v1 import envelope_pb2, signing_service_pb2, verdict_pb2
from google.rpc import status_pb2

socket, issuer, tbs_file, *evidence_files = sys.argv[1:]
request = signing_service_pb2.SignCertificateRequest(
    request_id=secrets.token_bytes(16),  # keep it for retries: the same id never signs twice
    issuer=issuer.encode(),
    tbs_certificate=open(tbs_file, "rb").read(),
    evidence=[envelope_pb2.Envelope.FromString(open(f, "rb").read()) for f in evidence_files])

with grpc.insecure_channel(f"unix:{socket}") as channel:
    sign = channel.unary_unary(
        "/countersign.v1.SigningService/SignCertificate",
        request_serializer=signing_service_pb2.SignCertificateRequest.SerializeToString,
        response_deserializer=signing_service_pb2.SignCertificateResponse.FromString)
    try:
        answer = sign(request, timeout=10)
    except grpc.RpcError as error:
        print(error.code().name, error.details())
        for key, value in error.trailing_metadata():
            if key == "grpc-status-details-bin":
                for detail in status_pb2.Status.FromString(value).details:
                    refusal = verdict_pb2.Refusal()
                    if detail.Unpack(refusal):
                        for r in refusal.reasons:
                            print(f"  {r.rule} {r.subject}: there is {r.found}; needed: {r.needed}")
        sys.exit(1)
open("certificate.der", "wb").write(answer.certificate)
print("signed, ledger entry", answer.ledger_entry)
