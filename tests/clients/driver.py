"""The client programs of this folder, one for each library, and how they are spoken to.

A program is started with its target, `unix:PATH` or `tls:PORT:FOLDER` (roots.pem, client.pem and client.key are
there; the server is called localhost). Each line it reads from standard input gets one line with a JSON object on
standard output. A call has a name and runs until it is asked for:

    begin NAME health DEADLINE_MS SERVICE              {}; "-" is the whole server
    begin NAME sign   DEADLINE_MS REQUEST CERTIFICATE  {}; REQUEST: file with a SignCertificateRequest
    begin NAME raw    DEADLINE_MS REQUEST PATH         {}; these bytes as they are, to this method
    begin NAME watch  DEADLINE_MS SERVICE              {}; grpc.health.v1.Health/Watch
    next NAME                                          {"answer": the next status}, or how the watch ended
    cancel NAME                                        {}
    end NAME                                           how it ended
    services, methods SERVICE                          {"answer": [names]}, by server reflection

How a call ended: {"code": gRPC's, "ms": what it took}, and "answer", or "text" and, if there was one, "status": the
google.rpc.Status of grpc-status-details-bin, decoded.
"""
import json
import shlex
import subprocess
import threading


class Session:
    """One client process with one channel."""

    def __init__(self, command, target, log):
        self.errors = open(log, "w+")
        self.process = subprocess.Popen([*shlex.split(command), target], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.errors, text=True, bufsize=1)

    def ask(self, *words, wait_s=60):
        """A client that says nothing for that long is ended, and fails."""
        watchdog = threading.Timer(wait_s, self.process.kill)
        watchdog.start()
        try:
            self.process.stdin.write(" ".join(map(str, words)) + "\n")
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            watchdog.cancel()
        if not line:
            self.process.wait(10)
            self.errors.seek(0)
            raise AssertionError(f"the client ended with {self.process.returncode} at {words}: {self.errors.read()[-2000:]}")
        return json.loads(line)

    def begin(self, name, kind, deadline_ms, *more):
        self.ask("begin", name, kind, deadline_ms, *more)

    def end(self, name):
        return self.ask("end", name)

    def call(self, kind, *more, deadline_ms=20000):
        self.begin("call", kind, deadline_ms, *more)
        return self.end("call")

    def close(self):
        try:
            self.process.stdin.close()
            self.process.wait(10)
        except (subprocess.TimeoutExpired, BrokenPipeError):
            self.process.kill()
        finally:
            self.process.wait()
            self.process.stdout.close()
            self.errors.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()
