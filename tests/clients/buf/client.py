"""`buf curl` as a client of countersign: each call is a command; driver.py of the folder above says what this reads and
writes.

usage: client.py BUF MESSAGES_FOLDER DESCRIPTOR_SET TARGET
"""
import base64
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, sys.argv[2])
from countersign.v1 import signing_service_pb2, verdict_pb2  # noqa: E402
from google.protobuf import json_format  # noqa: E402
from google.rpc import error_details_pb2  # noqa: E402

NAMES = ["", "canceled", "unknown", "invalid_argument", "deadline_exceeded", "not_found", "already_exists",
         "permission_denied", "resource_exhausted", "failed_precondition", "aborted", "out_of_range", "unimplemented",
         "internal", "unavailable", "data_loss", "unauthenticated"]


def detail(row):
    value = base64.b64decode(row["value"] + "=" * (-len(row["value"]) % 4))
    out = {"type": row["type"], "lines": []}
    if row["type"] == "google.rpc.ErrorInfo":
        m = error_details_pb2.ErrorInfo.FromString(value)
        out.update(reason=m.reason, domain=m.domain, lines=[f"{m.domain} {m.reason}"])
    elif row["type"] == "google.rpc.PreconditionFailure":
        m = error_details_pb2.PreconditionFailure.FromString(value)
        out["lines"] = [f"{v.type} {v.subject}: {v.description}" for v in m.violations]
    elif row["type"] == "countersign.v1.Refusal":
        m = verdict_pb2.Refusal.FromString(value)
        out.update(ledger_entry=m.ledger_entry, request_id=m.request_id.hex(), lines=[
            f"{r.rule} {r.subject}: there is {r.found}; needed: {r.needed}" for r in m.reasons])
    return out


class Client:
    def __init__(self, buf, schema, target):
        kind, where = target.split(":", 1)
        self.calls, self.buf, self.schema = {}, buf, schema
        if kind == "unix":
            self.url, self.options = "http://localhost", ["--unix-socket", where]
        else:
            port, folder = where.split(":", 1)
            self.url = f"https://localhost:{port}"
            self.options = ["--cacert", f"{folder}/roots.pem", "--cert", f"{folder}/client.pem",
                            "--key", f"{folder}/client.key"]

    def command(self, *more):
        return [self.buf, "curl", "--protocol", "grpc", *self.options, *more]

    def begin(self, name, kind, deadline_ms, what, where="-"):
        data = "{}" if what == "-" else json.dumps({"service": what})
        method = {"health": "grpc.health.v1.Health/Check", "watch": "grpc.health.v1.Health/Watch",
                  "sign": "countersign.v1.SigningService/SignCertificate"}[kind]
        if kind == "sign":
            data = "@" + where + ".json"
            request = signing_service_pb2.SignCertificateRequest.FromString(pathlib.Path(what).read_bytes())
            pathlib.Path(data[1:]).write_text(json_format.MessageToJson(request))
        process = subprocess.Popen(
            self.command("--schema", self.schema, "--timeout", f"{deadline_ms}ms", "--data", data, f"{self.url}/{method}"), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        self.calls[name] = (kind, process, where, time.monotonic())
        return {}

    def failed(self, process, errors):
        """Exit code: gRPC's, times eight; a number below eight is of the command itself."""
        code = process.returncode >> 3
        try:
            error = json.loads(errors)
        except ValueError:
            return {"code": code, "text": errors.strip()}
        out = {"code": code, "text": error.get("message", "")}
        if "details" in error:
            out["status"] = {"code": NAMES.index(error["code"]), "message": out["text"],
                             "details": [detail(d) for d in error["details"]]}
        return out

    def cancel(self, name):
        self.calls[name][1].send_signal(signal.SIGINT)
        return {}

    def end(self, name):
        kind, process, where, since = self.calls.pop(name)
        output, errors = process.communicate()
        if process.returncode:
            out = self.failed(process, errors)
            if process.returncode < 0:
                out.update(code=-1, text=f"ended by signal {-process.returncode}")
        else:
            out = {"code": 0, "answer": self.answer(kind, output, where)}
        return {**out, "ms": int((time.monotonic() - since) * 1000)}

    def answer(self, kind, output, where):
        if kind == "health":
            return json.loads(output)["status"]
        answer = json_format.Parse(output, signing_service_pb2.SignCertificateResponse())
        pathlib.Path(where).write_bytes(answer.certificate)
        return {"ledger_entry": answer.ledger_entry, "admitted": answer.verdict.admitted, "replayed": answer.replayed,
                "covers": [c.subject for c in answer.verdict.covers]}

    def next(self, name):
        """Answers of a stream are JSON objects, one behind the other."""
        process, text = self.calls[name][1], ""
        for line in process.stdout:
            text += line
            try:
                return {"answer": json.loads(text)["status"]}
            except ValueError:
                continue
        errors = process.stderr.read()
        return self.failed(process, errors) if process.wait() else {"code": 0, "text": ""}

    def listed(self, *what):
        done = subprocess.run(self.command(*what), capture_output=True, text=True, timeout=30)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout.split()

    def services(self):
        return {"answer": self.listed("--list-services", self.url)}

    def methods(self, service):
        lines = self.listed("--list-methods", self.url)
        return {"answer": [line.split("/")[1] for line in lines if line.split("/")[0] == service]}


os.environ.setdefault("HOME", "/nonexistent")
client = Client(sys.argv[1], *sys.argv[3:])
for line in sys.stdin:
    word, *more = line.split()
    print(json.dumps(getattr(client, word)(*more)), flush=True)
