"""A board's side of docs/PROTOCOL.md over a pty, written apart from the PC tool: what the tests talk to.

It checks every byte that arrives (length, base64, CRC, CBOR, session, rising ids) and can misbehave on
demand.
"""

import base64
import os
import threading
import time
import tty
import zlib

import cbor2

BOOT_NOISE = (
    b"\x00\xff\xfeets Jun  8 2016 00:22:57\r\n\r\nrst:0x1 (POWERON_RESET)\r\n@not a frame\r\n@AAAA\r\n"
)


def pack(message) -> bytes:
    body = cbor2.dumps(message)
    return b"@" + base64.b64encode(body + zlib.crc32(body).to_bytes(4, "big")) + b"\n"


class Peer:
    """`faults`: what to do with the next requests, one each: drop, lose, damage, cut, twice, reset, noise,
    or a function that gets the peer. `repl`: it stands at the prompt until Ctrl-D; `stuck`: for ever."""

    def __init__(self, *, faults=(), repl=False, stuck=False, silent=False, boot_s=0.0) -> None:
        self.master, slave = os.openpty()
        tty.setraw(slave)
        tty.setraw(self.master)
        self.port = os.ttyname(slave)
        self._slave = slave
        self.faults = list(faults)
        self.repl, self.stuck, self.silent = repl, stuck, silent
        self.ready_at = time.monotonic() + boot_s if boot_s else 0.0
        self.session = None
        self.last_id = 0
        self.last_answer = b""
        self.done: list[str] = []
        self.requests: list[dict] = []
        self.wrong: list[str] = []
        self.received = bytearray()
        self.staged = None
        self.upload = bytearray()
        self.settings = None
        self.files: dict[str, bytes] = {}
        self.mail = {"main": {}}
        self.seen: set[str] = set()
        self.times: dict[str, int] = {}
        self.parts: dict[str, int] = {}  # ids of which only the header is there, and their octets
        self.lies: dict[str, dict] = {}  # what mail.list says of a message instead
        self.clock = None
        self.tests: list[dict] = [
            {"state": "ok", "step": "login", "account": "", "error": None, "accounts": []}
        ]
        self.log = "café\nsecond line\n".encode()
        self.statuses: list[dict] = []
        self.pixels = bytes(range(256)) * 4
        self.refuse: dict[str, list] = {}
        self._closing = False
        self._thread = threading.Thread(target=self._guarded, daemon=True)

    def __enter__(self) -> "Peer":
        if self.repl:
            self.say(b"MicroPython v1.28 on something\r\n>>> ")
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.close()
        assert self.wrong == []

    def close(self) -> None:
        self._closing = True
        self._thread.join(5)
        for number in (self._slave, self.master):
            try:
                os.close(number)
            except OSError:
                pass

    def unplug(self) -> None:
        self._closing = True
        os.close(self._slave)
        os.close(self.master)

    def say(self, data: bytes) -> None:
        os.write(self.master, data)

    def _guarded(self) -> None:
        try:
            self._serve()
        except Exception as error:
            self.wrong.append(f"the peer itself failed: {error!r}")

    def _serve(self) -> None:
        import select

        line = bytearray()
        while not self._closing:
            try:
                if not select.select([self.master], [], [], 0.02)[0]:
                    continue
                data = os.read(self.master, 4096)
            except (OSError, ValueError):
                return
            self.received += data
            if self.silent:
                continue
            if self.ready_at:
                if time.monotonic() < self.ready_at:
                    continue
                self.ready_at = 0.0
                self.say(BOOT_NOISE)
            if self.repl:
                self._prompt(data)
                continue
            for byte in data:
                if byte != 10:
                    line.append(byte)
                    continue
                if line:
                    if len(line) + 1 > 240:
                        self.wrong.append(f"a line of {len(line) + 1} bytes")
                    self._line(bytes(line))
                line.clear()

    def _prompt(self, data: bytes) -> None:
        for byte in data:
            if byte == 3:
                self.say(b"\r\nKeyboardInterrupt\r\n>>> ")
            elif byte == 4:
                self.say(b"\r\nMPY: soft reboot\r\n")
                if self.stuck:
                    self.say(b"Traceback (most recent call last):\r\nImportError: no module\r\n>>> ")
                else:
                    self.repl = False
                    self.say(BOOT_NOISE)
                return
            elif byte not in (10, 13):
                self.say(bytes([byte]))

    def _line(self, line: bytes) -> None:
        try:
            raw = base64.b64decode(line[1:], validate=True)
            assert line[:1] == b"@"
            assert zlib.crc32(raw[:-4]).to_bytes(4, "big") == raw[-4:]
            request = cbor2.loads(raw[:-4])
        except Exception:
            return  # a board drops what is damaged without a word
        fault = self.faults.pop(0) if self.faults else ""
        if callable(fault):
            fault = fault(self) or ""
        if fault == "drop":
            return
        if fault == "reset":
            self.session = None
            self.staged, self.upload = None, bytearray()
            self.say(b"half a li" + BOOT_NOISE)
        answer = self._answer(request)
        if fault == "damage":
            answer = answer.replace(answer[10:11], b"A" if answer[10:11] != b"A" else b"B", 1)
        if fault == "cut":
            answer = answer[: len(answer) // 2] + b"\n"
        if fault == "noise":
            forged = pack({0: request[0], 3: {"forged": True}})
            answer = b"From: " + forged + b"\x1b[2J>>> text\r\n" + answer + b"tail without an end"
            answer = answer.replace(b"tail", b"\ntail")
        if fault == "event":
            answer = pack({5: "mail", 6: {"new": 1}}) + pack({0: request[0] - 1, 3: {"old": True}}) + answer
        if fault == "twice":
            answer *= 2
        if fault != "lose":
            self.say(b"\n" + answer)

    def _answer(self, request: dict) -> bytes:
        id, method, params, session = request[0], request[1], request[2], request[7]
        self.requests.append(request)
        if not 1 <= id < 1 << 31 or not 0 <= session < 1 << 31:
            self.wrong.append(f"id {id}, session {session}")
        if method == "hello" and session != self.session:
            self.session, self.last_id, self.last_answer = session, 0, b""
        if session != self.session:
            return pack({0: id, 4: [703, "The board was restarted.", ""]})
        if id == self.last_id:
            return self.last_answer
        if id < self.last_id:
            self.wrong.append(f"id {id} after {self.last_id}")
        self.done.append(method)
        if method in self.refuse:
            answer = pack({0: id, 4: self.refuse[method]})
        else:
            try:
                answer = pack({0: id, 3: self._do(method, params)})
            except Refused as error:
                answer = pack({0: id, 4: [*error.args, ""]})
        if len(answer) > 2048:
            self.wrong.append("the peer's own answer is too long")
        self.last_id, self.last_answer = id, answer
        return answer

    def _do(self, method: str, params: dict):
        if method == "hello":
            return {
                "protocol": 1,
                "version": "0.1.0",
                "board": "peer",
                "id": "00ff",
                "mpy": 6,
                "micropython": "1.28.0",
                "heap": [100, 200],
                "flash": [1800000, 2000000],
                "caps": ["pop3"],
                "configured": self.settings is not None,
                "locked": False,
            }
        if method in ("settings.stage", "file.put"):
            if params["off"] == 0:
                self.upload = bytearray()
            if params["off"] != len(self.upload):
                raise Refused(702, "The request was wrong (off).")
            self.upload += params["data"]
            if params["end"] and method == "file.put":
                self.files[params["path"]] = bytes(self.upload)
            elif params["end"]:
                self.staged = cbor2.loads(bytes(self.upload))
                self.tested = False
            return {"have": len(self.upload)}
        if method == "settings.test":
            if self.staged is None:
                raise Refused(106, "There are no new settings.")
            state = self.tests.pop(0) if len(self.tests) > 1 else self.tests[0]
            self.tested = state["state"] == "ok"
            return state
        if method == "settings.commit":
            if self.staged is None:
                raise Refused(106, "There are no new settings.")
            if not self.tested and not params.get("untested"):
                raise Refused(107, "Not tested.")
            self.settings, self.staged = self.staged, None
            return {"saved": True}
        if method == "settings.discard":
            if self.staged is None:
                raise Refused(106, "There are no new settings.")
            self.staged = None
            return {"discarded": True}
        if method == "settings.get":
            return self._chunk(cbor2.dumps(self.settings), params)
        if method == "time.set":
            self.clock = params["epoch"]
            return {"epoch": self.clock}
        if method == "wifi.scan":
            return {"networks": [["Home", -50, True]]}
        if method == "status":
            if self.statuses:
                return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
            return {"flash": [1800000, 2000000], "accounts": [{"id": "main"}]}
        if method == "mail.list":
            box = list(self.mail[params["account"]].items())[::-1]
            if "after" in params:
                at = [id for id, _ in box].index(params["after"]) + 1
                box = box[at:]
            total = len(self.mail[params["account"]])
            look = box[: params["n"]]
            items = [self._item(id, m, params.get("brief")) for id, m in look if self._matches(m, params)]
            return {
                "total": total,
                "items": items,
                "next": look[-1][0] if len(look) < len(box) else None,
            }
        if method == "mail.read":
            message = self.mail[params["account"]].get(params["id"])
            named = {"size": len(message), "crc": zlib.crc32(message)} if message is not None else {}
            if message is None or any(params.get(key, told) != told for key, told in named.items()):
                raise Refused(602, "There is no message.")
            part = self._chunk(message, params)
            if part["end"] and not params.get("peek"):
                self.seen.add(params["id"])
            return {**part, "size": len(message)}
        if method == "mail.flag":
            if params["id"] not in self.mail[params["account"]]:
                raise Refused(602, "There is no message.")
            (self.seen.add if params["seen"] else self.seen.discard)(params["id"])
            return {"seen": params["seen"]}
        if method == "mail.delete":
            message = self.mail[params["account"]].get(params["id"])
            named = {"size": len(message), "crc": zlib.crc32(message)} if message is not None else {}
            if message is None or any(params.get(key, told) != told for key, told in named.items()):
                raise Refused(602, "There is no message.")
            del self.mail[params["account"]][params["id"]]
            return {"deleted": True}
        if method == "log":
            return self._chunk(self.log, params)
        if method == "screen":
            head = {"w": 128, "h": 64, "format": "mono_vlsb", "page": "alert"} if not params["off"] else {}
            return {**self._chunk(self.pixels, params), **head}
        if method == "sync":
            return {"started": True}
        if method == "reboot":
            return {"rebooting": True}
        if method == "wipe":
            return {"wiped": params["what"]}
        if method == "repl":
            return {"leaving": True}
        raise Refused(701, "This board does not know the request.")

    def _item(self, id: str, message: bytes, brief: bool):
        item = {
            "id": id,
            "size": len(message),
            "crc": zlib.crc32(message),
            "time": self.times.get(id, 0),
            "seen": id in self.seen,
        }
        if id in self.parts:
            item |= {"part": True, "octets": self.parts[id]}
        fields = {} if brief else {"from": "A <a@b>", "subject": "s", "date": ""}
        return {**item, **fields, **self.lies.get(id, {})}

    @staticmethod
    def _matches(message: bytes, params: dict) -> bool:
        head = message.split(b"\r\n\r\n")[0].decode("utf-8", "replace").lower()
        sender, subject = (
            "".join(line for line in head.split("\r\n") if line.startswith(name))
            for name in ("from:", "subject:")
        )
        text = params.get("text", "").lower()
        return (
            params.get("from", "").lower() in sender
            and params.get("subject", "").lower() in subject
            and (text in sender or text in subject)
        )

    @staticmethod
    def _chunk(data: bytes, params: dict):
        part = data[params["off"] : params["off"] + 1024]
        return {"off": params["off"], "data": part, "end": params["off"] + len(part) == len(data)}


class Refused(Exception):
    pass


def test_the_peer_counts_what_breaks_the_protocol() -> None:
    peer = Peer()
    with peer:
        fd = os.open(peer.port, os.O_RDWR | os.O_NOCTTY)
        os.write(fd, b"@" + b"A" * 240 + b"\n")
        deadline = time.monotonic() + 5
        while not peer.wrong and time.monotonic() < deadline:
            time.sleep(0.01)
        os.close(fd)
        assert peer.wrong == ["a line of 242 bytes"]
        peer.wrong.clear()
