"""What the processes of a running house have given up, read from the kernel and not from them."""
import ctypes
import json
import os
import pathlib
import re

import pytest

import house as h

ROLES = ("countersign-front", "countersign-gate", "countersign-signer")
SANITIZED = os.environ["COUNTERSIGN_SANITIZED"] == "1"
SYS_LANDLOCK_CREATE_RULESET, LANDLOCK_CREATE_RULESET_VERSION = 444, 1
SCMP_ACT_ALLOW, SCMP_ACT_ERRNO, ENOSYS = 0x7FFF0000, 0x00050000, 38


def status(pid):
    return dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
                if ":\t" in line)


def processes(house):
    children = house.children()
    assert set(children) == set(ROLES), children
    return [(role, pid) for role in ROLES for pid in children[role]]


def sandbox_lines(house):
    """One for each process: process name, landlock, seccomp, level."""
    lines = []
    for text in (house.dir / "log").read_text().splitlines():
        if '"event":"sandbox"' in text:
            lines.append(json.loads(text))
    return {line["process"]: line for line in lines}


def kernel_has_landlock():
    return ctypes.CDLL(None).syscall(SYS_LANDLOCK_CREATE_RULESET, None, 0, LANDLOCK_CREATE_RULESET_VERSION) > 0


def kernel_has_seccomp():
    actions = pathlib.Path("/proc/sys/kernel/seccomp/actions_avail")
    return actions.exists() and "kill_process" in actions.read_text().split()


def test_each_process_gave_up_privileges_and_cores(house):
    for role, pid in processes(house):
        assert status(pid)["NoNewPrivs"] == "1", role
        limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
        assert re.search(r"^Max core file size\s+0\s+0\s", limits, re.M), (role, limits)


def test_not_dumpable(house):
    """The kernel gives /proc entries of such a process to root, whoever runs it; for root there is nothing to see."""
    if os.getuid() == 0:
        pytest.skip("as root every process is root's")
    for role, pid in processes(house):
        assert os.stat(f"/proc/{pid}/maps").st_uid == 0, role


def test_system_calls_are_filtered(house):
    said = sandbox_lines(house)
    assert set(said) == {"front", "gate", "signer-0", "signer-1"}
    for role, pid in processes(house):
        if SANITIZED:
            assert status(pid)["Seccomp"] == "0", role
        elif kernel_has_seccomp():
            assert status(pid)["Seccomp"] == "2", role
    for line in said.values():
        if SANITIZED:
            assert "sanitizers" in line["seccomp"] and "sanitizers" in line["landlock"]
        else:
            assert (line["seccomp"] == "on") == kernel_has_seccomp(), line
            assert (line["landlock"] == "on") == kernel_has_landlock(), line
        assert (line["level"] == "info") == (line["seccomp"] == line["landlock"] == "on"), line


def test_every_kind_of_work_goes_on(house):
    """Enough commits that the checkpoint thread starts, both key types, refusals, and a good end."""
    for i in range(20):
        name = f"s{i}.example.com"
        for issuer in ("ec", "rsa"):
            tbs = house.tbs([name], issuer)
            house.sign(tbs, house.complete(tbs), issuer)
    with pytest.raises(h.Refused):
        house.sign(house.tbs(["none.example.com"]), [])
    (gate,) = house.children()["countersign-gate"]
    for turn in range(20):
        house.deposit([house.domain(f"s{turn}-{i}.example.org") for i in range(400)])
        if len(os.listdir(f"/proc/{gate}/task")) == 2:
            break
    assert len(os.listdir(f"/proc/{gate}/task")) == 2, "the checkpoint thread did not start"
    assert {status(f"{gate}/task/{t}")["Seccomp"] for t in os.listdir(f"/proc/{gate}/task")} == {status(gate)["Seccomp"]}
    assert house.stop() == 0
    house.start()
    tbs = house.tbs(["again.example.com"])
    house.sign(tbs, house.complete(tbs))
    assert house.stop() == 0


def deny_sandbox():
    """Runs before exec: from here on the kernel has neither Landlock nor seccomp(2) nor prctl(PR_SET_SECCOMP)."""
    lib = ctypes.CDLL("libseccomp.so.2")
    lib.seccomp_init.restype = ctypes.c_void_p

    class Compare(ctypes.Structure):
        _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]

    context = ctypes.c_void_p(lib.seccomp_init(SCMP_ACT_ALLOW))
    no = SCMP_ACT_ERRNO | ENOSYS
    for name in (b"landlock_create_ruleset", b"seccomp"):
        number = 444 if b"landlock" in name else lib.seccomp_syscall_resolve_name(name)
        assert lib.seccomp_rule_add_array(context, no, number, 0, None) == 0
    is_set_seccomp = Compare(0, 4, 22, 0)  # SCMP_CMP_EQ, PR_SET_SECCOMP
    prctl = lib.seccomp_syscall_resolve_name(b"prctl")
    assert lib.seccomp_rule_add_array(context, no, prctl, 1, ctypes.byref(is_set_seccomp)) == 0
    assert lib.seccomp_load(context) == 0


@pytest.mark.skipif(SANITIZED, reason="nothing is applied in a build with sanitizers")
def test_works_where_the_kernel_offers_nothing_and_says_so(monkeypatch):
    popen = h.subprocess.Popen
    with h.House(signers=1, issuers=h.House.ISSUERS[:1]) as house:
        monkeypatch.setattr(h.subprocess, "Popen", lambda *a, **k: popen(*a, preexec_fn=deny_sandbox, **k))
        house.start()
        monkeypatch.undo()
        said = sandbox_lines(house)
        assert set(said) == {"front", "gate", "signer-0"}
        for line in said.values():
            assert line["level"] == "warning" and "on" not in (line["seccomp"], line["landlock"]), line
        tbs = house.tbs(["bare.example.com"])
        house.sign(tbs, house.complete(tbs))
        assert house.stop() == 0
