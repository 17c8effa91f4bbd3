"""deploy/tools/build-weak-keys against a second writer of the same format."""
import hashlib
import os
import struct
import subprocess

TOOL = os.environ["BUILD_WEAK_KEYS"]


def run(*args, code=0):
    done = subprocess.run([TOOL, *map(str, args)], capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


def put(path, *lines):
    path.write_text("".join(line + "\n" for line in lines))
    return path


def test_bytes(tmp_path):
    short = put(tmp_path / "short", "# openssl-blacklist", "", "b" * 20, "A" * 20, "b" * 20)
    whole = put(tmp_path / "whole", "0" * 20 + "c" * 20)
    curve = put(tmp_path / "curve", "0" * 44 + "1" * 20)
    out = tmp_path / "out"
    told = run("--out", out, "--ec", f"256:{curve}", "--rsa", f"4096:{whole}", "--rsa", f"2048:{short}",
               "--rsa", f"2048:{whole}")
    body = b"CSWEAK01" + struct.pack(">I", 3)
    body += struct.pack(">IQIQIQ", 1 << 24 | 2048, 3, 1 << 24 | 4096, 1, 2 << 24 | 256, 1)
    body += b"\xaa" * 10 + b"\xbb" * 10 + b"\xcc" * 10 + b"\xcc" * 10 + b"\x11" * 10
    assert out.read_bytes() == body + hashlib.sha256(body).digest()
    assert told.splitlines() == ["RSA 2048: 3 keys", "RSA 4096: 1 keys", "EC 256: 1 keys",
                                 f"SHA-256 {hashlib.sha256(out.read_bytes()).hexdigest()}  {out}"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["curve", "out", "short", "whole"]


def test_refusals(tmp_path):
    good, out = put(tmp_path / "good", "a" * 20), tmp_path / "out"
    bad = [put(tmp_path / "digits", "a" * 20, "g" * 20), put(tmp_path / "length", "a" * 19),
           put(tmp_path / "empty", "# nothing")]
    assert "digits:2: needed: 20 or 40 hexadecimal digits" in run("--out", out, "--rsa", f"2048:{bad[0]}", code=1)
    assert "length:1: needed" in run("--out", out, "--rsa", f"2048:{bad[1]}", code=1)
    assert "no keys of 2048 bits" in run("--out", out, "--rsa", f"2048:{bad[2]}", code=1)
    assert "no keys given" in run("--out", out, code=1)
    assert "needed: a size" in run("--out", out, "--rsa", str(good), code=1)
    assert "needed: a size" in run("--out", out, "--rsa", f"0x800:{good}", code=1)
    assert "needed: a size" in run("--out", out, "--ec", f"255:{good}", code=1)
    assert "nowhere" in run("--out", out, "--rsa", "2048:/nowhere", code=1)
    assert not out.exists()
