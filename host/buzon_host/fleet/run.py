"""Provisions the boards of a table, all at once: a thread for each port runs `provision.steps.provision`.

A board is known by its unique id, whatever port it is on. A board that was done before is checked and left
alone. When a person stops the run, each board goes back to the settings that it had.
"""

import random
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import cbor2

from ..board.client import Client, TestState
from ..errors import BoardRefused, BuzonError, NoBoard
from ..provision import ca as certificates
from ..provision.schema import Account, Settings, to_cbor
from ..provision.steps import provision
from .results import DONE, Line
from .table import Row

_LOOK_S = 0.2
_STOP_S = 15.0
_IN_USE = 503
_IN_USE_TRIES = 5
_SECRETS = ("password", "oauth")


@dataclass(frozen=True)
class Options:
    """`ca`: DER of the CA of all accounts; None: the public one is looked up. `yes`: mail may be deleted from
    the servers. `again`: also boards that are done. `named`: the ports were named, so each must have a
    board."""

    ca: bytes | None = None
    yes: bool = False
    again: bool = False
    named: bool = False


Changed = Callable[[list[Line]], None]


class _Stopped(BuzonError):
    """A person wants to end the run."""


def run(
    rows: Sequence[Row],
    ports: Iterable[str],
    options: Options,
    *,
    before: dict[str, Line] | None = None,
    changed: Changed = lambda _: None,
) -> list[Line]:
    """Provisions every board of `rows` that is on one of `ports`; returns the lines of all rows in the
    table's order, then those of ports without a board of the table.

    `before`: the lines of an earlier run. `changed` gets all lines five times a second, in the caller's
    thread. On Ctrl-C the boards keep their old settings, `changed` gets the lines once more, and
    KeyboardInterrupt propagates.
    """
    fleet = _Fleet(rows, list(ports), options, before or {})
    try:
        fleet.start()
        while fleet.works():
            changed(fleet.lines())
            time.sleep(_LOOK_S)
    finally:
        fleet.stop()
        changed(fleet.lines())
    return fleet.lines()


def failed(line: Line, options: Options) -> bool:
    """Whether a final line means that something is not as it should be."""
    return line.result not in DONE and (line.result != "silent" or options.named)


class _Client(Client):
    """A client that gives up a test of settings when a person wants to end the run."""

    stopping: threading.Event | None = None

    def test(self) -> TestState:
        if self.stopping is not None and self.stopping.is_set():
            raise _Stopped("It was stopped.")
        return super().test()


class _Fleet:
    def __init__(
        self, rows: Sequence[Row], ports: list[str], options: Options, before: dict[str, Line]
    ) -> None:
        self._rows = {row.id: row for row in rows}
        self._options = options
        self._before = before
        self._lock = threading.Lock()
        self._ports = {port: Line(port=port, text="Looking for a board") for port in ports}
        self._claimed: dict[str, str] = {}  # board -> port
        self._stopping = threading.Event()
        self._roots: dict[tuple[str, int, str], bytes] = {}
        self._root_lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._work, args=(port,), name=f"board on {port}", daemon=True)
            for port in ports
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def works(self) -> bool:
        return any(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        """Ends what is still running; each board is told to drop what it was sent."""
        self._stopping.set()
        end = time.monotonic() + _STOP_S
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, end - time.monotonic()))
        with self._lock:
            for port, line in self._ports.items():
                if not line.result:
                    self._ports[port] = replace(line, result="stopped", text="It was stopped.")

    def lines(self) -> list[Line]:
        """All lines as they are now: first those of the table, in its order, then the others."""
        with self._lock:
            at = {line.id: line for line in self._ports.values() if line.row}
            found = [at.get(row.id) or self._absent(row) for row in self._rows.values()]
            return [replace(line) for line in (*found, *(one for one in self._ports.values() if not one.row))]

    def _absent(self, row: Row) -> Line:
        was = self._before.get(row.id)
        if was is not None and was.result in DONE:
            seen = "Not seen in this run" if self._stopping.is_set() else "Not seen yet"
            text = f"{seen}; it was {_done(was)}."
            return replace(was, name=row.name, port="", result="earlier", text=text, row=row.number)
        if not self._stopping.is_set():
            return Line(row.id, row.name, text="Not seen yet", row=row.number)
        text = "It is not connected: plug it in, and run this again."
        return Line(row.id, row.name, result="absent", text=text, row=row.number)

    def _say(self, port: str, **changes: Any) -> None:
        with self._lock:
            self._ports[port] = replace(self._ports[port], **changes)

    # In the threads

    def _work(self, port: str) -> None:
        row: Row | None = None
        try:
            with _Client.connect(port) as client:
                client.stopping = self._stopping
                row = self._row(client, port)
                if row is not None:
                    self._board(client, row, port)
        except _Stopped:
            self._end(port, row, "stopped", 0, "It was stopped.")
        except NoBoard as error:
            self._end(port, row, "failed" if row else "silent", 0, str(error))
        except BoardRefused as error:
            self._end(port, row, "failed", error.code, str(error))
        except BuzonError as error:
            self._end(port, row, "failed", 0, str(error))
        except Exception as error:
            # Not its text, which may hold anything.
            self._end(port, row, "failed", 0, f"Something unexpected happened ({type(error).__name__}).")

    def _row(self, client: Client, port: str) -> Row | None:
        """The row of the board on this port, which no other port can then claim; None if there is none."""
        assert client.info is not None
        id = client.info.id.lower()
        row = self._rows.get(id)
        if row is None:
            self._say(port, id=id, name=client.info.board)
            self._end(port, None, "unknown", 0, "This board is not in the table: add a row with its id.")
            return None
        with self._lock:
            other = self._claimed.setdefault(id, port)
        if other != port:
            self._say(port, name=row.name)
            self._end(
                port, None, "unknown", 0, f"A board with the id of the one on {other}: unplug one of them."
            )
            return None
        self._say(port, id=id, name=row.name, row=row.number, text="Connected")
        return row

    def _board(self, client: Client, row: Row, port: str) -> None:
        was = self._before.get(row.id)
        if (
            was is not None
            and was.result in DONE
            and not self._options.again
            and self._same(client, row.settings)
        ):
            counts = {"messages": was.messages, "bytes": was.bytes, "time": was.time}
            self._say(port, result="kept", text=f"It has these settings already, {_done(was)}.", **counts)
            return
        for left in range(_IN_USE_TRIES, 0, -1):
            try:
                result = provision(
                    client,
                    row.settings,
                    ca=self._options.ca,
                    confirm=lambda _: self._options.yes,
                    progress=lambda text: self._progress(port, text),
                    root=self._root,
                )
                break
            except BoardRefused as error:
                if error.code != _IN_USE or left == 1:
                    raise
                # Boards may share a mailbox, which a POP3 server opens for only one at a time.
                self._progress(port, "The mailbox is in use: waiting")
                self._stopping.wait(random.uniform(0.5, 3.0))
        text = "The settings are in force."
        if result.unconfirmed:
            text = "The settings are in force; nothing is deleted from the server until you confirm it with --yes."
        boxes = result.mailboxes
        self._say(port, messages=sum(box.messages for box in boxes), bytes=sum(box.bytes for box in boxes))
        self._end(port, row, "done", 0, text)

    def _progress(self, port: str, text: str) -> None:
        if self._stopping.is_set():
            raise _Stopped("It was stopped.")
        self._say(port, text=text)

    def _end(self, port: str, row: Row | None, result: str, code: int, text: str) -> None:
        if row is not None:
            for secret in _secrets(row.settings):
                text = text.replace(secret, "<secret>")
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        self._say(port, result=result, code=code, text=text, time=now)

    def _root(self, account: Account) -> bytes:
        """The public root of a server, looked up once."""
        key = (account.host, account.effective_port, account.tls)
        with self._root_lock:
            if key not in self._roots:
                self._roots[key] = certificates.fetch_root(*key)
            return self._roots[key]

    def _same(self, client: Client, wanted: Settings) -> bool:
        """Whether the board has these settings; its passwords cannot be compared."""
        if client.info is None or not client.info.configured:
            return False
        try:
            have = cbor2.loads(client.settings())
        except (BuzonError, cbor2.CBORDecodeError):
            return False
        if not isinstance(have, dict) or not isinstance(have.get("account"), list):
            return False
        want, have = _hidden(cbor2.loads(to_cbor(wanted))), _hidden(have)
        ca = certificates.board_path(self._options.ca) if self._options.ca is not None else None
        for account, ours, theirs in zip(wanted.account, want["account"], have["account"], strict=False):
            # Add what provisioning adds.
            if account.verifies and account.ca is None:
                ours["ca"] = ca or theirs.get("ca", "")
            if account.deletes and self._options.yes:
                ours["delete_confirmed"] = True
            elif not account.delete_confirmed:
                ours["delete_confirmed"] = theirs.get("delete_confirmed")
        return bool(want == have)


def _done(was: Line) -> str:
    """When it was done, for a person; the result file has it to the second, with the time zone."""
    try:
        return datetime.fromisoformat(was.time).strftime("done on %Y-%m-%d at %H:%M")
    except ValueError:
        return "done in an earlier run"


def _hidden(tree: Any) -> Any:
    """Settings in which each secret is replaced by whether there is one."""
    if isinstance(tree, dict):
        return {name: bool(value) if name in _SECRETS else _hidden(value) for name, value in tree.items()}
    return [_hidden(one) for one in tree] if isinstance(tree, list) else tree


def _secrets(settings: Settings) -> list[str]:
    found = [account.secret or "" for account in settings.account]
    found += [wifi.password.get_secret_value() for wifi in settings.wifi if wifi.password is not None]
    return [secret for secret in found if len(secret) > 3]
