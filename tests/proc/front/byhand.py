"""HTTP/2 frames by hand, for what no well-behaved client sends."""
import socket
import struct

import hpack

ECHO = "/countersign.v1.SigningService/SignCertificate"
DATA, HEADERS, RST, SETTINGS, PING, GOAWAY, CONTINUATION = 0, 1, 3, 4, 6, 7, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4
NO_ERROR, PROTOCOL_ERROR, ENHANCE_YOUR_CALM = 0, 1, 11

GOOD = [(":method", "POST"), (":scheme", "http"), (":path", ECHO), (":authority", "localhost"),
        ("te", "trailers"), ("content-type", "application/grpc"), ("user-agent", "by hand")]


def changed(**kw):
    """GOOD with fields replaced ("-" stands for ":" as a first letter, None removes) or added."""
    fields = list(GOOD)
    for name, value in kw.items():
        name = name.replace("_", "-").replace("p-", ":", 1) if name.startswith("p_") else name.replace("_", "-")
        at = [i for i, f in enumerate(fields) if f[0] == name]
        if value is None:
            del fields[at[0]]
        elif at:
            fields[at[0]] = (name, value)
        else:
            fields.append((name, value))
    return fields


def message(body, flag=0):
    return struct.pack(">BI", flag, len(body)) + body


class Wire:
    def __init__(self, path):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.connect(path)  # waits while the queue is full
        self.s.settimeout(10)
        self.enc, self.dec = hpack.Encoder(), hpack.Decoder()
        self.buf = b""
        self.s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + self.raw(SETTINGS, 0, 0, b""))

    @staticmethod
    def raw(kind, flags, stream, body):
        return struct.pack(">I", len(body))[1:] + struct.pack(">BBI", kind, flags, stream) + body

    def send(self, kind, flags, stream, body=b""):
        self.s.sendall(self.raw(kind, flags, stream, body))

    def head(self, fields, stream=1, flags=0):
        self.send(HEADERS, END_HEADERS | flags, stream, self.enc.encode(fields, huffman=False))

    def frame(self):
        """The next frame (kind, flags, stream, body), or None at the end of the connection."""
        while True:
            if len(self.buf) >= 9:
                n = int.from_bytes(self.buf[:3], "big")
                if len(self.buf) >= 9 + n:
                    kind, flags, stream = struct.unpack(">BBI", self.buf[3:9])
                    body, self.buf = self.buf[9:9 + n], self.buf[9 + n:]
                    return kind, flags, stream, body
            try:
                more = self.s.recv(65536)
            except ConnectionResetError:
                more = b""
            if not more:
                return None
            self.buf += more

    def answer(self, stream=1):
        """All that comes for a stream until it ends: (fields, data, error code of RST or None)."""
        fields, data, ended = [], b"", False
        while True:
            f = self.frame()
            assert f is not None, "connection closed"
            kind, flags, sid, body = f
            if kind == HEADERS:
                block = self.dec.decode(body)
                if sid == stream:
                    fields += block
            if sid != stream:
                continue
            if kind == DATA:
                data += body
            if kind == RST:
                return dict(fields), data, int.from_bytes(body, "big")
            ended = ended or (kind in (DATA, HEADERS) and flags & END_STREAM)
            if ended:
                # whether a reset follows is seen with a PING behind it
                self.send(PING, 0, 0, b"fence  1")
                code = None
                while True:
                    kind, flags, sid, body = self.frame()
                    if kind == RST and sid == stream:
                        code = int.from_bytes(body, "big")
                    if kind == PING and flags & ACK:
                        return dict(fields), data, code

    def closed(self):
        """Reads to the end; returns the last GOAWAY's (error code, debug data), or None."""
        last = None
        while True:
            f = self.frame()
            if f is None:
                return last
            if f[0] == GOAWAY:
                last = int.from_bytes(f[3][4:8], "big"), f[3][8:]


def still_serves(wire, stream=9):
    wire.head(GOOD, stream)
    wire.send(DATA, END_STREAM, stream, message(b"fine"))
    fields, data, rst = wire.answer(stream)
    assert fields["grpc-status"] == "0" and data == message(b"fine") and rst is None
