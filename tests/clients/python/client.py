"""A client of countersign on python3-grpcio; driver.py of the folder above says what it reads and writes.

usage: client.py MESSAGES_FOLDER TARGET
"""
import importlib.util
import json
import pathlib
import sys
import time

sys.path.insert(0, sys.argv[1])
import grpc  # noqa: E402
from countersign.v1 import signing_service_pb2, verdict_pb2  # noqa: E402
from google.protobuf import descriptor_pb2  # noqa: E402
from google.rpc import error_details_pb2, status_pb2  # noqa: E402

SIGN = "/countersign.v1.SigningService/SignCertificate"


def messages(path):
    """Of the folder grpc, which is no package: the library has that name."""
    spec = importlib.util.spec_from_file_location(pathlib.Path(path).stem, pathlib.Path(sys.argv[1], path))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


health_pb2 = messages("grpc/health/v1/health_pb2.py")
reflection_pb2 = messages("grpc/reflection/v1/reflection_pb2.py")


def connect(target):
    kind, where = target.split(":", 1)
    if kind == "unix":
        return grpc.insecure_channel(f"unix:{where}")
    port, folder = where.split(":", 1)
    roots, key, chain = (pathlib.Path(folder, name).read_bytes() for name in ("roots.pem", "client.key", "client.pem"))
    return grpc.secure_channel(f"localhost:{port}", grpc.ssl_channel_credentials(roots, key, chain))


def detail(any_):
    out = {"type": any_.TypeName(), "lines": []}
    info, failure = error_details_pb2.ErrorInfo(), error_details_pb2.PreconditionFailure()
    refusal = verdict_pb2.Refusal()
    if any_.Unpack(info):
        out.update(reason=info.reason, domain=info.domain, lines=[f"{info.domain} {info.reason}"])
    elif any_.Unpack(failure):
        out["lines"] = [f"{v.type} {v.subject}: {v.description}" for v in failure.violations]
    elif any_.Unpack(refusal):
        out.update(ledger_entry=refusal.ledger_entry, request_id=refusal.request_id.hex(), lines=[
            f"{r.rule} {r.subject}: there is {r.found}; needed: {r.needed}" for r in refusal.reasons])
    return out


def failed(error):
    out = {"code": error.code().value[0], "text": error.details()}
    bytes_ = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
    if bytes_ is not None:
        rich = status_pb2.Status.FromString(bytes_)
        out["status"] = {"code": rich.code, "message": rich.message, "details": [detail(d) for d in rich.details]}
    return out


class Client:
    def __init__(self, channel):
        self.channel, self.calls = channel, {}

    def begin(self, name, kind, deadline_ms, what, where="-"):
        timeout = int(deadline_ms) / 1000
        service = "" if what == "-" else what
        if kind == "sign":
            request = signing_service_pb2.SignCertificateRequest.FromString(pathlib.Path(what).read_bytes())
            call = self.unary(SIGN, signing_service_pb2.SignCertificateRequest,
                              signing_service_pb2.SignCertificateResponse).future(request, timeout=timeout)
        elif kind == "raw":
            call = self.channel.unary_unary(where).future(pathlib.Path(what).read_bytes(), timeout=timeout)
        elif kind == "health":
            call = self.unary("/grpc.health.v1.Health/Check", health_pb2.HealthCheckRequest,
                              health_pb2.HealthCheckResponse).future(
                                  health_pb2.HealthCheckRequest(service=service), timeout=timeout)
        else:
            call = self.channel.unary_stream(
                "/grpc.health.v1.Health/Watch", health_pb2.HealthCheckRequest.SerializeToString,
                health_pb2.HealthCheckResponse.FromString)(
                    health_pb2.HealthCheckRequest(service=service), timeout=timeout)
        self.calls[name] = (kind, call, where, time.monotonic())
        return {}

    def unary(self, path, request, response):
        return self.channel.unary_unary(path, request.SerializeToString, response.FromString)

    def cancel(self, name):
        self.calls[name][1].cancel()
        return {}

    def end(self, name):
        kind, call, where, since = self.calls.pop(name)
        try:
            out = {"code": 0, "answer": self.answer(kind, call.result(), where)}
        except grpc.FutureCancelledError:
            out = {"code": call.code().value[0], "text": call.details()}
        except grpc.RpcError as error:
            out = failed(error)
        return {**out, "ms": int((time.monotonic() - since) * 1000)}

    def answer(self, kind, answer, where):
        if kind == "health":
            return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)
        if kind == "raw":
            return len(answer)
        pathlib.Path(where).write_bytes(answer.certificate)
        return {"ledger_entry": answer.ledger_entry, "admitted": answer.verdict.admitted, "replayed": answer.replayed,
                "covers": [c.subject for c in answer.verdict.covers]}

    def next(self, name):
        call = self.calls[name][1]
        try:
            return {"answer": health_pb2.HealthCheckResponse.ServingStatus.Name(next(call).status)}
        except StopIteration:
            return {"code": 0, "text": ""}
        except grpc.RpcError as error:
            return failed(error)

    def reflect(self, **request):
        call = self.channel.stream_stream(
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            reflection_pb2.ServerReflectionRequest.SerializeToString,
            reflection_pb2.ServerReflectionResponse.FromString)
        (answer,) = call(iter([reflection_pb2.ServerReflectionRequest(**request)]), timeout=20)
        return answer

    def services(self):
        return {"answer": [s.name for s in self.reflect(list_services="*").list_services_response.service]}

    def methods(self, service):
        files = self.reflect(file_containing_symbol=service).file_descriptor_response.file_descriptor_proto
        files = [descriptor_pb2.FileDescriptorProto.FromString(f) for f in files]
        return {"answer": [m.name for f in files for s in f.service if f"{f.package}.{s.name}" == service for m in s.method]}


with connect(sys.argv[2]) as channel:
    client = Client(channel)
    for line in sys.stdin:
        word, *more = line.split()
        print(json.dumps(getattr(client, word)(*more)), flush=True)
