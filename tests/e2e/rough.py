"""A countersign whose HSM and processes can be treated badly at exact moments."""
import os
import pathlib
import signal
import time

import audit
import house as h

CKR_DEVICE_ERROR, CKR_DEVICE_REMOVED, CKR_GENERAL_ERROR = 0x30, 0x32, 0x5


def wait_for(condition, what, wait_s=20):
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.005)
    raise AssertionError(f"waited {wait_s} s for {what}")


def is_running(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


class RoughHouse(h.House):
    """A house on the mock PKCS#11 module (tests/proc/hsm/mock_p11.c)."""

    def __init__(self, **args):
        super().__init__(**{"module": os.environ["COUNTERSIGN_MOCK_P11"], **args})
        self.held = self.rules.with_name("rules.held")
        self.set_rules()
        self.certificates = []  # everything that a client ever received

    def set_rules(self, *lines):
        """In one step: the module reads the file at every call."""
        fresh = self.rules.with_name("rules.new")
        fresh.write_text("".join(line + "\n" for line in lines))
        fresh.rename(self.rules)

    def hold(self, when):
        """The next C_Sign waits before or after the key is used; see wait_held and set_rules."""
        self.held.unlink(missing_ok=True)
        self.set_rules(f"C_Sign 1 1 hold-{when}")

    def wait_held(self):
        wait_for(self.held.exists, "a signature to be held")

    def start(self, wait_s=60):
        self.socket.unlink(missing_ok=True)
        super().start(wait_s)
        self.family = {"parent": [self.process.pid], **self.children()}
        return self

    def pids(self, name):
        return self.family[name if name == "parent" else f"countersign-{name}"]

    def signer_of(self, n):
        """Process id of signer n: they are started in order."""
        return sorted(self.pids("signer"))[n]

    def wait_ended(self, wait_s=40):
        """Until no process of the last start is left; returns the parent's exit code."""
        code = self.process.wait(wait_s)
        everyone = [pid for pids in self.family.values() for pid in pids]
        wait_for(lambda: not any(map(is_running, everyone)), "the children to end", wait_s)
        return code

    def close(self):
        try:
            for pids in getattr(self, "family", {}).values():
                for pid in pids:
                    if is_running(pid):
                        os.kill(pid, signal.SIGCONT)
            self.set_rules()
        finally:
            super().close()

    # -- requests that are asked again --------------------------------------------------------

    def request(self, name, issuer="ec"):
        tbs = self.tbs([name], issuer)
        return h.signing_service_pb2.SignCertificateRequest(
            request_id=h.secrets.token_bytes(16), issuer=issuer.encode(), tbs_certificate=tbs,
            evidence=self.complete(tbs))

    def future(self, channel, request, timeout=60):
        return channel.unary_unary(
            "/countersign.v1.SigningService/SignCertificate",
            request_serializer=h.signing_service_pb2.SignCertificateRequest.SerializeToString,
            response_deserializer=h.signing_service_pb2.SignCertificateResponse.FromString).future(request, timeout=timeout)

    def take(self, future):
        """(status, answer or None) of a call; what was received is remembered."""
        code = future.code()
        if code != h.grpc.StatusCode.OK:
            return code, None
        answer = future.result()
        self.certificates.append(answer.certificate)
        return code, answer

    def ask_again(self, request):
        """The same request once more, after a restart: what the books said before is what comes."""
        recorded = [(seq, result) for seq, result in audit.Books(self).of_request(request.request_id)
                    if result != audit.NOT_SIGNED]
        with self.channel() as channel:
            code, answer = self.take(self.future(channel, request))
        if not recorded:
            assert code == h.grpc.StatusCode.OK and not answer.replayed, code
            return None
        (seq, result), = recorded
        if result == audit.SIGNED:
            assert code == h.grpc.StatusCode.OK and answer.replayed and answer.ledger_entry == seq, code
        else:
            assert result == audit.UNKNOWN and code == h.grpc.StatusCode.DATA_LOSS, (result, code)
        return result

    def audit(self):
        return audit.audit(self, self.certificates)
