"""A front with a TLS listener, its CAs and its clients."""
import socket
import ssl
import time

import authority
import grpc
import pytest
from authority import SERVER, Authority
from conftest import House

ECHO = "/countersign.v1.SigningService/SignCertificate"


class Door:
    """A front with a TLS listener, its CA, and clients."""

    def __init__(self, folder, revocations=()):
        self.folder = folder
        self.ca = Authority()
        self.server_ca = Authority("Server CA")
        self.server = self.server_ca.issue(("localhost",), (SERVER,))
        self.file = folder / "material"
        self.write(revocations)
        self.house = House(str(folder), material=str(self.file))
        assert self.house.ready, "".join(self.house.log)
        self.port = int((folder / "s.port").read_text())
        (folder / "roots.pem").write_bytes(self.server_ca.certificate.public_bytes(authority.PEM))

    def write(self, revocations=(), server=None):
        self.file.write_bytes(authority.material([self.ca], server or self.server, revocations))

    def reload(self, revocations=(), server=None):
        lines = len(self.house.log)
        self.write(revocations, server)
        self.say_material()
        end = time.monotonic() + 5
        while time.monotonic() < end and '"tls_reload"' not in "".join(self.house.log[lines:]):
            time.sleep(0.01)
        return "in use" in "".join(self.house.log[lines:])

    def say_material(self):
        self.house.say(f"material {self.file}")

    def channel(self, pair):
        credentials = grpc.ssl_channel_credentials(
            (self.folder / "roots.pem").read_bytes(), authority.pkcs8(pair[1], authority.PEM),
            pair[0].public_bytes(authority.PEM))
        return grpc.secure_channel(f"localhost:{self.port}", credentials,
                                   options=[("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)])

    def context(self, pair=None, alpn=("h2",)):
        c = ssl.create_default_context(cafile=str(self.folder / "roots.pem"))
        if pair is not None:
            c.load_cert_chain(*authority.write_pair(self.folder, "client", pair))
        if alpn:
            c.set_alpn_protocols(list(alpn))
        return c

    def connect(self, context):
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=5)
        return context.wrap_socket(raw, server_hostname="localhost")

    def refused(self, context, why):
        """The connection ends without a byte of HTTP/2, and the log says why."""
        with pytest.raises((ssl.SSLError, ConnectionError)):
            with self.connect(context) as s:
                while s.recv(100):  # TLS 1.3: the client learns of it behind its own handshake
                    pytest.fail("the front answered")
                raise ConnectionError
        assert self.house.logged(why), "".join(self.house.log)


@pytest.fixture
def door(tmp_path):
    d = Door(tmp_path)
    yield d
    d.house.close()


def describe(channel):
    return channel.unary_unary(ECHO)(b"describe", timeout=5).decode()
