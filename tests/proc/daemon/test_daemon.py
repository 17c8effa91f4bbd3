"""countersignd with stand-in children: configuration errors, what children inherit, order of start and
end, and every way a child can misbehave."""
import json
import os
import pathlib
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time

import pytest

COUNTERSIGND = os.environ["COUNTERSIGND"]
SHORT = os.environ["SHORT_PATIENCE"]
STANDIN = os.environ["STANDIN"]
PROGRAMS = ("countersign-front", "countersign-gate", "countersign-signer")


def pem(text):
    return "".join(f"      {line}\n" for line in text.strip().splitlines())


@pytest.fixture(scope="session")
def policy_text(tmp_path_factory):
    d = tmp_path_factory.mktemp("keys")

    def openssl(*args):
        return subprocess.run(["openssl", *args], cwd=d, check=True, capture_output=True, text=True).stdout

    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key",
            "-out", "ca.pem", "-days", "30", "-subj", "/CN=Test CA", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    openssl("genpkey", "-algorithm", "ed25519", "-out", "a.key")
    certificate = openssl("x509", "-in", "ca.pem", "-outform", "PEM")
    key = openssl("pkey", "-in", "a.key", "-pubout")
    return f"""schema: countersign-policy-v1
version: 3
deployment: test
issuers:
  - id: ca
    certificate: |
{pem(certificate)}    key: pkcs11:token=t;object=ca
    purposes: [leaf]
    algorithms: [ecdsa-sha256]
    profiles: [dv]
    caa_identities: [ca.example]
attesters:
  - name: orders
    public_key: |
{pem(key)}    algorithm: ed25519
    roles: [order-authority]
    not_before: 2026-01-01T00:00:00Z
    not_after: 2030-01-01T00:00:00Z
clients:
  - name: ra
    api_version: v1
    uid: 1000
    rpcs: [SignCertificate]
    issuers: [ca]
lists:
  public_suffix:
    path: /usr/share/publicsuffix/public_suffix_list.dat
    max_age_days: 30
  debian_weak_keys:
    path: /nowhere/weak-keys
  compromised_keys:
    accept_missing: Nobody has reported a key as yet.
lint:
  linters:
    - name: zlint
      versions:
        - version: 3.6.8
"""


CONFIG = """policy: policy.yaml
listen:
  - unix: a.sock
    mode: "0660"
  - unix: b.sock
    mode: "0600"
ledger: ledger.db
witness_dir: witness
signers: 2
token:
  module: module.so
  pin_file: pin
  environment: {SOFTHSM2_CONF: /nowhere/softhsm2.conf}
libexec: libexec
"""


class House:
    """A directory with everything countersignd needs, and the running daemon."""

    def __init__(self, path, policy_text):
        self.path = path
        self.process = None
        (path / "witness").mkdir()
        (path / "libexec").mkdir()
        (path / "policy.yaml").write_text(policy_text)
        (path / "config.yaml").write_text(CONFIG)
        (path / "module.so").write_text("")
        (path / "pin").write_text("1234\n")
        (path / "pin").chmod(0o600)
        for program in PROGRAMS:
            (path / "libexec" / program).symlink_to(STANDIN)

    def order(self, program, text):
        (self.path / "libexec" / f"countersign-{program}.do").write_text(text)

    def report(self, name):
        return (self.path / "libexec" / f"countersign-{name}.report").read_text().splitlines()

    def check(self, daemon=COUNTERSIGND, *extra):
        return subprocess.run([daemon, "--config", str(self.path / "config.yaml"), "--check", *extra],
                              capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)

    def start(self, daemon=SHORT, **kwargs):
        self.log = open(self.path / "log", "w+")
        self.process = subprocess.Popen([daemon, "--config", str(self.path / "config.yaml")],
                                        stdin=subprocess.DEVNULL, stderr=self.log, **kwargs)
        return self

    def events(self):
        return [json.loads(line) for line in (self.path / "log").read_text().splitlines()]

    def event(self, name):
        return next((e for e in self.events() if e["event"] == name), None)

    def wait_event(self, name, seconds=10):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.event(name):
                return self.event(name)
            assert self.process.poll() is None or self.event(name), (self.path / "log").read_text()
            time.sleep(0.01)
        pytest.fail(f"no {name}: " + (self.path / "log").read_text())

    def wait(self, seconds=15):
        return self.process.wait(seconds)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def house(tmp_path_factory, policy_text):
    h = House(tmp_path_factory.mktemp("h"), policy_text)
    yield h
    h.stop()


# ---- arguments and configuration ----


@pytest.mark.parametrize("arguments", [[], ["--check"], ["--config"], ["--confi"], ["--config", "x", "y"], ["-x"]])
def test_arguments(arguments):
    r = subprocess.run([COUNTERSIGND, *arguments], capture_output=True, text=True)
    assert r.returncode == 2 and r.stdout == "" and r.stderr != ""


def test_help():
    r = subprocess.run([COUNTERSIGND, "--help"], capture_output=True, text=True)
    assert r.returncode == 0 and r.stdout.startswith("usage: countersignd") and r.stderr == ""


def test_check_accepts(house):
    r = house.check()
    assert r.returncode == 0, r.stderr
    assert "policy version 3, deployment test: 1 issuers, 1 attesters, 1 clients" in r.stdout
    assert sorted(p.name for p in house.path.iterdir()) == sorted(
        ["witness", "libexec", "policy.yaml", "config.yaml", "module.so", "pin"])  # nothing was made


FAULTS = [
    ("ledger: ledger.db\n", "", "line 1: the key 'ledger' is missing"),
    ("ledger: ledger.db", "ledgers: x", "line 7: ledgers: unknown key; one of policy, listen, ledger, witness_dir, "
     "signers, token, libexec, users"),
    ("signers: 2", "signers: 0", "line 9: signers: 0; 1 to 16 are allowed"),
    ("signers: 2", "signers: 17", "line 9: signers: 17; 1 to 16 are allowed"),
    ("signers: 2", "signers: '2'", "line 9: signers: '2' (quoted); needed: a decimal number"),
    ('mode: "0660"', "mode: 0660", 'line 4: listen[0].mode: needed: a mode in quotes, as "0660"'),
    ('mode: "0660"', 'mode: "660"', "line 4: listen[0].mode: needed: a mode"),
    ('mode: "0660"', 'mode: "0680"', "line 4: listen[0].mode: needed: a mode"),
    ('mode: "0660"', 'mode: "0770"', "line 4: listen[0].mode: needed: a mode"),
    ('    mode: "0660"\n', "", "line 3: listen[0]: mode goes with unix, and unix needs it"),
    ("unix: a.sock", "tcp: a.sock", "line 3: listen[0]: mode goes with unix, and unix needs it"),
    ("unix: b.sock", "unix: a.sock", "line 5: listen[1].unix: listen[0] has this path"),
    ("unix: a.sock", "unix: " + "a" * 120, "a socket path has at most 107"),
    ("pin_file: pin", "pin: 1234", "line 12: token.pin: unknown key; one of module, pin_file, credential, environment"),
    ("  pin_file: pin\n", "", "line 11: token: needed: either pin_file or credential"),
    ("ledger: ledger.db\n", "ledger: ledger.db\nledger_key: a\nledger_key_credential: b\n",
     "line 9: ledger_key_credential: ledger_key stands there too"),
    ("pin_file: pin\n", "pin_file: pin\n  credential: pin\n", "line 11: token: needed: either pin_file or credential"),
    ("pin_file: pin", "credential: a/b", "line 12: token.credential: a credential is named without '/'"),
    ("SOFTHSM2_CONF", "LD_PRELOAD", "line 13: token.environment.LD_PRELOAD: not a name this may set"),
    ("SOFTHSM2_CONF", "softhsm", "line 13: token.environment.softhsm: not a name this may set"),
    ("{SOFTHSM2_CONF: /nowhere/softhsm2.conf}", "[a]", "line 13: token.environment: needed: a map"),
    ("libexec: libexec", "libexec: .", "are not all there"),
    ("libexec: libexec", "users: {front: a, gate: b}", "line 14: users: the key 'signer' is missing"),
    ("witness_dir: witness", "witness_dir: gone", "witness_dir: "),
    ("module: module.so", "module: gone.so", "token.module: "),
    ("pin_file: pin", "pin_file: gone", "gone: No such file"),
    ("policy: policy.yaml", "policy: gone.yaml", "gone.yaml: No such file"),
    ("policy: policy.yaml", "policy: &x policy.yaml", "line 1: an anchor (&)"),
    ("signers: 2", "signers: 2\nsigners: 3", "line 9: signers: the key stands there and again on line 10"),
]


@pytest.mark.parametrize("old,new,text", FAULTS)
def test_config_faults(house, old, new, text):
    assert old in CONFIG
    (house.path / "config.yaml").write_text(CONFIG.replace(old, new, 1))
    r = house.check()
    assert r.returncode == 2 and r.stdout == ""
    assert text in r.stderr, r.stderr
    if text.startswith("line"):
        assert r.stderr.startswith(f"countersignd: {house.path}/config.yaml: line ")


def with_ledger_key(house, policy="ledger: {origin: ca.example/log}\n", key="PRIVATE KEY\n", mode=0o600):
    (house.path / "config.yaml").write_text(CONFIG + "ledger_key: ledger.key\n")
    with open(house.path / "policy.yaml", "a") as file:
        file.write(policy)
    (house.path / "ledger.key").write_text(key)
    (house.path / "ledger.key").chmod(mode)


@pytest.mark.parametrize("what,text", [
    ({"policy": ""}, "ledger_key: "),
    ({"mode": 0o644}, "mode 0644 lets others than its owner in"),
    ({"key": ""}, "ledger_key: the file is empty"),
])
def test_ledger_key_faults(house, what, text):
    with_ledger_key(house, **what)
    r = house.check()
    assert r.returncode == 2 and text in r.stderr, r.stderr


def test_the_gate_gets_the_ledger_key(house):
    with_ledger_key(house)
    assert house.check().returncode == 0
    house.start()
    house.wait_event("ready")
    assert texts(house.report("gate-0"))[6] == "PRIVATE KEY"
    assert all("PRIVATE KEY" not in "".join(house.report(n)) for n in ("front-0", "signer-0", "signer-1"))


def test_documented_example(house):
    manual = pathlib.Path(__file__).parents[3] / "docs" / "countersignd.md"
    text = manual.read_text().split("```yaml\n")[1].split("```")[0]
    (house.path / "config.yaml").write_text(text + "libexec: libexec\n")
    r = house.check()
    assert r.returncode == 0 or "line" not in r.stderr  # what it names is not there; what it says is understood
    assert "token.module: /usr/lib/softhsm" in r.stderr or "witness_dir: /var/lib/countersign/witness" in r.stderr, r.stderr


def test_policy_fault_before_anything_starts(house):
    text = (house.path / "policy.yaml").read_text()
    (house.path / "policy.yaml").write_text(text.replace("[order-authority]", "[validator]"))
    house.start()
    assert house.wait() == 2
    assert "attesters[0].roles[0]: 'validator' is not a role" in house.event("config")["msg"]
    assert not (house.path / "a.sock").exists() and not list((house.path / "libexec").glob("*.report"))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_pin_open_to_others(house, mode):
    (house.path / "pin").chmod(mode)
    r = house.check()
    assert r.returncode == 2 and "lets others than its owner in" in r.stderr


def test_pin_not_a_file(house):
    (house.path / "pin").unlink()
    (house.path / "pin").mkdir()
    r = house.check()
    assert r.returncode == 2 and "not a regular file" in r.stderr


# ---- what children inherit ----


def descriptors(report):
    return {int(line.split()[1]): line.split()[2] for line in report if line.startswith("fd ")}


def texts(report):
    return {int(line.split()[1]): line.split(" ", 2)[2] for line in report if line.startswith("text ")}


def value(report, name):
    return next(line.split(" ", 1)[1] for line in report if line.startswith(name + " "))


def test_inheritance(house):
    # a descriptor without close-on-exec in the parent must not reach a child
    stray = os.open("/dev/null", os.O_RDONLY)
    os.set_inheritable(stray, True)
    house.start(pass_fds=[stray], env={"SECRET": "x", "NOTIFY_SOCKET": "", "PATH": os.environ["PATH"]})
    house.wait_event("ready")
    os.close(stray)
    reports = {n: house.report(n) for n in ("front-0", "gate-0", "signer-0", "signer-1")}
    standard_error = {2: "file"}
    assert descriptors(reports["front-0"]) == standard_error | {3: "socket", 4: "socket", 5: "file", 6: "file",
                                                            7: "socket", 8: "socket"}
    assert descriptors(reports["gate-0"]) == standard_error | {
        3: "socket", 4: "socket", 5: "file", 6: "file", 7: "socket", 8: "socket"}
    assert 6 not in texts(reports["gate-0"])  # no ledger key is configured: the file is empty
    for n in ("signer-0", "signer-1"):
        assert descriptors(reports[n]) == standard_error | {3: "socket", 4: "socket", 5: "file", 6: "file", 7: "file"}
        assert texts(reports[n])[5] == "1234"  # each reads the PIN from its start
        sealed = next(line for line in reports[n] if line.startswith("fd 6 "))
        assert "seals=15" in sealed
        witness = next(line for line in reports[n] if line.startswith("fd 7 "))
        assert f"flags={os.O_WRONLY | os.O_APPEND}" in witness
        assert [line for line in reports[n] if line.startswith("env ")] == ["env SOFTHSM2_CONF=/nowhere/softhsm2.conf"]
    assert texts(reports["gate-0"])[5] == "schema: countersign-policy-v1"
    assert "seals=15" in next(line for line in reports["gate-0"] if line.startswith("fd 5 "))
    for fd in (5, 6):
        assert "seals=15" in next(line for line in reports["front-0"] if line.startswith(f"fd {fd} "))
    for n in ("front-0", "gate-0"):
        assert not [line for line in reports[n] if line.startswith("env ")]
    for report in reports.values():
        assert value(report, "no_new_privs") == "1" and value(report, "core") == "0"
        assert value(report, "pdeathsig") == "9" and value(report, "blocked") == "0"
        assert value(report, "sigpipe_ignored") == "0" and value(report, "leads_session") == "1"
    arguments = {n: [line.split(" ", 2)[2] for line in r if line.startswith("argv ")] for n, r in reports.items()}
    assert arguments == {
        "front-0": ["countersign-front"],
        "gate-0": ["countersign-gate", f"{house.path}/ledger.db", "2"],
        "signer-0": ["countersign-signer", "0"],
        "signer-1": ["countersign-signer", "1"],
    }
    assert stat.S_IMODE((house.path / "a.sock").stat().st_mode) == 0o660
    assert stat.S_IMODE((house.path / "b.sock").stat().st_mode) == 0o600
    for n in (0, 1):
        assert stat.S_IMODE((house.path / "witness" / f"signer-{n}.witness").stat().st_mode) == 0o600


@pytest.fixture
def open_house(policy_text):
    """A house that other users may enter; pytest keeps its own directories shut."""
    with tempfile.TemporaryDirectory(prefix="countersignd-") as d:
        os.chmod(d, 0o755)
        h = House(pathlib.Path(d), policy_text)
        (h.path / "libexec").chmod(0o777)
        for program in PROGRAMS:  # copies: the build may lie where only its owner may look
            (h.path / "libexec" / program).unlink()
            shutil.copy(STANDIN, h.path / "libexec" / program)
        yield h
        h.stop()


def test_change_of_user(open_house):
    if os.geteuid() != 0:
        pytest.skip("needs root")
    text = CONFIG + "users: {front: nobody, gate: nobody, signer: nobody}\n"
    (open_house.path / "config.yaml").write_text(text)
    open_house.start()
    open_house.wait_event("ready")
    for name in ("front-0", "gate-0", "signer-0", "signer-1"):
        assert value(open_house.report(name), "uid") == "65534"
        assert value(open_house.report(name), "pdeathsig") == "9"
    open_house.process.terminate()
    assert open_house.wait() == 0


def test_change_of_user_to_root(open_house):
    text = CONFIG + "users: {front: nobody, gate: root, signer: nobody}\n"
    (open_house.path / "config.yaml").write_text(text)
    open_house.start()
    if os.geteuid() != 0:
        assert open_house.wait() == 2
        return
    assert open_house.wait() == 3
    assert open_house.event("start-failed")["msg"] == "users: 'root' is root"


# ---- start and end ----


def notify_socket(path):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.bind(path)
    s.settimeout(10)
    return s


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("abstract", [False, True])
def test_orderly_life(house, end, abstract):
    name = f"@cs-test-{os.getpid()}-{end}" if abstract else str(house.path / "notify")
    n = notify_socket("\0" + name[1:] if abstract else name)
    house.order("front", "slow 300")
    house.start(env={"NOTIFY_SOCKET": name})
    assert n.recv(100) == b"READY=1"
    ready = house.wait_event("ready")
    assert ready["policy_version"] == 3 and ready["signers"] == 2
    # signers one after the other, then the gate, then the front
    times = [(house.path / "libexec" / f"countersign-{c}.report").stat().st_mtime_ns
             for c in ("signer-0", "signer-1", "gate-0", "front-0")]
    assert times == sorted(times)
    house.process.send_signal(signal.SIGHUP)
    assert house.wait_event("reload")["msg"] == "a new policy or configuration needs a restart"
    house.process.send_signal(end)
    assert n.recv(100) == b"STOPPING=1"
    assert house.wait() == 0
    assert house.report("front-0")[-2:] == ["drained", "leaves"]
    ends = [(house.path / "libexec" / f"countersign-{c}.report").stat().st_mtime_ns for c in ("front-0", "gate-0", "signer-0")]
    assert ends == sorted(ends)
    for c in ("gate-0", "signer-0", "signer-1"):
        assert house.report(c)[-2:] == ["end of file", "leaves"]
    assert house.report("gate-0")[-3] == "told to drain"  # to tell who watches; it goes on
    assert not (house.path / "a.sock").exists() and not (house.path / "b.sock").exists()
    assert (house.path / "witness" / "signer-1.witness").exists()


MISBEHAVIOUR = [
    # program, order, event, text in it
    ("signer", "exit 7", "child-gone", {"child": "signer-0", "exit": 7}),
    ("signer", "exit 0", "child-gone", {"child": "signer-0", "exit": 0}),
    ("gate", "exit 7", "child-gone", {"child": "gate", "exit": 7}),
    ("front", "kill", "child-gone", {"child": "front", "signal": 9}),
    ("signer", "silent", "start-failed", {"msg": "signer-0 was not ready after 900 ms"}),
    ("front", "silent", "start-failed", {"msg": "front was not ready after 900 ms"}),
    ("gate", "babble", "child-broken", {"msg": "gate wrote what it may not to its lifeline"}),
    ("front", "die-later 200 5", "child-gone", {"child": "front", "exit": 5}),
    ("gate", "die-later 200 0", "child-gone", {"child": "gate", "exit": 0}),
    ("front", "let-go", "child-broken", {"msg": "front closed its lifeline and lives on"}),
]


@pytest.mark.parametrize("program,order,event,fields", MISBEHAVIOUR)
def test_misbehaviour(house, program, order, event, fields):
    house.order(program, order)
    house.start()
    assert house.wait() == 3
    got = house.event(event)
    assert got is not None, house.events()
    assert {k: got[k] for k in fields} == fields
    assert not (house.path / "a.sock").exists()


def test_signer_of_many_gone_later(house):
    house.start()
    house.wait_event("ready")
    victim = next(p for p in children(house.process.pid) if argv(p)[:2] == ["countersign-signer", "1"])
    os.kill(victim, signal.SIGKILL)
    assert house.wait() == 3
    assert house.event("child-gone")["child"] == "signer-1"
    assert house.report("front-0")[-2:] == ["end of file", "leaves"]  # the others were let go, not killed


def test_deaf_children_are_killed(house):
    for program in ("front", "gate", "signer"):
        house.order(program, "deaf")
    house.start()
    house.wait_event("ready")
    mine = children(house.process.pid)
    assert len(mine) == 4
    house.process.terminate()
    assert house.wait() == 3
    killed = [e["msg"].split()[0] for e in house.events() if e["event"] == "child-killed"]
    assert killed == ["front", "gate", "signer-0", "signer-1"]
    assert not any(os.path.exists(f"/proc/{p}") for p in mine)


def test_term_while_starting(house):
    house.order("gate", "silent")
    house.start()
    while not (house.path / "libexec" / "countersign-gate-0.report").exists():
        time.sleep(0.01)
    house.order("gate", "serve")
    house.process.terminate()
    assert house.wait() == 3  # a silent gate hears nothing and has to be killed
    assert house.event("child-killed")["msg"].startswith("gate ")


def test_parent_killed(house):
    house.order("signer", "deaf")
    house.start()
    house.wait_event("ready")
    mine = children(house.process.pid)
    house.process.kill()
    house.process.wait()
    end = time.monotonic() + 5
    while any(os.path.exists(f"/proc/{p}") and state(p) != "Z" for p in mine):
        assert time.monotonic() < end
        time.sleep(0.02)


# ---- sockets ----


def test_stale_socket_is_replaced(house):
    s = socket.socket(socket.AF_UNIX)
    s.bind(str(house.path / "a.sock"))
    s.close()
    house.start()
    house.wait_event("ready")
    with socket.socket(socket.AF_UNIX) as c:
        c.connect(str(house.path / "a.sock"))


def test_live_socket_is_left(house):
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(house.path / "b.sock"))
        s.listen(1)
        house.start()
        assert house.wait() == 3
        assert house.event("start-failed")["msg"].endswith("b.sock: a process listens there")
        assert (house.path / "b.sock").exists() and not (house.path / "a.sock").exists()


def test_other_file_is_left(house):
    (house.path / "a.sock").write_text("mine")
    house.start()
    assert house.wait() == 3
    assert "not a socket" in house.event("start-failed")["msg"]
    assert (house.path / "a.sock").read_text() == "mine"


def test_replaced_socket_is_left(house):
    house.start()
    house.wait_event("ready")
    (house.path / "a.sock").unlink()
    (house.path / "a.sock").write_text("somebody else's")
    house.process.terminate()
    assert house.wait() == 0
    assert (house.path / "a.sock").exists() and not (house.path / "b.sock").exists()


def test_witness_is_appended_and_not_followed(house):
    (house.path / "witness" / "signer-0.witness").write_text("old line\n")
    house.start()
    house.wait_event("ready")
    house.process.terminate()
    assert house.wait() == 0
    assert (house.path / "witness" / "signer-0.witness").read_text() == "old line\n"
    (house.path / "witness" / "signer-0.witness").unlink()
    (house.path / "witness" / "signer-0.witness").symlink_to("/dev/null")
    house.start()
    assert house.wait() == 3
    assert "signer-0.witness" in house.event("start-failed")["msg"]


def test_credential(house):
    (house.path / "config.yaml").write_text(CONFIG.replace("pin_file: pin", "credential: token-pin"))
    r = house.check()
    assert r.returncode == 0 and "token.credential: not looked at" in r.stdout
    house.start(env={})
    assert house.wait() == 2
    assert "no CREDENTIALS_DIRECTORY is set" in house.event("config")["msg"]
    (house.path / "creds").mkdir()
    (house.path / "creds" / "token-pin").write_text("9876")
    house.start(env={"CREDENTIALS_DIRECTORY": str(house.path / "creds")})
    house.wait_event("ready")
    assert texts(house.report("signer-0"))[5] == "9876"


# ---- helpers over /proc ----


def stat_fields(pid):
    with open(f"/proc/{pid}/stat") as f:
        return f.read().rsplit(")", 1)[1].split()


def state(pid):
    try:
        return stat_fields(pid)[0]
    except OSError:
        return "Z"


def children(parent):
    found = []
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        try:
            if int(stat_fields(pid)[1]) == parent:
                found.append(pid)
        except OSError:
            pass
    return found


def argv(pid):
    with open(f"/proc/{pid}/cmdline", "rb") as f:
        return f.read().decode().split("\0")
