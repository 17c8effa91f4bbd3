"""gRPC libraries x transports x what a client of countersign meets, against the real daemon; printed as a table.

usage: matrix.py TABLE_FILE

CS_CLIENT_<NAME> is the command of a client program (driver.py says how it is spoken to), CS_NO_<NAME> why it cannot run
here. Exit code 1 when a cell fails, 77 when none fails and a client is missing.
"""
import os
import pathlib
import signal
import socket
import sys
import time

FOLDER = pathlib.Path(__file__).parent
sys.path[:0] = [str(FOLDER), str(FOLDER.parent / "e2e"), str(FOLDER.parent / "proc" / "front")]
import audit  # noqa: E402
import authority  # noqa: E402
import driver  # noqa: E402
import house as h  # noqa: E402
import rough  # noqa: E402

CLIENTS = (("PYTHON", "python3-grpcio"), ("JS", "@grpc/grpc-js"), ("CONNECT", "connect-node"), ("BUF", "buf curl"),
           ("CPP", "libgrpc++"), ("RUBY", "ruby-grpc"))
CASES = ("ok", "refusal", "too large", "reflection", "deadline", "cancel", "watch", "drain")
OK, CANCELLED, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, FAILED_PRECONDITION, UNAVAILABLE = 0, 1, 4, 8, 9, 14
DEADLINE_MS = 3000  # a command of buf also starts in it
TLS_NAME = "api-v3.ca.example"
CONFIG = """  - tcp: "127.0.0.1:{port}"
    name: api-v3
    tls:
      certificate: server.pem
      key: server.key
    reflection: true
"""


def check(condition, got):
    if not condition:
        raise AssertionError(str(got)[:600])


class MatrixHouse(rough.RoughHouse):
    """Two listeners: a Unix socket, and mutual TLS on a port that stays the same when the daemon starts again."""

    def __init__(self):
        rpcs = [*self.ALL_RPCS, "Watch"]
        super().__init__(signers=2, issuers=self.ISSUERS[:1], clients=[
            ("api", "v2", os.getuid(), rpcs), ("api-v3", "v3", f"dns: {TLS_NAME}", rpcs)])

    def write_policy(self):
        super().write_policy()
        ca, server_ca = authority.Authority(), authority.Authority("Server CA")
        authority.write_pair(self.dir, "server", server_ca.issue(("localhost",), (authority.SERVER,)))
        authority.write_pair(self.dir, "client", ca.issue((TLS_NAME,)))
        (self.dir / "roots.pem").write_bytes(server_ca.certificate.public_bytes(authority.PEM))
        with open(self.dir / "policy.yaml", "a") as policy:
            policy.write("client_authorities: |\n" + "".join(
                f"  {line}\n" for line in ca.certificate.public_bytes(authority.PEM).decode().splitlines()))
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        config = self.dir / "countersignd.yaml"
        config.write_text(config.read_text().replace(
            "    mode: \"0666\"\n", "    mode: \"0666\"\n    reflection: true\n" + CONFIG.format(port=self.port)))

    def target(self, transport):
        return f"unix:{self.socket}" if transport == "unix" else f"tls:{self.port}:{self.dir}"

    def recorded(self, request, result):
        return [r for _, r in audit.Books(self).of_request(request.request_id)] == [result]

    def begun(self, requests):
        """Until each has its intent in the ledger: it is at a signer, or waits for one."""
        rough.wait_for(lambda: all(audit.Books(self).of_request(r.request_id) for r in requests), "all intents", 40)


class Row:
    """One client by one transport: its session, its files, its cells."""

    def __init__(self, house, client, transport, command):
        self.house, self.client, self.transport, self.cells = house, client, transport, {}
        self.slug = f"{client.lower()}-{transport}"
        self.session = driver.Session(command, house.target(transport), house.dir / f"{self.slug}.log")

    def file(self, name, request):
        path = self.house.dir / f"{self.slug}.{name}"
        path.write_bytes(request.SerializeToString(deterministic=True))
        return path, f"{path}.der"

    def request(self, name):
        return self.house.request(f"{name}.{self.slug}.example.com")

    def begin_sign(self, name, deadline_ms=60000):
        request = self.request(name)
        self.session.begin(name, "sign", deadline_ms, *self.file(name, request))
        return request

    def signed(self, name, request, got, replayed=False):
        check(got["code"] == OK and got["answer"]["replayed"] == replayed, got)
        check(replayed or got["answer"]["admitted"], got)
        der = (self.house.dir / f"{self.slug}.{name}.der").read_bytes()
        certificate = h.x509.load_der_x509_certificate(der)
        check(certificate.tbs_certificate_bytes == request.tbs_certificate, "another TBS was signed")
        self.house.issuer("ec").certificate.public_key().verify(
            certificate.signature, request.tbs_certificate, h.ec.ECDSA(certificate.signature_hash_algorithm))
        self.house.certificates.append(der)

    def ask_again(self, name, request):
        """The same request id: the certificate that was made meanwhile."""
        path = self.house.dir / f"{self.slug}.{name}"
        self.signed(name, request, self.session.call("sign", path, f"{path}.der"), replayed=True)

    def ok(self):
        request = self.begin_sign("ok")
        self.signed("ok", request, self.session.end("ok"))

    def refusal(self):
        house, name = self.house, f"refused.{self.slug}.example.com"
        tbs, order_id = house.tbs([name]), h.secrets.token_bytes(16)
        request = h.signing_service_pb2.SignCertificateRequest(
            request_id=h.secrets.token_bytes(16), issuer=b"ec", tbs_certificate=tbs,
            evidence=[*house.around(tbs, order_id=order_id), house.approval(order_id)])
        got = self.session.call("sign", *self.file("refusal", request))
        check(got["code"] == FAILED_PRECONDITION and got["text"], got)
        check(got["status"]["code"] == FAILED_PRECONDITION and got["status"]["message"] == got["text"], got)
        details = {d["type"]: d for d in got["status"]["details"]}
        check(set(details) == {"google.rpc.ErrorInfo", "google.rpc.PreconditionFailure", "countersign.v1.Refusal"}, got)
        check(details["google.rpc.ErrorInfo"]["reason"].startswith("RULE_"), got)
        refusal = details["countersign.v1.Refusal"]
        check(any(line.startswith(f"V01 dns:{name}: there is ") for line in refusal["lines"]), got)
        check(refusal["ledger_entry"] > 0 and refusal["request_id"] == request.request_id.hex(), got)
        request.evidence.append(house.domain(name))  # what was missing; the same request id
        self.signed("refusal", request, self.session.call("sign", *self.file("refusal", request)))

    def too_large(self):
        request = h.signing_service_pb2.SignCertificateRequest(
            request_id=b"x" * 16, issuer=b"ec", tbs_certificate=b"\x30" * 1024 * 1024)
        got = self.session.call("sign", *self.file("large", request))
        check(got["code"] == RESOURCE_EXHAUSTED, got)
        got = self.session.call("health", "-")
        check(got.get("answer") == "SERVING", f"the next call: {got}")

    def reflection(self):
        services = self.session.ask("services")["answer"]
        check({"countersign.v1.SigningService", "countersign.v1.EvidenceService", "grpc.health.v1.Health"} <=
              set(services), services)
        methods = self.session.ask("methods", "countersign.v1.SigningService")["answer"]
        check({"SignCertificate", "EvaluateCertificate", "AuthorizeTbs"} <= set(methods), methods)


class Matrix:
    def __init__(self, house, rows):
        self.house, self.rows = house, rows

    def each(self, case, action, *args):
        """The action for each row that is still good for the case; what it returns, by row."""
        out = {}
        for row in self.rows:
            if row.cells.get(case, "ok") != "ok":
                continue
            try:
                out[row] = action(row, *(a[row] for a in args))
                row.cells[case] = "ok"
            except (AssertionError, KeyError, OSError, ValueError, TypeError) as error:
                row.cells[case] = f"{type(error).__name__}: {error}"
        return out

    def hold(self):
        self.house.hold("before")
        self.house.set_rules("C_Sign 1 100000 hold-before")

    def let_go(self, requests):
        self.house.set_rules()
        for request in requests:
            rough.wait_for(lambda: self.house.recorded(request, audit.SIGNED), "the outcome")

    def deadline(self):
        """It passes while the HSM works; what was made is there for who asks again."""
        self.hold()
        requests = self.each("deadline", lambda row: row.begin_sign("deadline", DEADLINE_MS))
        got = self.each("deadline", lambda row: row.session.end("deadline"))
        self.each("deadline", lambda row: check(
            got[row]["code"] == DEADLINE_EXCEEDED and got[row]["ms"] >= DEADLINE_MS * 0.9, got[row]))
        self.each("deadline", lambda row: check(self.house.recorded(requests[row], None), "no open intent"))
        self.let_go(requests.values())
        self.each("deadline", lambda row: row.ask_again("deadline", requests[row]))

    def cancel(self):
        self.hold()
        requests = self.each("cancel", lambda row: row.begin_sign("cancel"))
        self.house.begun(requests.values())
        self.each("cancel", lambda row: row.session.ask("cancel", "cancel"))
        got = self.each("cancel", lambda row: row.session.end("cancel"))
        self.each("cancel", lambda row: check(got[row]["code"] == CANCELLED and got[row]["ms"] < 50000, got[row]))
        self.let_go(requests.values())
        self.each("cancel", lambda row: row.ask_again("cancel", requests[row]))

    def next_is(self, case, status):
        def action(row):
            got = row.session.ask("next", "watch")
            check(got.get("answer") == status, got)
        self.each(case, action)

    def watch(self):
        """SERVING; the token goes; it comes back."""
        self.each("watch", lambda row: row.session.begin("watch", "watch", 120000, "-"))
        self.next_is("watch", "SERVING")
        self.house.set_rules("C_Sign 1 100000 30", "C_OpenSession 1 100000 32")
        with self.house.channel() as channel:
            for n in range(2):  # each signer loses its token at a signature
                self.house.future(channel, self.house.request(f"lost-{n}.example.com")).exception()
        self.next_is("watch", "NOT_SERVING")
        self.house.set_rules()
        self.next_is("watch", "SERVING")

    def drain(self):
        """Running calls are finished, a Watch is told, new calls are not served; then the next daemon is found."""
        self.hold()
        requests = self.each("drain", lambda row: row.begin_sign("drain"))
        self.house.begun(requests.values())
        self.house.process.send_signal(signal.SIGTERM)
        self.next_is("drain", "NOT_SERVING")
        got = self.each("drain", lambda row: row.session.ask("next", "watch"))
        self.each("drain", lambda row: check(got[row].get("code") == UNAVAILABLE, got[row]))
        got = self.each("drain", lambda row: row.session.call("health", "-", deadline_ms=10000))
        self.each("drain", lambda row: check(got[row]["code"] == UNAVAILABLE, f"a new call: {got[row]}"))
        self.house.set_rules()
        got = self.each("drain", lambda row: row.session.end("drain"))
        self.each("drain", lambda row: row.signed("drain", requests[row], got[row]))
        check(self.house.wait_ended() == 0, "countersignd did not end well")
        self.house.start()
        self.each("drain", self.served_again)

    def served_again(self, row):
        """By the same channel; libraries wait a little before they connect again."""
        def serves():
            got = row.session.call("health", "-", deadline_ms=5000)
            return got["code"] == OK or check(got["code"] == UNAVAILABLE, got)
        rough.wait_for(serves, "the next daemon", 30)

    def run(self):
        for case in ("ok", "refusal", "too large", "reflection"):
            self.each(case, lambda row: getattr(row, case.replace(" ", "_"))())
        for case in ("deadline", "cancel", "watch", "drain"):
            getattr(self, case)()


def table(rows, missing):
    """rows: (client, transport, cells by case); returns the lines and the number of cells that fail."""
    head = ["client", "transport", *CASES]
    lines, notes, n_failed = [], [], 0
    for client, transport, cells in rows:
        line = [client, transport]
        for case in CASES:
            cell = cells.get(case, missing.get(client) or "never ran")
            if cell == "ok":
                line.append("ok")
                continue
            na = client in missing or cell.startswith("n/a ")
            n_failed += not na
            if cell not in notes:
                notes.append(cell)
            line.append(f"{'n/a' if na else 'FAIL'} [{notes.index(cell) + 1}]")
        lines.append(line)
    widths = [max(len(row[i]) for row in [head, *lines]) for i in range(len(head))]
    text = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip() for row in [head, *lines]]
    text.insert(1, "  ".join("-" * w for w in widths))
    return text + [f"[{i}] {note}" for i, note in enumerate(notes, 1)], n_failed


def main():
    since, missing, rows = time.monotonic(), {}, []
    with MatrixHouse() as house:
        house.start()
        matrix = Matrix(house, rows)
        try:
            for name, title in CLIENTS:
                command = os.environ.get(f"CS_CLIENT_{name}")
                if not command:
                    missing[title] = os.environ.get(f"CS_NO_{name}") or "it is not here"
                    continue
                rows += [Row(house, name, transport, command) for transport in ("unix", "tls")]
            matrix.run()
            house.audit()
        finally:
            for row in rows:
                row.session.close()
        if any(set(row.cells.values()) != {"ok"} for row in rows):
            print(house.log_text())
    by_name = {(row.client, row.transport): row.cells for row in rows}
    lines, n_failed = table([(title, transport, by_name.get((name, transport), {}))
                             for name, title in CLIENTS for transport in ("unix", "tls")], missing)
    lines.append(f"{time.monotonic() - since:.0f} s")
    print("\n".join(lines))
    pathlib.Path(sys.argv[1]).write_text("\n".join(lines) + "\n")
    if missing and not n_failed:
        print("skipped: " + "; ".join(f"{k}: {v}" for k, v in missing.items()))
    return 1 if n_failed else 77 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
