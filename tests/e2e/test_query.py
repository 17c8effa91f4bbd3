"""QueryIssuance of a running gate: what it finds equals a scan of the file, what it says of completeness is checked by an
implementation of its own (tlog_by_hand.py), a slow reader holds nobody up, and the index comes about by itself."""
import csv
import hashlib
import io
import json
import os
import secrets
import signal
import subprocess
import threading
import time

import grpc
import pytest

import house as h
import test_proof
import tlog_by_hand as by_hand
from countersign.v1 import common_pb2, ledger_service_pb2 as wire, query_pb2 as q

METHOD = "/countersign.v1.LedgerService/QueryIssuance"
RPCS = test_proof.RPCS + ("QueryIssuance",)


class QueryHouse(test_proof.ProofHouse):
    all_entries = True

    def write_policy(self):
        self.clients = [("api", "v2", os.getuid(), RPCS)]
        super().write_policy()

    def stream(self, channel, query, timeout=60):
        call = channel.unary_stream(METHOD, request_serializer=lambda m: m.SerializeToString(),
                                    response_deserializer=wire.QueryIssuanceResponse.FromString)
        return call(wire.QueryIssuanceRequest(query=query), timeout=timeout)

    def ask(self, **query):
        """Records, and the statement of completeness, which is checked whole."""
        with grpc.insecure_channel(f"unix:{self.socket}") as channel:
            parts = list(self.stream(channel, q.IssuanceQuery(**query)))
        assert parts and all(p.WhichOneof("part") == "record" for p in parts[:-1])
        said = parts[-1].completeness
        records = [p.record for p in parts[:-1]]
        check_completeness(said, self.verifier)
        assert said.n_confirmed == len(records)
        assert [r.ledger_entry for r in records] == sorted({r.ledger_entry for r in records})
        return records, said

    def cli(self, *args):
        return subprocess.run([h.BIN / "countersign", *args], capture_output=True, text=True, timeout=120)

    def scan(self, *args):
        done = self.cli("scope", "--ledger", self.ledger, "--scan", "--json", *args)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def fold(pieces):
    """Root over perfect subtrees side by side, by the definition of RFC 6962 section 2.1."""
    stack, at = [], 0
    for piece in pieces:
        span = piece.to - at
        assert getattr(piece, "from") == at + 1 and span & (span - 1) == 0 and at % span == 0
        stack.append((span, piece.root_sha256))
        at += span
        while len(stack) > 1 and stack[-1][0] == stack[-2][0]:
            (size, right), (_, left) = stack.pop(), stack.pop()
            stack.append((2 * size, node(left, right)))
    root = stack.pop()[1]
    while stack:
        root = node(stack.pop()[1], root)
    return at, root


def consistent(old, size, old_root, root, proof):
    """RFC 9162, 2.1.4.2."""
    if old == size:
        return not proof and old_root == root
    proof = list(proof)
    if old & (old - 1) == 0:
        proof.insert(0, old_root)
    fn, sn = old - 1, size - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = proof[0]
    for c in proof[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node(c, fr), node(c, sr)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return fr == old_root and sr == root and sn == 0


def check_completeness(said, verifier):
    assert fold(said.pieces) == (said.tree_size, said.root_sha256)
    size, root = by_hand.open_checkpoint(said.checkpoint, verifier)[:2]
    assert size >= said.tree_size
    assert consistent(said.tree_size, size, said.root_sha256, root, said.consistency_proof)
    assert said.n_by_index + said.n_by_reading == said.tree_size
    assert said.n_candidates == said.n_confirmed + said.n_rejected


@pytest.fixture(scope="module")
def house():
    with QueryHouse() as made:
        made.start()
        for n in range(3):
            name = f"q{n}.example.com"
            tbs = made.tbs([name])
            made.sign(tbs, made.complete(tbs))
        with pytest.raises(h.Refused):
            made.sign(made.tbs(["q9.example.com"]), [])
        yield made


ROWS = {
    "name": (dict(dns_names=[b"Q1.example.com"]), ["--name", "q1.example.com"], 1),
    "suffix": (dict(name_suffixes=[b"example.com"]), ["--suffix", "example.com"], 3),
    "two names": (dict(dns_names=[b"q0.example.com", b"q2.example.com"]),
                  ["--name", "q0.example.com", "--name", "q2.example.com"], 2),
    "address": (dict(ip_addresses=[b"\x0a\0\0\1"]), ["--name", "10.0.0.1"], 0),
    "account and method": (dict(accounts=[b"acct-1"], methods=[common_pb2.VALIDATION_METHOD_DCV_DNS_CHANGE]),
                           ["--account", "acct-1", "--method", "dcv_dns_change"], 3),
    "software": (dict(software=[q.SoftwareFilter(name=b"house", version_from=b"0.9", version_to=b"1.0")]),
                 ["--software", "house/0.9..1.0"], 3),
    "exact version": (dict(software=[q.SoftwareFilter(name=b"house", version=b"1.0")]), ["--software", "house/1.0"], 3),
    "attester": (dict(attesters=[b"dcv-1"]), ["--attester", "dcv-1"], 3),
    "role": (dict(roles=[common_pb2.ROLE_OPERATOR]), ["--role", "operator"], 0),
    "client": (dict(clients=[b"api"], api_versions=[b"v2"]), ["--client", "api", "--api-version", "v2"], 3),
    "signed": (dict(results=[q.ISSUANCE_RESULT_SIGNED]), ["--result", "signed"], 3),
    "not signed": (dict(results=[q.ISSUANCE_RESULT_NOT_SIGNED]), ["--result", "not-signed"], 0),
    "certificates": (dict(entry_types=[q.ENTRY_TYPE_CERTIFICATE]), ["--kind", "certificate"], 3),
    "rule": (dict(rules=[b"V01"]), ["--rule", "V01"], 1),
    "from now": (dict(from_unix_us=2**60), ["--from", "2090-01-01T00:00:00Z"], 0),
}


@pytest.mark.parametrize("row", ROWS)
def test_each_selector_as_a_scan_has_it(house, row):
    """By hand, by the command over the socket, and by a scan of the file: the same entries."""
    fields, flags, n = ROWS[row]
    records, _ = house.ask(**fields)
    scanned = [i["entry"] for i in house.scan(*flags)["issuances"]]
    done = house.cli("scope", "--socket", house.socket, "--log-key", house.vkey, "--json", *flags)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert len(records) == n
    assert [r.ledger_entry for r in records] == scanned == [i["entry"] for i in answer["issuances"]]
    assert answer["issuances"] == house.scan(*flags)["issuances"]
    assert answer["completeness"]["checkpoint_signature_checked"] and answer["completeness"]["behind_checkpoint"] == 0


def test_what_a_record_says(house):
    record = house.ask(dns_names=[b"q1.example.com"])[0][0]
    assert record.entry_type == q.ENTRY_TYPE_CERTIFICATE and record.result == q.ISSUANCE_RESULT_SIGNED
    assert record.client == b"api" and record.account == b"acct-1" and record.outcome_entry > record.ledger_entry
    assert [n.dns_name for n in record.certificate.names] == [b"q1.example.com"]
    assert record.certificate.not_after_unix_s > time.time() > record.certificate.not_before_unix_s
    assert house.ask(serial_numbers=[record.serial_number.lstrip(b"\0")])[0] == [record]
    assert house.ask(spki_sha256s=[record.certificate.spki_sha256])[0] == [record]


@pytest.mark.parametrize("fields, word", [
    (dict(dns_names=[b""]), "query.dns_names[0]"), (dict(spki_sha256s=[b"x" * 31]), "query.spki_sha256s[0]"),
    (dict(ip_addresses=[b"12345"]), "query.ip_addresses[0]"), (dict(entry_types=[q.ENTRY_TYPE_OTHER]), "entry_types[0]"),
    (dict(organizations=[b" ."]), "query.organizations[0]"), (dict(software=[q.SoftwareFilter()]), "query.software[0]"),
    (dict(software=[q.SoftwareFilter(name=b"a", version_to=b"x")]), "query.software[0]"),
    (dict(organization_records=[q.RecordFilter(version=1)]), "organization_records[0]"),
    (dict(from_unix_us=2, until_unix_us=1), "until_unix_us"), (dict(from_unix_us=-1), "until_unix_us"),
    (dict(accounts=[b"%d" % i for i in range(1024)]), "1024 values")])
def test_a_query_that_is_none(house, fields, word):
    with pytest.raises(grpc.RpcError) as caught:
        house.ask(**fields)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT and word in caught.value.details()
    with grpc.insecure_channel(f"unix:{house.socket}") as channel:
        with pytest.raises(grpc.RpcError) as caught:
            list(channel.unary_stream(METHOD)(b"", timeout=10))
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_forms_of_the_command(house):
    table = house.cli("scope", "--socket", house.socket, "--log-key", house.vkey)
    assert table.returncode == 0 and "3 found" in table.stdout and "its signature verified" in table.stdout
    rows = house.cli("scope", "--connect", f"unix:{house.socket}", "--csv")
    assert [r["name"] for r in csv.DictReader(io.StringIO(rows.stdout))] == [f"q{n}.example.com" for n in range(3)]
    assert "complete: all" in rows.stderr and "not checked" in rows.stderr
    other = test_proof.cli("ledger", "key", house.dir / f"{secrets.token_hex(4)}.key", "--origin", test_proof.ORIGIN)
    for where in (("--socket", house.socket), ("--ledger", house.ledger)):
        wrong = house.cli("scope", *where, "--log-key", other.stdout.strip())
        assert wrong.returncode == 1, wrong.stdout
        assert house.cli("scope", *where, "--log-key", "nonsense").returncode == 2
    assert house.cli("scope", "--socket", house.socket, "--scan").returncode == 2
    assert house.cli("scope", "--socket", house.socket, "--ledger", house.ledger).returncode == 2
    assert house.cli("scope", "--socket", house.dir / "nobody.sock").returncode == 3


def test_the_file_and_its_checkpoint(house):
    """A ledger file: its newest checkpoint is named, and what lies behind it."""
    house.ask()  # ends behind a checkpoint of everything
    said = json.loads(house.cli("scope", "--ledger", house.ledger, "--log-key", house.vkey, "--json").stdout)["completeness"]
    assert said["checkpoint_signature_checked"]
    assert said["checkpoint_entries"] + said["behind_checkpoint"] == said["entries"]


def test_others_see_their_own():
    """Without all_entries a client is told of its own entries only, whatever it asks for."""
    class Own(QueryHouse):
        all_entries = False
    with Own() as house:
        house.start()
        tbs = house.tbs(["own.example.com"])
        house.sign(tbs, house.complete(tbs))
        records, said = house.ask(clients=[b"api", b"other"])
        assert len(records) == 1 and said.only_client == b"api"
        assert house.ask(clients=[b"other"])[0] == []
        assert house.ask(entry_types=[q.ENTRY_TYPE_HOLD, q.ENTRY_TYPE_RECALL])[0] == []
        text = (house.dir / "policy.yaml").read_text().replace("name: api", "name: renamed").replace(
            "client: api", "client: renamed")
        house.stop()
        (house.dir / "policy.yaml").write_text(text)
        house.start()
        records, said = house.ask()
        assert records == [] and said.only_client == b"renamed" and said.n_candidates == 0


# ---- a larger ledger: what is streamed, and the index

N_BIG = 10000


@pytest.fixture(scope="module")
def big(tmp_path_factory):
    """A ledger of 10,000 issuances made by the ledger's own code, under a running gate."""
    made = tmp_path_factory.mktemp("big") / "ledger.db"
    subprocess.run([os.environ["COUNTERSIGN_BIG_LEDGER"], made, str(N_BIG), "keep"], check=True, stdout=subprocess.DEVNULL,
                   timeout=120)
    with QueryHouse() as house:
        for file in made.parent.glob("ledger.db*"):
            if file.is_file():
                file.rename(house.dir / file.name)
        house.start()
        yield house


def runs(house):
    return sorted(p.name for p in (house.dir / "ledger.db-index").glob("*.run"))


def wait_for(what, wait_s=30):
    deadline = time.monotonic() + wait_s
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_gate_keeps_the_index(big):
    """From its sandbox, beside its work; then answers come from it, and are those of a scan."""
    wait_for(lambda: len(runs(big)) == 2 * N_BIG // 4096)
    records, said = big.ask(methods=[common_pb2.VALIDATION_METHOD_DCV_DNS_CHANGE])
    assert said.n_by_index == 2 * N_BIG // 4096 * 4096 and said.n_refused_pieces == 0
    assert [r.ledger_entry for r in records] == [i["entry"] for i in big.scan("--method", "dcv_dns_change")["issuances"]]
    assert 0 < len(records) < N_BIG


def test_ten_thousand_records(big):
    records, said = big.ask(entry_types=[q.ENTRY_TYPE_PRECERTIFICATE])
    assert len(records) == N_BIG and said.n_confirmed == N_BIG
    done = big.cli("scope", "--socket", big.socket, "--log-key", big.vkey, "--csv")
    assert done.returncode == 0 and len(list(csv.DictReader(io.StringIO(done.stdout)))) == N_BIG


def test_a_slow_reader_holds_nobody_up(big):
    """While one does not read, the deciding thread signs, others ask, and the stream goes on later, complete."""
    options = [("grpc.http2.lookahead_bytes", 1024), ("grpc.http2.bdp_probe", 0)]
    with grpc.insecure_channel(f"unix:{big.socket}", options=options) as channel:
        stream = big.stream(channel, q.IssuanceQuery())
        first = next(stream)
        memory = rss_of(big)
        for n in range(5):
            tbs = big.tbs([f"slow{n}.example.com"])
            began = time.monotonic()
            big.sign(tbs, big.complete(tbs))
            assert time.monotonic() - began < 5
        with grpc.insecure_channel(f"unix:{big.socket}", options=[("grpc.use_local_subchannel_pool", 1)]) as other:
            with pytest.raises(grpc.RpcError) as caught:
                list(big.stream(other, q.IssuanceQuery()))
            assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED  # one query of a client
        assert rss_of(big) - memory < 64 * 1024
        rest = list(stream)
    assert first.record.ledger_entry == 1 or first.record.ledger_entry == 2
    assert len(rest) == N_BIG  # of the 10,000 one was first; the statement is the last
    check_completeness(rest[-1].completeness, big.verifier)
    assert rest[-1].completeness.n_confirmed == N_BIG
    assert len(big.ask()[0]) == N_BIG + 5


def rss_of(house):
    pid = house.children()["countersign-gate"][0]
    return int(next(line for line in open(f"/proc/{pid}/status") if line.startswith("VmRSS")).split()[1])


def test_a_cancelled_query_makes_room(big):
    for _ in range(20):
        with grpc.insecure_channel(f"unix:{big.socket}") as channel:
            stream = big.stream(channel, q.IssuanceQuery())
            next(stream)
            stream.cancel()
        wait_for(lambda: asks(big))


def asks(house):
    try:
        return house.ask(dns_names=[b"none.example"])[0] == []
    except grpc.RpcError as e:
        assert e.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, e
        return False


def test_drain_never_ends_a_query_as_if_it_were_whole(big):
    with grpc.insecure_channel(f"unix:{big.socket}", options=[("grpc.http2.lookahead_bytes", 1024)]) as channel:
        stream, parts, code = big.stream(channel, q.IssuanceQuery()), [], grpc.StatusCode.OK
        next(stream)
        stopping = threading.Thread(target=big.stop)
        stopping.start()
        wait_for(lambda: not big.is_serving())
        try:
            parts.extend(stream)
        except grpc.RpcError as e:
            code = e.code()
        stopping.join()
    whole = bool(parts) and parts[-1].WhichOneof("part") == "completeness"
    assert (code == grpc.StatusCode.OK) == whole
    assert code in (grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE), code
    assert big.process.returncode == 0, big.log_text()
    big.start()


def test_kill_9_of_the_index_writer(big):
    """At any point: the next run repairs the index, and its answers are those of a scan."""
    folder, wanted = big.dir / "copy-index", big.scan("--method", "dcv_dns_change")["issuances"]
    random_ms = [5 + secrets.randbelow(1500) for _ in range(12)]
    for ms in random_ms:
        writer = subprocess.Popen([h.BIN / "countersign", "scope", "--ledger", big.ledger, "--index", folder, "--json",
                                   "--name", "none.example"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            writer.wait(ms / 1000)
        except subprocess.TimeoutExpired:
            writer.send_signal(signal.SIGKILL)
            writer.wait()
        for update in (["--no-update"], []) if ms % 2 else (["--no-update"],):
            done = big.cli("scope", "--ledger", big.ledger, "--index", folder, "--json", *update, "--method", "dcv_dns_change")
            assert done.returncode == 0, done.stderr
            assert json.loads(done.stdout)["issuances"] == wanted
        if ms % 2:
            assert not list(folder.glob("*.tmp"))
            for run in list(folder.glob("*.run"))[: 1 + ms % 3]:
                run.unlink()  # so that the next writer has something to do
