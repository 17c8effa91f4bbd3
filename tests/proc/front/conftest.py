"""The real countersign-front with echo_gate as its parent and gate, one per test."""
import os
import queue
import subprocess
import threading

import pytest


class House:
    def __init__(self, folder):
        self.path = os.path.join(folder, "s")
        self.gate = subprocess.Popen(
            [os.environ["CS_ECHO_GATE"], os.environ["CS_FRONT"], self.path],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines = queue.Queue()
        self.log = []
        self.threads = [threading.Thread(target=self._read_out, daemon=True),
                        threading.Thread(target=self._read_err, daemon=True)]
        for t in self.threads:
            t.start()
        assert self.line() == "ready"

    def _read_out(self):
        for line in self.gate.stdout:
            self.lines.put(line.strip())

    def _read_err(self):
        for line in self.gate.stderr:
            self.log.append(line)

    def line(self):
        return self.lines.get(timeout=15)

    def say(self, word):
        """One command to the gate; returns its counters."""
        self.gate.stdin.write(word + "\n")
        self.gate.stdin.flush()
        words = self.line().split()
        assert words[0] == "ok", words
        return {k: int(v) for k, v in (w.split("=") for w in words[1:])}

    def exit_code(self):
        """Waits until the front has ended by itself or by an earlier command."""
        line = self.line()
        assert line.startswith("front exit=") and line.endswith("signal=0"), line + "".join(self.log)
        return int(line.split()[1].split("=")[1])

    def close(self):
        if self.gate.poll() is None:
            self.gate.stdin.close()
            self.gate.wait(timeout=15)
        for t in self.threads:
            t.join(timeout=15)
        bad = [line for line in self.log if not line.startswith("{")]
        assert not bad, "".join(bad)  # a sanitizer's report


@pytest.fixture
def house(tmp_path):
    h = House(str(tmp_path))
    yield h
    h.close()
