"""libcountersign in a C program of its own, the command over mutual TLS, and what the shared files show and need."""
import json
import os
import re
import subprocess

import pytest

import gate as g
from test_module import authority, gate, lay_out, unix_gate  # noqa: F401

PROGRAM, CLI = os.environ["CS_PKCS11_LIBRARY"], os.environ["CS_CLI"]
LIBRARY, MODULE, MAP = os.environ["CS_LIBCOUNTERSIGN"], os.environ["CS_PKCS11_MODULE"], os.environ["CS_LIBCOUNTERSIGN_MAP"]
RUNTIME = {"libc", "libm", "libgcc_s", "libasan", "libubsan", "libpthread", "libdl", "ld-linux-x86-64", "ld-linux-aarch64"}


def test_every_call(gate):  # noqa: F811
    lay_out(gate)
    done = subprocess.run([PROGRAM, gate.dir, gate.address, *gate.more.values()], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and re.fullmatch(r"\d+\.\d+\.\d+\n", done.stdout), done.stdout + done.stderr


def test_command(gate, tmp_path):  # noqa: F811
    lay_out(gate)
    words = [f"--{key.replace('_', '-')}={value}" for key, value in gate.more.items()]
    connect = ["--connect", gate.address, *words]
    run = lambda *w, env=None: subprocess.run([CLI, *w], capture_output=True, text=True, timeout=60, cwd=tmp_path,  # noqa: E731
                                              env=dict(os.environ, **(env or {})))
    assert json.loads(run("health", "--json", *connect).stdout) == {"status": "serving"}
    done = run("sign", "--issuer", "ec", "--tbs", "tbs", "--out", "leaf.der", *connect)
    assert done.returncode == 0 and (tmp_path / "leaf.der").stat().st_size > 300, done.stderr
    done = run("sign", "--issuer", "ec", "--tbs", "tbs-refused", *connect)
    assert done.returncode == 1 and "V01" in done.stdout and "ledger entry 4711" in done.stdout
    if gate.more:
        paths = {"COUNTERSIGN_" + key.upper(): str(value) for key, value in gate.more.items()}
        assert run("health", "--connect", gate.address, env=paths).returncode == 0
        assert "tls_ca: missing" in run("health", "--connect", gate.address).stderr
        assert run("health", "--connect", gate.address, *words, "--tls-name", "other.example").returncode == 3
    else:
        path = gate.address.removeprefix("unix:")
        assert run("health", env={"COUNTERSIGN_SOCKET": path}).returncode == 0
        assert run("health", "--socket", path, *connect).returncode == 2
        assert run("health", *connect, env={"COUNTERSIGN_SOCKET": "/nowhere", "COUNTERSIGN_TLS_CA": "/x"}).returncode == 0
        assert run("health").returncode == 2
        assert run("health", "--connect", "nonsense").returncode == 2


def symbols(path):
    text = subprocess.run(["nm", "-D", "--defined-only", path], check=True, capture_output=True, text=True).stdout
    return sorted(line.split()[2] for line in text.splitlines() if line.split()[1] != "A")


def needed(path):
    text = subprocess.run(["readelf", "-d", path], check=True, capture_output=True, text=True).stdout
    return {re.sub(r"\.so.*", "", name) for name in re.findall(r"\(NEEDED\).*\[(.*)\]", text)} - RUNTIME


def test_what_the_library_shows():
    """The list is the ABI: a name that goes, or loses its version, breaks programs."""
    with open(MAP) as f:
        named = sorted(re.findall(r"^    (countersign_\w+);", f.read(), re.M))
    assert len(named) == 14
    assert symbols(LIBRARY) == [f"{name}@@COUNTERSIGN_0" for name in named]
    text = subprocess.run(["readelf", "-d", LIBRARY], check=True, capture_output=True, text=True).stdout
    assert "soname: [libcountersign.so.0]" in text
    assert needed(LIBRARY) == {"libnghttp2", "libssl", "libcrypto", "libprotobuf-c"}


def test_what_the_module_shows():
    assert symbols(MODULE) == ["C_GetFunctionList"]
    assert needed(MODULE) == {"libnghttp2", "libssl", "libcrypto", "libprotobuf-c"}


def test_as_installed(tmp_path):
    """Header and pkg-config file as another project finds them."""
    build = os.environ["CS_BUILD_DIR"]
    for part in ("client/lib", "client/pkcs11"):
        subprocess.run(["cmake", "--install", f"{build}/{part}", "--prefix", tmp_path], check=True, capture_output=True)
    (pc,) = tmp_path.rglob("libcountersign.pc")
    lines = pc.read_text()
    assert "Libs: -L${libdir} -lcountersign" in lines and "Cflags: -I${includedir}" in lines
    assert (tmp_path / "include" / "countersign.h").exists()
    (library,) = [p for p in tmp_path.rglob("libcountersign.so") if p.is_symlink()]
    assert os.readlink(library) == "libcountersign.so.0"
    (module,) = tmp_path.rglob("libcountersign-pkcs11.so")
    assert module.parent.name == "pkcs11"
    source = tmp_path / "alone.c"
    source.write_text("#include <countersign.h>\nint main(void) { return countersign_version() == 0; }\n")
    for compiler, language in (("cc", "-xc"), ("c++", "-xc++")):
        subprocess.run([compiler, language, "-Wall", "-Werror", f"-I{tmp_path}/include", "-fsyntax-only", source], check=True)
