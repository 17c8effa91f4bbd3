"""lint-request --exec: linters that behave, and every way in which one may not."""
import json
import os
import subprocess
import time

import pytest

GOOD = '{"e_a": {"result": "pass"}, "w_b": {"result": "warn"}, "n_c": {"result": "info"}, "e_d": {"result": "NA"}}'


def linter(cli, script):
    path = os.path.join(cli.folder, cli.put("linter", "#!/bin/sh\n" + script + "\n"))
    os.chmod(path, 0o755)
    return path


@pytest.fixture
def request_words(cli):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca", "-days", "1", "-addext",
                    "keyUsage=critical,keyCertSign,cRLSign"], cwd=cli.folder, check=True, capture_output=True)
    subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", "l.key", "-out", "l.csr", "-subj", "/", "-addext", "subjectAltName=DNS:a.example"],
                   cwd=cli.folder, check=True, capture_output=True)
    cli("tbs", "from-csr", "--issuer-cert", "ca.pem", "--csr", "l.csr", "--days", "90", "--profile", "dv", "--crl-url",
        "http://c.example/1.crl", "--out", "l.tbs")
    cli("keygen", "--algorithm", "ed25519", "--out", "k.pem")
    return ["lint-request", "--tbs", "l.tbs", "--exec", "--statement", "lint.dsse", "--out", "lint.pem", "--linter",
            "zlint", "--version", "3.6.8", "--key", "k.pem", "--attester", "lint", "--audience", "test", "--account", "acme"]


def test_result_becomes_a_statement(cli, request_words):
    """By path and on standard input, it is the same certificate, with the exact TBS in it."""
    path = linter(cli, f"cat > {cli.folder}/seen; cmp -s {cli.folder}/seen \"$2\" || exit 9; printf '%s' '{GOOD}'")
    cli(*request_words, "--", path, "-x", "{}")
    shown = json.loads(cli("attest", "show", "lint.dsse", "--json").stdout)["statement"]
    lint = shown["lint"]
    tbs = json.loads(cli("tbs", "show", "l.tbs", "--json").stdout)
    assert lint["tbs_sha256"] == tbs["tbs_sha256"] and lint["linter"] == "zlint" and lint["linter_version"] == "3.6.8"
    assert (lint.get("errors", 0), lint["warnings"], lint["notices"], lint["passes"]) == (0, 1, 1, 1)
    assert lint["findings"] == ["w_b"] and shown["header"]["role"] == "lint_service"
    assert cli.get("seen") == cli.get("lint.pem")
    assert json.loads(cli("tbs", "show", "--certificate", "lint.pem", "--json").stdout)["tbs_sha256"] == tbs["tbs_sha256"]
    assert b"no signature" in subprocess.run(["openssl", "x509", "-in", "lint.pem", "-outform", "DER"], cwd=cli.folder,
                                             check=True, capture_output=True).stdout


def test_pkilint(cli, request_words):
    report = {"results": [{"finding_descriptions": [{"severity": "NOTICE", "code": "n", "message": None}]}]}
    words = [*request_words, "--report", "pkilint", "--"]
    cli(*words, linter(cli, f"echo '{json.dumps(report)}'; exit 1"))  # as many as it reports
    assert cli.get("lint.dsse")
    os.unlink(os.path.join(cli.folder, "lint.dsse"))
    assert "exited with 2 and reports 1" in cli(*words, linter(cli, f"echo '{json.dumps(report)}'; exit 2"), code=1).stderr
    assert not os.path.exists(os.path.join(cli.folder, "lint.dsse"))


@pytest.mark.parametrize("script, told", [
    ("exit 1", "it exited with 1"),
    (f"echo '{GOOD}'; exit 1", "it exited with 1"),
    ("echo broken >&2; exit 1", "It says: broken"),
    ("true", "its output is not that of zlint"),
    ("echo nonsense", "its output is not that of zlint"),
    ("echo '{}'", "no lint looked at the certificate"),
    (f"echo '{GOOD}'; echo '{GOOD}'", "its output is not that of zlint"),
    ("echo '{\"e_a\": {\"result\": \"fine\"}}'", "'fine' is no result of this linter"),
    ("echo '{\"e_a\": {\"result\": \"error\"}, \"e_b\": {\"result\": \"pass\"}}'", "found 0 fatal, 1 errors"),
    ("echo '{\"e_a\": {\"result\": \"fatal\"}}'", "found 1 fatal, 0 errors"),
    ("kill -SEGV $$", "it was ended by signal 11"),
    ("sleep 30", "it did not end within 1 s"),
    ("yes", "it printed more than"),
])
def test_everything_else_is_refused(cli, request_words, script, told):
    start = time.monotonic()
    done = cli(*request_words, "--timeout", "1", "--", linter(cli, f'echo "$1" > {cli.folder}/where\n{script}'), "{}", code=1)
    assert told in done.stderr and done.stdout == ""
    assert not {"lint.dsse", "lint.pem"} & set(os.listdir(cli.folder))
    assert time.monotonic() - start < 10
    assert not os.path.exists(os.path.dirname(cli.get("where").decode().strip()))


def test_absent_linter_and_bad_words(cli, request_words):
    assert "it cannot be started" in cli(*request_words, "--", "/no/such/linter", code=1).stderr
    assert "needs the linter" in cli(*request_words, code=2).stderr
    assert "--report" in cli(*request_words, "--report", "other", "--", "true", code=2).stderr
    without = [w for w in request_words if w not in ("--account", "acme")]
    assert "--account: missing" in cli(*without, "--", "true", code=2).stderr
    assert not {"lint.dsse", "lint.pem"} & set(os.listdir(cli.folder))
