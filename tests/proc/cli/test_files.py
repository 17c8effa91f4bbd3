"""Commands on files as processes: policy check, binary output, terminals, standard input."""
import json
import os
import pty
import subprocess

POLICY = """schema: countersign-policy-v1
version: 3
deployment: test
issuers:
  - id: ec
    certificate: |
%(ca)s
    key: pkcs11:token=t;object=ec;type=private
    purposes: [leaf]
    algorithms: [ecdsa-sha256]
    profiles: [dv]
    caa_identities: [ca.example]
attesters:
  - name: dcv-1
    public_key: |
%(key)s
    algorithm: ed25519
    roles: [validation-system]
    methods: [dcv_acme_http_01]
    not_before: 2020-01-01T00:00:00Z
    not_after: 2120-01-01T00:00:00Z
clients:
  - name: ra
    api_version: v1
    uid: 1001
    rpcs: [SignCertificate, Check]
    issuers: [ec]
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


def indented(pem):
    return "\n".join("      " + line for line in pem.decode().strip().split("\n"))


def write_policy(cli):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca", "-days", "1", "-addext",
                    "keyUsage=critical,keyCertSign,cRLSign"], cwd=cli.folder, check=True, capture_output=True)
    cli("keygen", "--algorithm", "ed25519", "--out", "k.pem", "--public", "k.pub")
    text = POLICY % {"ca": indented(cli.get("ca.pem")), "key": indented(cli.get("k.pub"))}
    return cli.put("policy.yaml", text), text


def test_policy_check(cli):
    path, text = write_policy(cli)
    p = json.loads(cli("policy", "check", path, "--json").stdout)
    assert p["version"] == 3 and p["deployment"] == "test"
    assert p["issuers"][0]["algorithms"] == ["ecdsa-sha256"] and p["issuers"][0]["purposes"] == ["leaf"]
    assert p["issuers"][0]["profiles"] == ["domain-validated"]
    assert p["attesters"][0]["roles"] == ["validation-system"]
    assert p["attesters"][0]["methods"] == ["dcv_acme_http_01"]
    assert p["clients"][0]["rpcs"] == ["SignCertificate", "Check"] and p["clients"][0]["issuers"] == ["ec"]
    assert "\n  - name: dcv-1\n    algorithm: ed25519\n" in cli("policy", "check", path).stdout
    cli.put("bad.yaml", text.replace("[validation-system]", "[validator]"))
    done = cli("policy", "check", "bad.yaml", code=2)
    assert "bad.yaml: line " in done.stderr and "roles" in done.stderr and "validator" in done.stderr
    assert json.loads(cli("policy", "check", "bad.yaml", "--json", code=2).stdout)["acceptable"] is False
    cli("policy", "check", "gone.yaml", code=2)


def test_show_with_policy(cli):
    path, text = write_policy(cli)
    domain = ["attest", "domain", "--name", "example.com", "--method", "dcv_acme_http_01", "--scope", "exact",
              "--initiated-at", "-1h", "--oldest-data-at", "-1h", "--observed-at", "-1h", "--challenge-sha256",
              "00" * 32, "--challenge-created-at", "-1h", "--perspective", "ams,ripe_ncc,52,4,passed,-1h",
              "--dnssec", "insecure", "--record-sha256", "00" * 32, "--key", "k.pem", "--attester", "dcv-1",
              "--audience", "test", "--account", "acme"]
    cli(*domain, "--out", "e")
    assert json.loads(cli("attest", "show", "e", "--policy", path, "--json").stdout)["admitted"] is True
    cli.put("other.yaml", text.replace("deployment: test", "deployment: production"))
    shown = json.loads(cli("attest", "show", "e", "--policy", "other.yaml", "--json", code=1).stdout)
    assert shown["admitted"] is False and [r["rule"] for r in shown["reasons"]] == ["E04"]
    cli("keygen", "--algorithm", "ed25519", "--out", "stranger.pem")
    cli(*["stranger.pem" if w == "k.pem" else w for w in domain], "--out", "forged")
    shown = json.loads(cli("attest", "show", "forged", "--policy", path, "--json", code=1).stdout)
    assert shown["reasons"][0]["rule"] == "E02"
    assert "--policy k.pub: " in cli("attest", "show", "e", "--policy", "k.pub", code=2).stderr


def approval(cli):
    cli("keygen", "--algorithm", "ed25519", "--out", "k.pem")
    return ["attest", "approval", "--order-id", "o", "--decision", "reject", "--person", "p", "--key", "k.pem",
            "--attester", "ra", "--audience", "test", "--account", "acme"]


def test_standard_output_and_input(cli):
    words = approval(cli)
    envelope = cli(*words, text=False).stdout
    shown = subprocess.run([os.environ["CS_CLI"], "attest", "show", "-", "--json"], input=envelope,
                           capture_output=True, timeout=60)
    assert shown.returncode == 0
    assert json.loads(shown.stdout)["statement"]["approval"]["decision"] == "reject"
    dsse = json.loads(cli(*words, "--format", "json").stdout)
    assert dsse["payloadType"] == "application/vnd.countersign.attestation.v1+protobuf"


def on_terminal(cli, words, **env):
    """What a command writes to a terminal, and its exit code."""
    ours, theirs = pty.openpty()
    p = subprocess.Popen([os.environ["CS_CLI"], *words], cwd=cli.folder, stdout=theirs, stderr=subprocess.PIPE,
                         stdin=subprocess.DEVNULL, env={**os.environ, **env})
    os.close(theirs)
    seen = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        seen += piece
    os.close(ours)
    err = p.stderr.read()
    p.stderr.close()
    return seen, err, p.wait(timeout=60)


def test_terminals(cli, server, protos):
    seen, err, code = on_terminal(cli, approval(cli))
    assert code == 2 and seen == b"" and b"not written to a terminal" in err
    pb = protos("countersign.v1.signing_service_pb2")
    server.answers["/countersign.v1.SigningService/EvaluateCertificate"] = \
        pb.EvaluateCertificateResponse(verdict={"admitted": True}).SerializeToString()
    cli.put("tbs", b"\x30\x00")
    words = ["evaluate", "--socket", server.path, "--issuer", "ec", "--tbs", "tbs"]
    assert b"\x1b[32madmitted\x1b[0m" in on_terminal(cli, words, NO_COLOR="")[0]
    assert on_terminal(cli, words, NO_COLOR="1")[0] == b"admitted\r\n"
    assert cli(*words).stdout == "admitted\n"


def test_full_disk_is_no_success(cli):
    words = approval(cli)
    with open("/dev/full", "wb") as full:
        done = subprocess.run([os.environ["CS_CLI"], *words], cwd=cli.folder, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode != 0 and b"standard output" in done.stderr
