"""The command as a process, and a gRPC server that answers what a test tells it to."""
import concurrent.futures
import importlib
import os
import subprocess
import sys

import grpc
import pytest


class Cli:
    def __init__(self, folder):
        self.folder = str(folder)

    def __call__(self, *words, code=0, text=True):
        """Runs a command; asserts its exit code; returns the finished process."""
        done = subprocess.run([os.environ["CS_CLI"], *words], cwd=self.folder, capture_output=True, text=text,
                              timeout=60, stdin=subprocess.DEVNULL)
        assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
        return done

    def put(self, name, data):
        with open(os.path.join(self.folder, name), "wb") as f:
            f.write(data if isinstance(data, bytes) else data.encode())
        return name

    def get(self, name):
        with open(os.path.join(self.folder, name), "rb") as f:
            return f.read()


@pytest.fixture
def cli(tmp_path):
    return Cli(tmp_path)


@pytest.fixture(scope="session")
def protos(tmp_path_factory):
    """Python messages of the project's .proto files; a function from path to module."""
    folder = str(tmp_path_factory.mktemp("protos"))
    root = os.environ["CS_PROTO_DIR"]
    names = ["countersign/v1/" + n for n in sorted(os.listdir(os.path.join(root, "countersign/v1")))]
    names += ["google/rpc/status.proto", "grpc/health/v1/health.proto"]
    subprocess.run(["protoc", "-I" + root, "--python_out=" + folder, *names], check=True)
    # google/ and grpc/ are packages of the installed libraries too: ours are found beside them.
    sys.path.insert(0, folder)
    import google
    google.__path__.append(os.path.join(folder, "google"))
    grpc.__path__.append(os.path.join(folder, "grpc"))
    return lambda name: importlib.import_module(name)


class Server(grpc.GenericRpcHandler):
    """answers[path] is bytes, or a function of (request bytes, context) that returns bytes."""

    def __init__(self, path):
        self.path = path
        self.answers = {}
        self.requests = []
        self.grpc = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=2))
        self.grpc.add_generic_rpc_handlers((self,))
        self.grpc.add_insecure_port("unix:" + path)
        self.grpc.start()

    def service(self, call):
        answer = self.answers.get(call.method)
        if answer is None:
            return None

        def handle(request, context):
            self.requests.append((call.method, request))
            return answer(request, context) if callable(answer) else answer
        return grpc.unary_unary_rpc_method_handler(handle)


@pytest.fixture
def server(tmp_path):
    s = Server(str(tmp_path / "s"))
    yield s
    s.grpc.stop(0).wait(10)
