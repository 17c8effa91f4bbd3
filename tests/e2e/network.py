"""A house with doors to the network: mutual TLS, a second Unix socket, reflection, and numbers for Prometheus."""
import http.client
import json
import pathlib
import socket
import sys

import grpc

import house as h
import rough

sys.path.append(str(pathlib.Path(__file__).parents[1] / "proc" / "front"))
import authority  # noqa: E402
from authority import PEM, SERVER, Authority  # noqa: E402


class NetworkHouse(rough.RoughHouse):
    def __init__(self, clients, reflection=False, metrics=None, old_socket=False, **args):
        """clients: rows of client_rows.py; one of them is this user, on the socket without a name. metrics: "tcp" or
        "unix". old_socket: one more Unix socket, with the name old."""
        self.ca, self.server_ca = Authority(), Authority("Server CA")
        self.reflection, self.metrics, self.old_socket = reflection, metrics, old_socket
        super().__init__(clients=clients, **{"module": h.MODULE, **args})
        authority.write_pair(self.dir, "server", self.server_ca.issue(("localhost",), (SERVER,)))
        (self.dir / "roots.pem").write_bytes(self.server_ca.certificate.public_bytes(PEM))
        self.revoke()

    def write_policy(self):
        super().write_policy()
        pem = self.ca.certificate.public_bytes(PEM).decode()
        with open(self.dir / "policy.yaml", "a") as policy:
            policy.write("client_authorities: |\n" + "".join(f"  {line}\n" for line in pem.splitlines()))
        more = "    reflection: true\n" if self.reflection else ""
        if self.old_socket:
            more += "  - unix: old.sock\n    mode: \"0666\"\n    name: old\n"
        more += ("  - tcp: \"127.0.0.1:0\"\n    name: secure\n    tls:\n      certificate: server.pem\n      key: server.key\n"
                 "      revocation: [clients.crl]\n")
        if self.metrics:
            more += "metrics: " + {"tcp": "{tcp: \"127.0.0.1:0\"}", "unix": "{unix: metrics.sock, mode: \"0600\"}"}[self.metrics] + "\n"
        config = (self.dir / "countersignd.yaml").read_text()
        assert config.count("    mode: \"0666\"\n") == 1
        (self.dir / "countersignd.yaml").write_text(config.replace("    mode: \"0666\"\n", "    mode: \"0666\"\n" + more))

    def revoke(self, *pairs):
        """A new revocation list takes the place of the old one in one step."""
        fresh = self.dir / "clients.new"
        fresh.write_bytes(self.ca.revoke(*(certificate for certificate, _ in pairs)).public_bytes(PEM))
        fresh.rename(self.dir / "clients.crl")

    def start(self, wait_s=60):
        n_ready = self.n_ready()
        super().start(wait_s)  # the front serves before the parent has written where
        rough.wait_for(lambda: self.n_ready() > n_ready, "the parent to be ready")
        self.address = {e["name"] or e["for"]: e["address"] for e in self.events() if e["event"] == "listening"}
        return self

    def events(self):
        if not (self.dir / "log").exists():
            return []
        lines = (self.dir / "log").read_text(errors="replace").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    def n_ready(self):
        return sum(e["event"] == "ready" and e["process"] == "parent" for e in self.events())

    def tls_address(self):
        return "localhost:" + self.address["secure"].rsplit(":", 1)[1]

    def secure(self, pair):
        """A connection of its own by this certificate and key."""
        credentials = grpc.ssl_channel_credentials(
            (self.dir / "roots.pem").read_bytes(), authority.pkcs8(pair[1], PEM), pair[0].public_bytes(PEM))
        return grpc.secure_channel(self.tls_address(), credentials,
                                   options=[("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)])

    def plain(self, path=None):
        return grpc.insecure_channel(f"unix:{path or self.socket}", options=[("grpc.use_local_subchannel_pool", 1)])

    def tls_files(self, name, pair):
        """What the command, the library and the PKCS#11 module take, by the names of their settings."""
        certificate, key = authority.write_pair(self.dir, name, pair)
        return {"tls_ca": self.dir / "roots.pem", "tls_certificate": certificate, "tls_key": key}

    def numbers(self):
        """GET /metrics: (status, text)."""
        address = self.address["metrics"]
        connection = http.client.HTTPConnection("localhost", timeout=10)
        if self.metrics == "unix":
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.settimeout(10)
            connection.sock.connect(address)
        else:
            connection.sock = socket.create_connection(("127.0.0.1", int(address.rsplit(":", 1)[1])), timeout=10)
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text
