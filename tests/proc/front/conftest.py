"""The real countersign-front with echo_gate as its parent and gate, one per test."""
import os
import queue
import subprocess
import threading
import time

import pytest


class House:
    def __init__(self, folder, front="CS_FRONT", material=None, **env):
        self.path = os.path.join(folder, "s")
        self.gate = subprocess.Popen(
            [os.environ["CS_ECHO_GATE"], os.environ[front], self.path, *([material] if material else [])], env={**os.environ, **env},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines = queue.Queue()
        self.log = []
        self.threads = [threading.Thread(target=self._read_out, daemon=True),
                        threading.Thread(target=self._read_err, daemon=True)]
        for t in self.threads:
            t.start()
        first = self.line()
        self.ready = first == "ready"
        if not self.ready:
            self.lines.put(first)  # the front ended before it served

    def _read_out(self):
        for line in self.gate.stdout:
            self.lines.put(line.strip())

    def _read_err(self):
        for line in self.gate.stderr:
            self.log.append(line)

    def front_pid(self):
        with open("/proc/%d/task/%d/children" % (self.gate.pid, self.gate.pid)) as f:
            return int(f.read().split()[0])

    def line(self):
        return self.lines.get(timeout=15)

    def say(self, word):
        """One command to the gate; returns its counters."""
        self.gate.stdin.write(word + "\n")
        self.gate.stdin.flush()
        words = self.line().split()
        assert words[0] == "ok", words
        return {k: int(v) for k, v in (w.split("=") for w in words[1:])}

    def logged(self, text):
        """Whether a text appears on standard error within a second."""
        for _ in range(100):
            if text in "".join(self.log):
                return True
            time.sleep(0.01)
        return False

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
    assert h.ready, "".join(h.log)
    yield h
    h.close()
