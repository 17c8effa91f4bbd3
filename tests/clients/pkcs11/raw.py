"""raw.py MODULE WHAT FILE...: the module through its function list, with ctypes, which lets threads run.

sizes TBS        asks for the size of a signature until the line "go" comes, then signs
threads TBS...   a thread and a session for each, all at once
fork TBS TBS TBS the parent signs the first, its child the second, the parent the third
Signatures are r and s, written to FILE.signature; what came of each call is said line by line.
"""
import ctypes
import os
import pathlib
import sys
import threading

(INITIALIZE, FINALIZE, OPEN_SESSION, FIND_INIT, FIND, FIND_FINAL, SIGN_INIT, SIGN) = (0, 1, 12, 26, 27, 28, 42, 43)
ULONG, SERIAL_SESSION, PRIVATE_KEY, CLASS, LABEL, ECDSA_SHA256 = ctypes.c_ulong, 4, 3, 0, 3, 0x1044
BUFFER_TOO_SMALL, NOT_INITIALIZED, OS_LOCKING_OK = 0x150, 0x190, 2


class FunctionList(ctypes.Structure):
    _fields_ = [("version", ctypes.c_ubyte * 2), ("function", ctypes.c_void_p * 68)]


class Attribute(ctypes.Structure):
    _fields_ = [("type", ULONG), ("value", ctypes.c_void_p), ("len", ULONG)]


class Mechanism(ctypes.Structure):
    _fields_ = [("type", ULONG), ("parameter", ctypes.c_void_p), ("len", ULONG)]


class InitializeArgs(ctypes.Structure):
    _fields_ = [("mutex", ctypes.c_void_p * 4), ("flags", ULONG), ("reserved", ctypes.c_void_p)]


table = ctypes.POINTER(FunctionList)()
assert ctypes.CDLL(sys.argv[1]).C_GetFunctionList(ctypes.byref(table)) == 0


def call(index, *args):
    return ctypes.CFUNCTYPE(ULONG, *(type(a) if isinstance(a, ULONG) else ctypes.c_void_p for a in args))(
        table.contents.function[index])(*args)


def at(thing):
    return ctypes.cast(ctypes.pointer(thing), ctypes.c_void_p)


def initialize():
    args = InitializeArgs(flags=OS_LOCKING_OK)
    return call(INITIALIZE, at(args))


def begin():
    """A session with a signature begun; session handle."""
    session, key, n = ULONG(), ULONG(), ULONG()
    assert call(OPEN_SESSION, ULONG(0), ULONG(SERIAL_SESSION), None, None, at(session)) == 0
    kind, label = ULONG(PRIVATE_KEY), ctypes.create_string_buffer(b"ec", 2)
    template = (Attribute * 2)(Attribute(CLASS, at(kind), ctypes.sizeof(kind)), Attribute(LABEL, at(label), 2))
    assert call(FIND_INIT, session, at(template), ULONG(2)) == 0
    assert call(FIND, session, at(key), ULONG(1), at(n)) == 0 and n.value == 1
    assert call(FIND_FINAL, session) == 0
    mechanism = Mechanism(ECDSA_SHA256)
    assert call(SIGN_INIT, session, at(mechanism), key) == 0
    return session


def sign(session, path, room=64):
    """(code, length) of C_Sign; room None asks for the size."""
    data, n = pathlib.Path(path).read_bytes(), ULONG(room or 0)
    out = None if room is None else ctypes.create_string_buffer(64)
    rv = call(SIGN, session, at(ctypes.create_string_buffer(data, len(data))), ULONG(len(data)),
              None if out is None else at(out), at(n))
    if rv == 0 and out is not None:
        pathlib.Path(path + ".signature").write_bytes(out.raw)
    return rv, n.value


def sizes(path):
    session = begin()
    for _ in range(20):
        assert sign(session, path, room=None) == (0, 64)
        assert sign(session, path, room=63) == (BUFFER_TOO_SMALL, 64)
    print("asked", flush=True)
    assert sys.stdin.readline() == "go\n"
    print(*sign(session, path))


def threads(*paths):
    together, said = threading.Barrier(len(paths)), {}

    def run(path):
        session = begin()
        together.wait()
        said[path] = sign(session, path)
    workers = [threading.Thread(target=run, args=[path]) for path in paths]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for path in paths:
        print(*said[path])


def fork(first, second, third):
    session = begin()
    print(*sign(session, first), flush=True)
    session = begin()
    pid = os.fork()
    if pid == 0:
        code = sign(session, second)[0]
        print(code == NOT_INITIALIZED, initialize(), *sign(begin(), second), call(FINALIZE, None), flush=True)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    print(*sign(session, third))


assert initialize() == 0
{"sizes": sizes, "threads": threads, "fork": fork}[sys.argv[2]](*sys.argv[3:])
assert call(FINALIZE, None) == 0
