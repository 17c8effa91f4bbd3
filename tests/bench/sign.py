#!/usr/bin/python3
"""How fast signing through countersign is, next to signing without it: one run, one token, one key per table.

  sign.py [--build DIR] [--rounds N] [--seconds S] [--keys ec,rsa] [--signers N] [--json FILE] [--wait-quiet S]

Prints ratios; it has no limits and never fails because of a time. README.md says what each row means.
"""
import argparse
import collections
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PROGRAMS = ("countersignd", "countersign-front", "countersign-gate", "countersign-signer", "countersign-token",
            "p11_bench", "gate_bench")
REMOTE_MODULES = ("/usr/lib/*/pkcs11/p11-kit-client.so", "/usr/lib/pkcs11/p11-kit-client.so")
TOKEN = "countersign-test"
KEYS = {"ec": ("P-256", "ecdsa"), "rsa": ("RSA-2048", "rsa")}
BASE = "direct-2-threads"
WARM_UP = 200

Row = collections.namedtuple("Row", "name title how", defaults=({},))
ROWS = (
    Row("direct-1-thread", "direct PKCS#11, 1 thread", dict(threads=1)),
    Row(BASE, "direct PKCS#11, 2 threads", dict(threads=2)),
    Row("direct-2-processes", "direct PKCS#11, 2 processes", dict(processes=2)),
    Row("remote-2", "p11-kit server, 2 clients", dict(processes=2, remote=True)),
    Row("remote-4", "p11-kit server, 4 clients", dict(processes=4, remote=True)),
    Row("fresh-32", "countersign, fresh, 32 in flight", dict(kind="fresh", in_flight=32)),
    Row("renewal-32", "countersign, renewal, 32 in flight", dict(kind="renewal", in_flight=32)),
    Row("reissue-32", "countersign, reissue, 32 in flight", dict(kind="reissue", in_flight=32)),
    Row("deposited-32", "countersign, deposited, 32 in flight", dict(kind="deposited", in_flight=32)),
    Row("seen-32", "countersign, seen, 32 in flight", dict(kind="seen", in_flight=32)),
    Row("seen-8", "countersign, seen, 8 in flight", dict(kind="seen", in_flight=8)),
    Row("seen-1", "countersign, seen, 1 in flight", dict(kind="seen", in_flight=1)),
    Row("evaluate-32", "countersign, evaluate only, 32 in flight", dict(kind="evaluate", in_flight=32)),
)
RATIOS = (
    ("seen / best p11-kit row", "rate", ("seen-32",), ("remote-2", "remote-4")),
    ("deposited / best p11-kit row", "rate", ("deposited-32",), ("remote-2", "remote-4")),
    ("reissue (2 verifications) / seen (none)", "rate", ("reissue-32",), ("seen-32",)),
    ("renewal (4 verifications) / seen (none)", "rate", ("renewal-32",), ("seen-32",)),
    ("fresh (6 verifications) / seen (none)", "rate", ("fresh-32",), ("seen-32",)),
    ("evaluate only / direct 2 threads", "rate", ("evaluate-32",), (BASE,)),
    ("p50 at 1 in flight / p50 direct 1 thread", "p50_us", ("seen-1",), ("direct-1-thread",)),
)


def options():
    p = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    p.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "release", help="build folder")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--seconds", type=float, default=2.0, help="of each row in each round")
    p.add_argument("--keys", default="ec,rsa")
    p.add_argument("--signers", type=int, default=2, help="signer processes of countersign")
    p.add_argument("--attesters", default="ecdsa-p256-sha256", choices=("ecdsa-p256-sha256", "ed25519"))
    p.add_argument("--json", type=pathlib.Path, help="also write every sample to this file")
    p.add_argument("--wait-quiet", type=float, default=0, metavar="S",
                   help="wait up to S seconds before each sample until others use less than 10 %% of the machine")
    p.add_argument("--keep", action="store_true", help="keep the folder with token, ledger and log")
    o = p.parse_args()
    if not set(o.keys.split(",")) <= set(KEYS) or o.rounds < 1 or o.seconds <= 0 or o.signers < 1:
        p.error("--keys takes ec and rsa; rounds, seconds and signers are positive")
    return o


def progress(text):
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{text}")
        sys.stderr.flush()


def gather_programs(build, folder):
    """One folder with all programs of a build tree, for countersignd's libexec."""
    found = {}
    for where, folders, files in os.walk(build):
        folders[:] = [f for f in folders if not f.startswith("CMake")]
        for name in set(files) & set(PROGRAMS):
            found[name] = pathlib.Path(where) / name
    missing = set(PROGRAMS) - set(found)
    if missing:
        sys.exit(f"{build} has no {', '.join(sorted(missing))}: build the target 'bench' first")
    for name, path in found.items():
        (folder / name).symlink_to(path)


def python_protos(folder):
    subprocess.run(["protoc", f"-I{ROOT}/proto", f"--python_out={folder}",
                    *(str(p.relative_to(ROOT / "proto")) for p in (ROOT / "proto").rglob("*.proto"))], check=True)


class Machine:
    """Share of the machine that is busy, from /proc/stat."""

    @staticmethod
    def read():
        fields = [int(f) for f in open("/proc/stat").readline().split()[1:9]]
        return sum(fields) - fields[3] - fields[4], sum(fields)

    def wait_quiet(self, limit_s):
        until = time.monotonic() + limit_s
        while time.monotonic() < until:
            busy, total = self.read()
            time.sleep(0.3)
            busy_now, total_now = self.read()
            if busy_now - busy < 0.1 * (total_now - total):
                return


class RemoteServer:
    """p11-kit server on the same token; None as address when p11-kit cannot do it here."""

    def __init__(self, house, module):
        self.address, self.process, self.module = None, None, None
        modules = [m for pattern in REMOTE_MODULES for m in pathlib.Path("/").glob(pattern[1:])]
        if not modules or shutil.which("p11-kit") is None:
            return
        self.module = modules[0]
        socket = house.dir / "p11-kit.sock"
        self.process = subprocess.Popen(
            ["p11-kit", "server", "-f", "-n", socket, "--provider", module, f"pkcs11:token={TOKEN}"],
            env=dict(house.env, XDG_RUNTIME_DIR=str(house.dir)), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        until = time.monotonic() + 5
        while time.monotonic() < until and self.process.poll() is None and not socket.exists():
            time.sleep(0.02)
        if socket.exists():
            self.address = f"unix:path={socket}"
        else:
            self.close()

    def close(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(10)


class Bench:
    def __init__(self, o, house, module, bin_folder):
        self.o, self.house, self.module, self.bin = o, house, module, bin_folder
        self.remote = RemoteServer(house, module)
        self.machine, self.guess = Machine(), {}
        self.work = house.dir / "requests"
        self.work.mkdir()

    def run(self, program, *args, env=None):
        done = subprocess.run([self.bin / program, *map(str, args)], env=env or self.house.env, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode != 0:
            raise RuntimeError(f"{program} {' '.join(map(str, args))}:\n{done.stderr}\n{self.house.log_text()}")
        return json.loads(done.stdout)

    # -- without countersign ---------------------------------------------------------------------

    def direct(self, key, how, seconds):
        env, extra, module = dict(self.house.env), [], self.module
        if how.get("remote"):
            env["P11_KIT_SERVER_ADDRESS"] = self.remote.address
            extra, module = ["--cpu-of", self.remote.process.pid], self.remote.module
        return self.run("p11_bench", "--module", module, "--token", TOKEN, "--key", key, "--mechanism", KEYS[key][1],
                        "--pin-file", self.house.dir / "pin", "--threads", how.get("threads", 1), "--processes",
                        how.get("processes", 1), "--seconds", seconds, *extra, env=env)

    # -- through countersign ---------------------------------------------------------------------

    def call(self, rpc, records, *args):
        return self.run("gate_bench", "--socket", self.house.socket, "--rpc", rpc, "--requests", records.path,
                        "--cpu-of", self.house.process.pid, *args)

    def load(self, maker, row, n):
        kind = row.how["kind"]
        load = req.make_load(maker, "reissue" if kind == "evaluate" else kind, 1 if kind == "evaluate" else n,
                             self.work / row.name)
        if kind == "evaluate":
            request = h.signing_service_pb2.SignCertificateRequest.FromString(open(load.requests.path, "rb").read()[4:])
            load.requests = req.Records(load.requests.path)
            load.requests.put(req.evaluation_of(request))
            load.requests.close()
        if load.before is not None:
            self.call(load.before_rpc, load.before, "--in-flight", 4)
        return load

    def through(self, row, load, seconds, *extra):
        if row.how["kind"] == "evaluate":
            return self.call(req.EVALUATE, load.requests, "--in-flight", row.how["in_flight"], "--again",
                             "--seconds", seconds or 0.2, *extra)
        return self.call(req.SIGN, load.requests, "--in-flight", row.how["in_flight"],
                         *(["--seconds", seconds] if seconds else []), *extra)

    def warm_up(self, maker, key, row, n):
        """Runs a few requests, looks at the first answer, and learns how many a timed run may use up."""
        load, answer = self.load(maker, row, n), self.work / "answer"
        sample = self.through(row, load, 0, "--save", answer)
        if row.how["kind"] == "evaluate":
            response = h.signing_service_pb2.EvaluateCertificateResponse.FromString(answer.read_bytes())
        else:
            response = h.signing_service_pb2.SignCertificateResponse.FromString(answer.read_bytes())
            check_signature(self.house.issuer(key).certificate, response.certificate)
        if not response.verdict.admitted or len(response.verdict.covers) < len(req.NAMES):
            raise RuntimeError(f"{row.name}: the verdict is not what was asked for:\n{response.verdict}")
        self.guess[key, row.name] = sample["rate"]
        load.remove()

    # -- rounds ----------------------------------------------------------------------------------

    def rows(self):
        return [r for r in ROWS if self.remote.address is not None or not r.how.get("remote")]

    def table(self, key):
        o, maker, samples = self.o, req.Maker(self.house, key), collections.defaultdict(list)
        gate_rows = [r for r in self.rows() if "kind" in r.how]
        for row in gate_rows:
            progress(f"{KEYS[key][0]}: warming up {row.title}")
            self.warm_up(maker, key, row, int(min(WARM_UP, 20 + WARM_UP * o.seconds)))
        for number in range(o.rounds):
            loads = {}
            for row in gate_rows:
                n = int(self.guess[key, row.name] * o.seconds * 1.5) + 2 * row.how["in_flight"]
                progress(f"{KEYS[key][0]}: round {number + 1} of {o.rounds}: making {n} requests for {row.title}")
                loads[row.name] = self.load(maker, row, n)
            for row in self.rows():
                progress(f"{KEYS[key][0]}: round {number + 1} of {o.rounds}: {row.title}")
                self.machine.wait_quiet(o.wait_quiet)
                sample = (self.through(row, loads[row.name], o.seconds) if "kind" in row.how
                          else self.direct(key, row.how, o.seconds))
                others = sample["machine_cpu_us"] - sample["own_cpu_us"]
                sample["others"] = max(0.0, others / (sample["seconds"] * 1e6 * os.cpu_count()))
                samples[row.name].append(sample)
                if "kind" in row.how:
                    self.guess[key, row.name] = max(self.guess[key, row.name], sample["rate"])
            for load in loads.values():
                load.remove()
        progress("")
        return dict(samples)


def check_signature(issuer, der):
    certificate = x509.load_der_x509_certificate(der)
    algorithm, public = certificate.signature_hash_algorithm, issuer.public_key()
    if isinstance(public, ec.EllipticCurvePublicKey):
        public.verify(certificate.signature, certificate.tbs_certificate_bytes, ec.ECDSA(algorithm))
    else:
        public.verify(certificate.signature, certificate.tbs_certificate_bytes, padding.PKCS1v15(), algorithm)


def median(samples, field):
    return statistics.median(s[field] for s in samples)


def best(samples, names, field, number):
    return max(samples[n][number][field] for n in names)


def ratio(samples, field, above, below):
    rounds = range(len(samples[BASE]))
    return statistics.median(best(samples, above, field, i) / best(samples, below, field, i) for i in rounds)


def show(key, samples):
    print(f"\n{KEYS[key][0]}\n{'':44}{'/s':>8}{'x direct':>9}{'p50 us':>8}{'p99 us':>8}"
          f"{'CPU us':>8}{'client':>8}{'front':>7}{'gate':>7}{'signer':>8}{'others':>8}")
    for row in ROWS:
        got = samples.get(row.name)
        if got is None:
            print(f"{row.title:44}not measured: no p11-kit server here")
            continue
        programs = ""
        if "by_program" in got[0]:
            for name, width in (("countersign-fro", 7), ("countersign-gat", 7), ("countersign-sig", 8)):
                programs += f"{statistics.median(s['by_program'].get(name, 0.0) for s in got):{width}.0f}"
        total = statistics.median(s["client_cpu_us"] + s["server_cpu_us"] for s in got)
        dry = " ran out of requests" if any(s.get("dry") for s in got) else ""
        print(f"{row.title:44}{median(got, 'rate'):8.0f}{ratio(samples, 'rate', [row.name], [BASE]):9.2f}"
              f"{median(got, 'p50_us'):8.0f}{median(got, 'p99_us'):8.0f}{total:8.0f}{median(got, 'client_cpu_us'):8.0f}"
              f"{programs:22}{100 * median(got, 'others'):7.0f}%{dry}")
    print()
    for title, field, above, below in RATIOS:
        if all(n in samples for n in above + below):
            print(f"{title:44}{ratio(samples, field, above, below):17.2f}")
    print(f"{'p99 / p50 of seen, 32 in flight':44}{median(samples['seen-32'], 'p99_us') / median(samples['seen-32'], 'p50_us'):17.2f}")


def main():
    o = options()
    with tempfile.TemporaryDirectory(prefix="countersign-bench-") as scratch:
        scratch = pathlib.Path(scratch)
        for name in ("bin", "proto"):
            (scratch / name).mkdir()
        gather_programs(o.build, scratch / "bin")
        python_protos(scratch / "proto")
        os.environ.update(COUNTERSIGN_BIN=str(scratch / "bin"), COUNTERSIGN_PROTO=str(scratch / "proto"))
        sys.path[:0] = [str(HERE), str(ROOT / "tests" / "e2e")]
        sys.dont_write_bytecode = True
        global h, req, x509, ec, padding
        import house as h
        import load as req
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric import ec, padding
        with h.House(signers=o.signers, keep=o.keep) as house:
            for name, roles, methods in (("orders", ["order-authority"], ()), ("lint", ["lint-service"], ()),
                                         ("dcv-1", ["validation-system"], h.House.METHODS)):
                house.attesters[name] = h.Attester(name, roles, o.attesters, methods)
            house.write_policy()
            house.start()
            bench = Bench(o, house, h.MODULE, scratch / "bin")
            try:
                print(f"{o.rounds} rounds of {o.seconds} s, {o.signers} signers, attesters {o.attesters}, "
                      f"{os.cpu_count()} processors; medians; 'x direct' is the ratio to direct PKCS#11 with "
                      f"2 threads inside a round")
                result = {}
                for key in o.keys.split(","):
                    result[key] = bench.table(key)
                    show(key, result[key])
                    sys.stdout.flush()
            finally:
                bench.remote.close()
            if o.keep:
                print(f"kept: {house.dir}")
        if o.json is not None:
            o.json.write_text(json.dumps({"options": {k: str(v) for k, v in vars(o).items()}, "samples": result}, indent=1))


if __name__ == "__main__":
    main()
