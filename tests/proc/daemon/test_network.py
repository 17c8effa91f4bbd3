"""countersignd and the real front: listeners, TLS files, reload, socket activation. An echo stands in for
the gate, stand-ins for the signers."""
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import time

import grpc
import pytest

from test_daemon import COUNTERSIGND, PROGRAMS, SHORT, STANDIN, House, pem, policy_text  # noqa: F401 (fixture)

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "front"))
import authority  # noqa: E402
from authority import CLIENT, HOUR, PEM, SERVER, Authority  # noqa: E402

ECHO = "/countersign.v1.SigningService/SignCertificate"
CONFIG = """policy: policy.yaml
listen:
  - unix: a.sock
    mode: "0660"
    name: old-api
{listen}ledger: ledger.db
witness_dir: witness
signers: 1
token:
  module: module.so
  pin_file: pin
libexec: libexec
"""
TLS = """  - tcp: "{address}"
    name: api-v1
    tls:
      certificate: server.pem
      key: server.key
      revocation: [lists.pem]
"""


class Network(House):
    def __init__(self, path, policy_text):
        super().__init__(path, policy_text)
        self.ca, self.server_ca = Authority(), Authority("Server CA")
        self.server = self.server_ca.issue(("localhost",), (SERVER,))
        authority.write_pair(path, "server", self.server)
        self.write_policy(self.ca.certificate.public_bytes(PEM).decode())
        self.write_lists(self.ca.revoke())
        self.configure(TLS.format(address="127.0.0.1:0"))
        for name, program in zip(PROGRAMS, (os.environ["CS_FRONT"], os.environ["ECHO_GATE"], STANDIN)):
            (path / "libexec" / name).unlink()
            (path / "libexec" / name).symlink_to(program)
        self.policy_text = policy_text

    def write_policy(self, authorities):
        text = (self.path / "policy.yaml").read_text().split("client_authorities:")[0]
        (self.path / "policy.yaml").write_text(text + "client_authorities: |\n" + pem(authorities))

    def write_lists(self, *lists, encoding=PEM):
        fresh = self.path / "lists.new"
        fresh.write_bytes(b"".join(x.public_bytes(encoding) for x in lists))
        fresh.rename(self.path / "lists.pem")

    def configure(self, listen, extra=""):
        (self.path / "config.yaml").write_text(CONFIG.format(listen=listen) + extra)

    def serve(self, **kwargs):
        self.start(**kwargs)
        self.wait_event("ready")
        self.address = {e["name"]: e["address"] for e in self.events() if e["event"] == "listening"}
        return self

    def port(self, name="api-v1"):
        return int(self.address[name].rsplit(":", 1)[1])

    def channel(self, pair):
        credentials = grpc.ssl_channel_credentials(self.server_ca.certificate.public_bytes(PEM),
                                                   authority.pkcs8(pair[1], PEM), pair[0].public_bytes(PEM))
        return grpc.secure_channel(f"localhost:{self.port()}", credentials,
                                   options=[("grpc.use_local_subchannel_pool", 1), ("grpc.enable_retries", 0)])

    def connect(self, pair):
        c = ssl.create_default_context(cadata=self.server_ca.certificate.public_bytes(PEM).decode())
        c.load_cert_chain(*authority.write_pair(self.path, "client", pair))
        c.set_alpn_protocols(["h2"])
        return c.wrap_socket(socket.create_connection(("127.0.0.1", self.port()), timeout=5),
                             server_hostname="localhost")

    def count(self, event, text=""):
        return sum(e["event"] == event and text in e.get("msg", "") for e in self.events())

    def wait_count(self, n, event, text=""):
        end = time.monotonic() + 10
        while self.count(event, text) < n:
            assert time.monotonic() < end, (self.path / "log").read_text()
            time.sleep(0.01)


@pytest.fixture
def net(tmp_path, policy_text):  # noqa: F811
    n = Network(tmp_path, policy_text)
    yield n
    n.stop()


def echo(channel, body=b"x"):
    return channel.unary_unary(ECHO)(body, timeout=5).decode()


def test_both_doors(net):
    net.serve()
    assert net.address["old-api"] == f"{net.path}/a.sock"
    with net.channel(net.ca.issue(("a.example", "B.example"))) as ch:
        assert echo(ch) == "listener=1:api-v1 names=a.example,b.example x"
    with grpc.insecure_channel(f"unix:{net.path}/a.sock") as ch:
        assert echo(ch) == "listener=0:old-api names= x"
    net.process.terminate()
    assert net.process.wait(10) == 0


def test_ipv6(net):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 here")
    net.configure(TLS.format(address="[::1]:0"))
    net.serve()
    assert net.address["api-v1"].startswith("[::1]:")
    socket.create_connection(("::1", net.port())).close()


def test_port_taken(net):
    with socket.create_server(("127.0.0.1", 0)) as s:
        net.configure(TLS.format(address=f"127.0.0.1:{s.getsockname()[1]}"))
        net.start()
        assert net.process.wait(10) == 3
    assert "cannot listen" in net.event("start-failed")["msg"]


def test_hangup_swaps_the_certificate(net):
    net.serve()
    pair, fresh = net.ca.issue(), net.server_ca.issue(("localhost",), (SERVER,))
    with net.channel(pair) as ch:
        echo(ch)
        running = ch.unary_unary(ECHO).future(b"wait 1200", timeout=10)
        authority.write_pair(net.path, "server", fresh)
        net.process.send_signal(signal.SIGHUP)
        net.wait_count(1, "tls_reload", "in use")
        with net.connect(pair) as s:
            assert s.getpeercert(True) == fresh[0].public_bytes(authority.DER)
        assert not running.done()
        assert running.result().endswith(b"wait 1200")
    assert net.count("reload", "SIGHUP: TLS files read again") == 1


def test_list_replaced(net):
    """No signal: a replaced list is noticed, and ends the open connection of whom it names."""
    net.serve()
    stays, goes = net.ca.issue(), net.ca.issue(("b.example",))
    with net.connect(goes) as s, net.channel(stays) as ch:
        assert s.recv(9)[3] == 4
        echo(ch)
        net.write_lists(net.ca.revoke(goes[0]))
        end = time.monotonic() + 5
        try:
            while s.recv(1000):
                assert time.monotonic() < end
        except ConnectionError:
            pass
        assert echo(ch).endswith(" x")
    net.wait_count(1, "reload", "a revocation list changed")
    assert net.event("tls_dropped")["client"] == "b.example"
    with pytest.raises((ssl.SSLError, ConnectionError)):
        with net.connect(goes) as s:
            assert not s.recv(9)
            raise ConnectionError
    net.write_lists(net.ca.revoke(), encoding=authority.DER)  # and back, now in DER
    net.wait_count(2, "reload", "a revocation list changed")
    net.wait_count(2, "tls_reload", "in use")
    with net.channel(goes) as ch:
        echo(ch)


def spoil_key(net):
    (net.path / "server.key").write_bytes(authority.pkcs8(authority.new_key(), PEM))


SPOILS = {
    "key of another": (spoil_key, "the key is not the certificate's"),
    "no certificate": (lambda n: (n.path / "server.pem").write_text("no\n"), "server.pem: needed: certificates in PEM"),
    "cut certificate": (lambda n: (n.path / "server.pem").write_bytes((n.path / "server.pem").read_bytes()[:-50]),
                        "server.pem: needed: certificates in PEM"),
    "certificate gone": (lambda n: (n.path / "server.pem").unlink(), "server.pem"),
    "expired": (lambda n: authority.write_pair(n.path, "server", n.server_ca.issue(
        ("localhost",), (SERVER,), -3 * HOUR, -HOUR)), "server.pem: the certificate has expired"),
    "not yet": (lambda n: authority.write_pair(n.path, "server", n.server_ca.issue(
        ("localhost",), (SERVER,), HOUR, 2 * HOUR)), "server.pem: the certificate is not valid yet"),
    "client only": (lambda n: authority.write_pair(n.path, "server", n.server_ca.issue(("localhost",), (CLIENT,))),
                    "not for TLS servers"),
    "chain out of order": (lambda n: (n.path / "server.pem").write_bytes(
        n.server[0].public_bytes(PEM) + n.ca.certificate.public_bytes(PEM)), "not issued by the one behind it"),
    "key for everybody": (lambda n: (n.path / "server.key").chmod(0o644), "server.key: needed: a regular file of mode"),
    "no key": (lambda n: (n.path / "server.key").write_text("x"), "needed: one private key in PEM"),
    "list gone": (lambda n: (n.path / "lists.pem").unlink(), "lists.pem"),
    "no list": (lambda n: (n.path / "lists.pem").write_text("x"), "needed: a certificate revocation list"),
    "cut list": (lambda n: (n.path / "lists.pem").write_bytes(n.ca.revoke().public_bytes(authority.DER)[:-1]),
                 "needed: a certificate revocation list"),
    "list and more": (lambda n: (n.path / "lists.pem").write_bytes(n.ca.revoke().public_bytes(authority.DER) + b"x"),
                      "needed: a certificate revocation list"),
    "list of another": (lambda n: n.write_lists(Authority().revoke()), "signed by none of"),
    "list of the future": (lambda n: n.write_lists(n.ca.revoke(start=HOUR, end=2 * HOUR)), "from the future"),
}


@pytest.mark.parametrize("what", SPOILS)
def test_bad_files_at_start(net, what):
    spoil, text = SPOILS[what]
    spoil(net)
    r = net.check()
    assert r.returncode == 2 and "listen[1].tls" in r.stderr + "listen[1].tls" * ("gone" in what) and text in r.stderr, r.stderr


def test_bad_files_keep_the_old(net):
    net.serve()
    pair = net.ca.issue()
    for i, what in enumerate(("key of another", "no certificate", "no key")):
        SPOILS[what][0](net)
        net.process.send_signal(signal.SIGHUP)
        net.wait_count(i + 1, "reload-failed")
        with net.connect(pair) as s:
            assert s.getpeercert(True) == net.server[0].public_bytes(authority.DER)
        authority.write_pair(net.path, "server", net.server)
    for i, what in enumerate(("list gone", "no list", "list of another"), 4):
        SPOILS[what][0](net)
        net.wait_count(i, "reload-failed")
        with net.connect(pair):
            pass
    net.write_lists(net.ca.revoke(start=-2 * HOUR, end=-HOUR))
    net.wait_count(7, "reload-failed")
    assert "past its nextUpdate" in [e for e in net.events() if e["event"] == "reload-failed"][-1]["msg"]
    with net.connect(pair):
        pass
    net.write_lists(net.ca.revoke())
    net.wait_count(1, "reload", "a revocation list changed")


def test_list_past_its_date_at_start(net):
    """Everything starts; nobody gets in over TLS until there is a new list."""
    net.write_lists(net.ca.revoke(start=-2 * HOUR, end=-HOUR))
    net.serve()
    assert net.event("revocation-past")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        net.connect(net.ca.issue())
    with grpc.insecure_channel(f"unix:{net.path}/a.sock") as ch:
        echo(ch)
    net.write_lists(net.ca.revoke())
    net.wait_count(1, "tls_reload", "in use")
    with net.channel(net.ca.issue()) as ch:
        echo(ch)


def test_a_list_by_each_authority(net):
    other = Authority("Other CA")
    net.write_policy((net.ca.certificate.public_bytes(PEM) + other.certificate.public_bytes(PEM)).decode())
    r = net.check()
    assert r.returncode == 2 and "no list by certificate 2 of the policy's client_authorities" in r.stderr
    net.write_lists(net.ca.revoke(), other.revoke())
    assert net.check().returncode == 0
    net.serve()
    for ca in (net.ca, other):
        with net.channel(ca.issue()) as ch:
            echo(ch)


def test_tls_needs_authorities(net):
    (net.path / "policy.yaml").write_text(net.policy_text)
    r = net.check()
    assert r.returncode == 2 and "the policy names no client_authorities" in r.stderr


FAULTS = [
    ("  - tcp: \"127.0.0.1:0\"\n", "listen[1]: tcp needs tls"),
    (TLS.format(address="localhost:8443"), "listen[1].tcp: needed: an address and a port"),
    (TLS.format(address="127.0.0.1:65536"), "listen[1].tcp: needed: an address and a port"),
    (TLS.format(address="127.0.0.1:08"), "listen[1].tcp: needed: an address and a port"),
    (TLS.format(address="127.0.0.1"), "listen[1].tcp: needed: an address and a port"),
    (TLS.format(address="::1:80"), "listen[1].tcp: needed: an address and a port"),
    (TLS.format(address="127.0.0.1:1") + TLS.format(address="127.0.0.1:1").replace("api-v1", "x"),
     "listen[2].tcp: listen[1] has this address"),
    (TLS.format(address="127.0.0.1:0") * 2, "listen[2].name: listen[1] has this name"),
    (TLS.format(address="127.0.0.1:0").replace("api-v1", "a b"), "listen[1].name"),
    ("  - unix: b.sock\n", "listen[1]: mode goes with unix"),
    ("  - unix: b.sock\n    systemd: x\n    mode: \"0600\"\n", "listen[1]: needed: one of unix, tcp and systemd"),
    ("  - unix: b.sock\n    mode: \"0600\"\n    tls: {certificate: a, key: b}\n", "listen[1].tls: on a Unix socket"),
    ("  - unix: b.sock\n    mode: \"0600\"\n    max_connection_age_s: 86401\n", "max_connection_age_s: 86401"),
    ("  - unix: b.sock\n    mode: \"0600\"\n    reflection: yes\n", "reflection"),
    ("metrics: {tcp: \"192.0.2.1:9464\"}\n", "metrics.tcp: the numbers are shown to everybody"),
    ("metrics: {unix: m.sock}\n", "metrics: needed: either unix and mode, or tcp"),
    ("metrics: {unix: a.sock, mode: \"0600\"}\n", "metrics.unix: listen[0] has this path"),
]


@pytest.mark.parametrize("text, fault", FAULTS)
def test_config_faults(net, text, fault):
    net.configure(text)
    r = net.check()
    assert r.returncode == 2 and fault in r.stderr, r.stderr


def test_metrics_listener(net):
    net.configure("    reflection: true\n    max_connection_age_s: 300\n" + TLS.format(address="127.0.0.1:0"),
                  "metrics: {tcp: \"127.0.0.1:0\"}\n")
    net.serve()
    listening = [e for e in net.events() if e["event"] == "listening"]
    assert [e["for"] for e in listening] == ["unix", "tls", "metrics"]
    assert listening[2]["address"].startswith("127.0.0.1:") and not listening[2]["address"].endswith(":0")


# ---- socket activation ----

SYSTEMD = TLS.replace("tcp: \"{address}\"", "systemd: {address}")


def activated(net, sockets, names, daemon=SHORT, pid=None):
    """Starts the daemon as systemd does: the sockets from 3 on, LISTEN_PID its own."""
    script = "import os, sys; os.environ['LISTEN_PID'] = sys.argv[1] or str(os.getpid()); os.execv(sys.argv[2], sys.argv[2:])"
    high = [os.dup(s.fileno()) for s in sockets]

    def place():
        keep = [os.dup2(fd, 100 + i) for i, fd in enumerate(high)]
        for i, fd in enumerate(keep):
            os.dup2(fd, 3 + i)

    net.log = open(net.path / "log", "w+")
    net.process = subprocess.Popen(
        [sys.executable, "-c", script, pid or "", daemon, "--config", str(net.path / "config.yaml")],
        stdin=subprocess.DEVNULL, stderr=net.log, preexec_fn=place, close_fds=False,
        env={**os.environ, "LISTEN_FDS": str(len(sockets)), "LISTEN_FDNAMES": ":".join(names)})
    for fd in high:
        os.close(fd)


def test_activation(net):
    net.configure("  - systemd: plain\n" + SYSTEMD.format(address="secure"))
    path = str(net.path / "plain.sock")
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as plain:
        plain.bind(path)
        plain.listen()
        activated(net, [tcp, plain], ["secure", "plain"])
        net.wait_event("ready")
        net.address = {e["name"]: e["address"] for e in net.events() if e["event"] == "listening"}
        assert net.port() == tcp.getsockname()[1]
        with net.channel(net.ca.issue()) as ch:
            assert echo(ch).startswith("listener=2:api-v1 ")
        with grpc.insecure_channel("unix:" + path) as ch:
            assert echo(ch).startswith("listener=1: ")
    net.process.terminate()
    assert net.process.wait(10) == 0
    assert os.path.exists(path)  # the service manager's to remove


def listening_tcp():
    return socket.create_server(("127.0.0.1", 0))


def listening_unix(net):
    s = socket.socket(socket.AF_UNIX)
    s.bind(str(net.path / "u.sock"))
    s.listen()
    return s


PASSED = {
    "other name": (lambda n: [listening_tcp()], ["other"], "no descriptor named secure (1 passed)"),
    "none": (lambda n: [], [], "no descriptor named secure (0 passed)"),
    "two of a name": (lambda n: [listening_tcp(), listening_tcp()], ["secure", "secure"], "two descriptors are named"),
    "one too many": (lambda n: [listening_tcp(), listening_tcp()], ["secure", "more"], "no listen entry takes it"),
    "datagrams": (lambda n: [socket.socket(socket.AF_INET, socket.SOCK_DGRAM)], ["secure"], "no stream socket that listens"),
    "not listening": (lambda n: [socket.socket()], ["secure"], "no stream socket that listens"),
    "Unix with tls": (lambda n: [listening_unix(n)], ["secure"], "is a Unix socket; no tls there"),
}


@pytest.mark.parametrize("what", PASSED)
def test_activation_faults(net, what):
    make, names, text = PASSED[what]
    net.configure(SYSTEMD.format(address="secure"))
    sockets = make(net)
    activated(net, sockets, names)
    assert net.process.wait(10) == 3
    for s in sockets:
        s.close()
    assert text in net.event("start-failed")["msg"]


def test_activation_tcp_without_tls(net):
    net.configure("  - systemd: plain\n")
    with listening_tcp() as s:
        activated(net, [s], ["plain"])
        assert net.process.wait(10) == 3
    assert "which needs tls" in net.event("start-failed")["msg"]


def test_activation_meant_for_another(net):
    net.configure(SYSTEMD.format(address="secure"))
    with listening_tcp() as s:
        activated(net, [s], ["secure"], pid="1")
        assert net.process.wait(10) == 3
    assert "(0 passed)" in net.event("start-failed")["msg"]


@pytest.mark.parametrize("program", [COUNTERSIGND])
def test_check_says_nothing_of_keys(net, program):
    r = net.check(program)
    assert r.returncode == 0 and "PRIVATE" not in r.stdout + r.stderr
