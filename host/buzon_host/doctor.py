"""Finds out what keeps a board from its work: one check after the other, up to the first that fails.

The board itself tests the way to the mailbox (`settings.test`) with the settings that it has, staged once
more with "keep the secret": nothing is fetched, deleted or committed, and no password is needed. What fails
there is tried from this PC too, to tell "the board cannot" from "nobody can".
"""

import os
import re
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import cbor2
from pydantic import BaseModel, JsonValue, SecretStr, TypeAdapter, ValidationError

from . import check as from_pc
from . import disclosure
from .board.client import Client, Hello, Status, TestState
from .board.link import Link
from .checks import Check as Check
from .checks import of_error as of_error
from .checks import parted as parted
from .disclosure import Confirm
from .errors import DONE, FAILED, BoardRefused, BuzonError, NoBoard, UsageError
from .provision import ca as certificates
from .provision import steps
from .provision.schema import DEFAULT_PORTS, Account
from .provision.steps import counted, human, stage
from .remedies import REMEDIES
from .standing import of_account, of_board, span

LEAST_MICROPYTHON = (1, 25)
TEST_S = 180.0
"""Seconds within which the board must begin its own test: it waits for a running sync."""
SAID = 200
"""How many of the last lines that the board prints beside its answers are kept."""
_POLL_S = 0.1
_WEAK_DBM = -75
_LOW_FLASH = 16 * 1024
_LOW_HEAP = 8 * 1024
_IDF_BLOCK = 17 * 1024  # what Mbed TLS wants in one piece
# And in all: the least that a handshake has at its peak, with one ECDSA certificate (31.9 KB, measured on ESP32_GENERIC
# 1.25.0). A healthy board has 35 to 38 KB left once Wi-Fi is up. Chains of RSA certificates take 41.6 to 44.4 KB, which
# depends on the server and on what the heap gives back: whether there is enough for one, only its handshake tells.
_IDF_FREE = 33 * 1000
_CLOCK_OFF_S = 300


@dataclass
class Report:
    """Everything that was found. `settings` are as the board returns them, with `true` for each secret;
    `addresses`: all that the board has had meanwhile."""

    port: str
    checks: list[Check] = field(default_factory=list)
    hello: Hello | None = None
    status: Status | None = None
    addresses: set[str] = field(default_factory=set)
    settings: dict[str, Any] | None = None
    log: str = ""
    said: deque[str] = field(default_factory=lambda: deque(maxlen=SAID))
    exit_code: int = DONE

    @property
    def failed(self) -> Check | None:
        return next((check for check in self.checks if check.result == "failed"), None)


Show = Callable[[Check], None]
Say = Callable[[str], None]
Password = Callable[[Account], tuple[str | None, str, str]]
"""The password that may go to an account's server, or else the reason and what to do."""


class _Stop(Exception):
    """A check has failed, and is in the report."""


def examine(
    port: str,
    *,
    account: str | None = None,
    ca: bytes | None = None,
    env: Mapping[str, str] | None = None,
    keyring: bool = True,
    host: str | None = None,
    confirm: Confirm = lambda _: False,
    show: Show = lambda _: None,
    say: Say = lambda _: None,
) -> Report:
    """Examines the board on `port`. `account`: its mailbox only. `ca`: DER, for the comparison from this PC.

    `env`, `keyring`: where to look for a password for that comparison; `host`: the mail server that the
    person has named; `confirm` asks whether a password may go to the server that the board names (see
    `disclosure.py`).

    `show` gets each check when it is done, `say` what is being done. Raises UsageError if there is no such
    account; every other failure is a check in the report.
    """
    report = Report(port)
    environment = os.environ if env is None else env

    def password(one: Account) -> tuple[str | None, str, str]:
        return disclosure.password(one, environment, keyring, host, confirm)

    try:
        with Client(Link(port, on_text=report.said.append)) as client:
            _Examination(client, report, show, say).run(account, ca, password)
    except _Stop:
        pass
    return report


class _Examination:
    """One board, from the cable to the mailbox."""

    def __init__(self, client: Client, report: Report, show: Show, say: Say) -> None:
        self.client = client
        self.report = report
        self._show = show
        self._say = say

    def run(self, account: str | None, ca: bytes | None, password: Password) -> None:
        self._serial()
        try:
            self._versions()
            status = self._status()
            self._memory(status)
            self._notes(status)
            accounts = self._settings(account)
            failed = self._way(accounts)
            self._collect()
        except UsageError:
            raise
        except BoardRefused as error:
            self._add(of_error("request", error.code, str(error)))
            raise _Stop from None
        except BuzonError as error:
            self._stop("serial", error)
        if failed is not None:
            self._add(failed)
            if failed.account:
                tree = next(one for one in accounts if one["id"] == failed.account)
                self._compare(tree, failed, ca, password)
        else:
            self._standing(accounts)

    def _add(self, check: Check) -> None:
        self.report.checks.append(check)
        if check.result == "failed" and self.report.exit_code == DONE:
            self.report.exit_code = FAILED
        self._show(check)

    def _stop(self, name: str, error: BuzonError) -> NoReturn:
        """Ends the examination with an error of the PC tool."""
        self._add(Check(name, "failed", *parted(str(error))))
        self.report.exit_code = error.exit_code
        raise _Stop

    # The board itself

    def _serial(self) -> None:
        self._say("Opening the port")
        try:
            self.client.link.open()
        except NoBoard as error:
            self._stop("serial", error)
        self._add(Check("serial", "ok", f"The port {self.report.port} opens."))
        self._say("Saying hello")
        try:
            info = self.report.hello = self.client.hello()
        except BuzonError as error:
            version = banner(self.report.said)
            if version and too_old(version):
                self._add(old(version))
                raise _Stop from None
            self._stop("hello", error)
        self._add(
            Check("hello", "ok", f"Buzón {info.version} answers on a board {info.board}, id {info.id}.")
        )

    def _versions(self) -> None:
        info = self.client.info
        assert info is not None
        if too_old(info.micropython):
            self._add(old(info.micropython))
            self._collect()
            raise _Stop
        self._add(
            Check("versions", "ok", f"MicroPython {info.micropython}, bytecode version {info.mpy & 0xFF}.")
        )

    def _status(self) -> Status:
        status = self.report.status = self.client.status()
        if status.wifi.ip:
            self.report.addresses.add(status.wifi.ip)
        return status

    def _memory(self, status: Status) -> None:
        info = self.client.info
        assert info is not None
        free, total = (info.flash + [0, 0])[:2]
        if total <= 0:
            self._add(of_error("file system", 601, "The flash failed (it has no file system)."))
            raise _Stop
        room = f"{human(free)} of {human(total)} are free"
        if free < _LOW_FLASH:
            self._add(Check("file system", "warn", f"Only {room}.", REMEDIES[600], 600))
        else:
            self._add(Check("file system", "ok", f"{room}."))
        free, total = (status.heap + [0, 0])[:2]
        text = f"{human(free)} of {human(total)} are free"
        low = free < _LOW_HEAP
        if info.idf and len(info.idf) == 2:
            text += f"; outside it {human(info.idf[0])}, {human(info.idf[1])} of them in one piece"
            low = low or info.idf[0] < _IDF_FREE or info.idf[1] < _IDF_BLOCK
        if low:
            self._add(Check("heap", "warn", f"Little memory: {text}.", REMEDIES[214], 214))
        else:
            self._add(Check("heap", "ok", f"{text}."))

    def _notes(self, status: Status) -> None:
        """Anything worth noting that the board says about its display and its past."""
        for check in of_board(status):
            self._add(check)
        error = status.error
        stands = [one.error.code for one in status.accounts if one.error]  # reported after the way is tested
        if error is not None and error.code // 100 in (6, 8) and error.code not in stands:
            self._add(of_error("last error", error.code, error.message, result="warn"))

    def _standing(self, accounts: list[dict[str, Any]]) -> None:
        """Anything that is wrong although the way to the mailbox works."""
        for tree in accounts:
            if self.report.status is not None:
                for check in of_account(tree, self.report.status):
                    self._add(check)

    def _settings(self, account: str | None) -> list[dict[str, Any]]:
        """The accounts to test; their settings are staged again."""
        assert self.client.info is not None
        if not self.client.info.configured:
            self._add(
                Check("settings", "failed", "The board has no settings.", "Run `buzon provision`.", code=106)
            )
            self._collect()
            raise _Stop
        tree = self.report.settings = _understood(self.client.settings())
        accounts = [one for one in tree["account"] if account in (None, one["id"])]
        if not accounts:
            names = ", ".join(one["id"] for one in tree["account"])
            raise UsageError(f"There is no account {account} on the board: it has {names}.")
        self._say("Staging the settings that it has")
        try:
            stage(self.client, cbor2.dumps({**tree, "account": accounts}))
        except BoardRefused as error:
            self._add(of_error("settings", error.code, str(error)))
            self._collect()
            raise _Stop from None
        self._add(
            Check("settings", "ok", f"{_number(len(tree['account']), 'account')}, each with a password.")
        )
        return accounts

    def _collect(self) -> None:
        """The rest of the report; a board that has gone meanwhile adds nothing more."""
        try:
            self._status()
            self.report.log = self.client.log()
        except BuzonError:
            pass

    # The way to the mailbox

    def _way(self, accounts: list[dict[str, Any]]) -> Check | None:
        """Runs the board's own test, shows each passed step, and returns the check that failed, or None."""
        line = [("Wi-Fi", ""), ("clock", "")]
        line += [(name, one["id"]) for one in accounts for name in _STAGES]
        trees = {one["id"]: one for one in accounts}
        shown = 0
        step: tuple[str | None, str | None] | None = None
        while True:
            state = self.client.test()
            if step != (state.account, state.step):
                step = (state.account, state.step)
                most = steps.TEST_S if state.step else TEST_S
                deadline = time.monotonic() + most
            at, certain = _at(state, line, trees)
            for name, id in line[shown:certain]:
                self._add(self._passed(name, trees.get(id), state))
            shown = max(shown, certain)
            if state.state in ("ok", "failed"):
                self.client.discard()
                return None if state.state == "ok" else _failure(line[at], state)
            if time.monotonic() > deadline:
                # The staged settings are gone at the board's next start.
                text = f"The board's test got no further for {most:.0f} s."
                remedy = (
                    "It may be collecting much mail: look at `buzon status`, and try again when it is done."
                )
                return Check(line[at][0], "failed", text, remedy, 205)
            name, id = line[at]
            self._say(
                f"The board tests: {name}{f' ({id})' if id else ''}" if state.step else "The board is busy"
            )
            time.sleep(_POLL_S)

    def _passed(self, name: str, tree: dict[str, Any] | None, state: TestState) -> Check:
        if tree is None:
            status = self._status()
            return _wifi(status) if name == "Wi-Fi" else _clock(status, int(time.time()))
        id, tls = tree["id"], tree.get("tls", "implicit")
        port = tree.get("port", DEFAULT_PORTS.get(tls, 995))
        if name == "TLS" and (tls == "none" or not tree.get("tls_verify", True)):
            what = "There is no TLS" if tls == "none" else "The server's certificate is not verified"
            remedy = "Anybody in the network can read and forge this mail: use TLS, with `tls_verify = true`."
            return Check(name, "warn", f"{what}.", remedy, account=id)
        found = next((one for one in state.accounts if one.id == id), None)
        texts = {
            "DNS": f"{tree.get('host')} is known.",
            "TCP": f"Port {port} answers.",
            "TLS": "The certificate is the right one.",
            "capabilities": "The server speaks POP3.",
            "login": "The server takes user and password.",
            "mailbox": f"{counted(found.messages)}, {human(found.bytes)}." if found else "It opens.",
        }
        return Check(name, "ok", texts[name], account=id)

    def _compare(
        self,
        tree: dict[str, Any],
        failed: Check,
        ca: bytes | None,
        find_password: Password,
    ) -> None:
        """The same from this PC; with the login only if a password may go to the server the board names."""
        if failed.code == _PIN:
            return  # this PC does not know what is pinned
        self._say("Trying the same from this PC")
        plain = {name: tree[name] for name in _FOR_PC if name in tree}
        try:
            account = Account.model_validate(plain)
        except ValidationError:
            return
        password = None
        if failed.name in ("capabilities", "login", "mailbox") and "oauth" not in tree:
            password, why, remedy = find_password(account)
            if why:
                self._add(Check("this PC", "warn", why, remedy, account=account.id))
        how = "The same works from this PC"
        try:
            if password is not None:
                account = account.model_copy(update={"password": SecretStr(password)})
                from_pc.check(account, ca=ca)
            elif failed.name == "login":
                return  # without the password there is nothing to learn
            else:
                from_pc.reach(account, ca=ca)
        except BuzonError as error:
            text, remedy = parted(str(error))
            if isinstance(error, certificates.UnknownCa) and failed.code not in _UNKNOWN_CA:
                text = "This PC knows no CA that vouches for the server, so the two were not compared."
                self._add(
                    Check("this PC", "warn", text, "Give the server's CA with --ca FILE.", 211, account.id)
                )
                return
            self._add(
                Check(
                    "this PC",
                    "warn",
                    f"It does not work from this PC either: {text}",
                    remedy,
                    account=account.id,
                )
            )
            return
        remedy = "So the server is well: look at the board's network, clock and settings."
        self._add(Check("this PC", "ok", f"{how}.", remedy, account=account.id))


def _understood(data: bytes) -> dict[str, Any]:
    """Settings, checked as far as they are used here. Raises BuzonError, as anything may be behind a port."""
    try:
        tree: dict[str, Any] = _TREE.validate_python(cbor2.loads(data))
        _ACCOUNTS.validate_python(tree["account"])
    except (cbor2.CBORDecodeError, KeyError, ValidationError):
        raise BuzonError(
            "The board's settings were not understood: update board and PC to the same version."
        ) from None
    return tree


class _Told(BaseModel):
    """The part of an account that is used here without the schema."""

    id: str
    tls: str = "implicit"


_TREE = TypeAdapter(dict[str, JsonValue])
_ACCOUNTS = TypeAdapter(list[_Told])
_STAGES = ("DNS", "TCP", "TLS", "capabilities", "login", "mailbox")
_FOR_PC = ("id", "protocol", "host", "port", "tls", "tls_verify", "user", "auth")
_BEFORE_OPEN = (207, 213)  # found before a connection is tried
_OF_TLS = (207, 208, 209, 210, 211, 212, 213, 214, 215, 217, 218, 219, 220, 221, 222, 402)
_PIN = 218
_UNKNOWN_CA = (208, 211, 217, 222)
_OF_LOGIN = (403, 501, 502, 503, 504, 505, 506)
_BY_LINK = {"DNS": "DNS", "connect": "TCP", "TLS": "TLS", "reply": "capabilities"}


def _at(state: TestState, line: list[tuple[str, str]], trees: dict[str, dict[str, Any]]) -> tuple[int, int]:
    """(the index in `line` of the step that the test is in, how many steps it has certainly passed)."""
    if state.state == "ok":
        return len(line) - 1, len(line)
    if state.step in ("", "wifi", None):
        return 0, 0
    if state.step == "clock":
        return 1, 1
    id = state.account or ""
    code = state.error.code if state.error else 0
    starttls = trees.get(id, {}).get("tls") == "starttls"
    name = _BY_LINK.get(state.link, "DNS")
    if state.step == "connect" and name == "capabilities" and not code:
        name = "DNS"  # the link's state is still that of the connection before
    if code == 203:
        name = "DNS"
    elif code == 204:
        name = "TCP"
    elif code in _OF_TLS:
        name = "TLS"
    elif code in _OF_LOGIN:
        name = "login"
    elif starttls and not code and name == "capabilities":
        name = "TLS"  # it comes after the greeting
    at = line.index((name, id)) if (name, id) in line else 2
    if code in _BEFORE_OPEN or (starttls and name == "capabilities"):
        return at, line.index(("DNS", id)) + (2 if starttls and code not in _BEFORE_OPEN else 0)
    return at, at


def _failure(where: tuple[str, str], state: TestState) -> Check:
    if state.error is None:
        return Check(where[0], "failed", "The board's test failed.", "Look at `buzon log`.", account=where[1])
    return of_error(where[0], state.error.code, state.error.message, account=where[1])


def _wifi(status: Status) -> Check:
    wifi = status.wifi
    text = f'In "{wifi.ssid}"' if wifi.ssid else "In a network"
    if wifi.ip:
        text += f", address {wifi.ip}"
    if wifi.rssi is None:
        return Check("Wi-Fi", "ok", f"{text}.")
    text += f", signal {wifi.rssi} dBm"
    if wifi.rssi < _WEAK_DBM:
        return Check("Wi-Fi", "warn", f"{text}, which is weak.", REMEDIES[200], 200)
    return Check("Wi-Fi", "ok", f"{text}.")


def _clock(status: Status, now: int) -> Check:
    if status.epoch is None:
        text = "No time server has answered, and no PC has set the clock, since the board started."
        return Check("clock", "warn", text, REMEDIES[216], 216)
    off = abs(status.epoch - now)
    if off > _CLOCK_OFF_S:
        text = f"The clocks of the board and of this PC are {span(off)} apart."
        return Check(
            "clock", "warn", text, "Set this PC's clock if it is wrong, or run `buzon provision`.", 207
        )
    return Check("clock", "ok", "It agrees with this PC's.")


def _number(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def banner(said: Sequence[str]) -> str:
    """The MicroPython version that a board's prompt has shown, or an empty text."""
    for line in reversed(said):
        found = re.search(r"MicroPython v(\d+\.\d+(?:\.\d+)?)", line)
        if found:
            return found[1]
    return ""


def too_old(version: str) -> bool:
    """Whether Buzón does not run on this version; False if it is not a version."""
    found = re.match(r"(\d+)\.(\d+)", version)
    return found is not None and (int(found[1]), int(found[2])) < LEAST_MICROPYTHON


def old(version: str) -> Check:
    least = ".".join(str(part) for part in LEAST_MICROPYTHON)
    return Check(
        "versions",
        "failed",
        f"MicroPython {version} is on the board, and Buzón needs {least} or newer.",
        f"Put MicroPython {least} or newer on it (micropython.org/download), then Buzón again.",
    )
