"""Twenty boards at once, of which five fail in five ways; the next run does only those."""

import csv
import io
import json
import os
import poplib
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cbor2
import pexpect
import pytest
from app_board import PASSWORD, WIFI, files_on, until
from buzon_host.server.run import LocalServer
from buzon_host.virtual.board import VirtualBoard
from test_app_secrets import SECRETS, WRONG_MAIL, WRONG_WIFI, seen_in

BOARDS = 20
WRONG_MAIL_AT, WRONG_WIFI_AT, STRANGER, UNPLUGGED, OTHER_CA = 3, 7, 11, 15, 19
AILING = {WRONG_MAIL_AT, WRONG_WIFI_AT, STRANGER, UNPLUGGED, OTHER_CA}


class Fleet:
    """Boards, the server of all of them, and the command line that provisions them."""

    def __init__(self, folder: Path, stack: ExitStack, n: int) -> None:
        self.folder = folder
        self.n = n
        users = {f"user{number}@casa.example": PASSWORD for number in range(n)}
        self.server = stack.enter_context(LocalServer(samples=False, password=PASSWORD, mailboxes=users))
        self.forged = stack.enter_context(
            LocalServer(samples=False, password=PASSWORD, certificate="other-ca", mailboxes=users)
        )

        def boot(number: int) -> VirtualBoard:
            return VirtualBoard(flash=folder / f"flash{number}", flash_size=1 << 18, wifi=[WIFI])

        boot_first = boot(0)
        stack.callback(boot_first.close)
        with ThreadPoolExecutor(2) as pool:  # no more start at the same time
            others = list(pool.map(boot, range(1, n)))
        for each in others:
            stack.callback(each.close)
        self.boards = [boot_first, *others]
        self.table = folder / "boards.csv"
        self.template = folder / "settings.toml"
        self.template.write_text(
            f'[[wifi]]\nssid = "{WIFI[0]}"\n[[account]]\nhost = "{self.server.host}"\nport = {self.server.pop3s}\n'
            'keep = "forever"\npoll_s = 86400\n[time]\nntp = "127.0.0.1"\n'
        )

    def id(self, number: int) -> str:
        return self.boards[number]._machine.unique_id.hex()

    def write(self, **cells: dict[int, str]) -> None:
        """The table. `cells`: a column's cells that are not as they should be."""
        with self.table.open("w", newline="", encoding="utf-8") as file:
            out = csv.writer(file)
            out.writerow(("id", "name", "user", "password", "port", "wifi_password"))
            for number in range(self.n):
                row = {
                    "id": self.id(number),
                    "name": f"board {number}",
                    "user": f"user{number}@casa.example",
                    "password": "env:CASA",
                    "port": "",
                    "wifi_password": "",
                }
                out.writerow(
                    (row | {name: each[number] for name, each in cells.items() if number in each}).values()
                )

    def files(self) -> tuple[str, ...]:
        return "--fleet", str(self.table), "--template", str(self.template), "--ca", str(self.server.ca_pem)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "buzon_host", *arguments]

    def env(self) -> "os._Environ[str]":
        clean: Any = {name: value for name, value in os.environ.items() if not name.startswith("BUZON_")}
        return clean | {
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
            "PYTHONPATH": os.pathsep.join(sys.path),
            "TERM": "xterm",
            "BUZON_PORTS": ",".join(board.port for board in self.boards),
            "BUZON_WIFI_PASSWORD": WIFI[1],
            "CASA": PASSWORD,
            "CASA_WRONG": WRONG_MAIL,
            "WIFI_WRONG": WRONG_WIFI,
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        return subprocess.Popen(
            self.command(*arguments), stdout=pipe, stderr=pipe, encoding="utf-8", env=self.env()
        )

    def provision(self, *more: str) -> subprocess.Popen[str]:
        return self.start("provision", *self.files(), *more)

    def results(self) -> dict[str, dict[str, str]]:
        path = self.folder / "boards.result.csv"
        assert seen_in(path.read_bytes()) == []
        with path.open(encoding="utf-8", newline="") as file:
            return {row["id"]: row for row in csv.DictReader(file)}

    def settings(self, number: int) -> Any:
        """What is in force on a board's flash; None when nothing is."""
        found = files_on(self.boards[number].flash_file)
        return cbor2.loads(found["settings.cbor"]) if "settings.cbor" in found else None


def end(run: subprocess.Popen[str], code: int) -> tuple[str, str]:
    out, err = run.communicate(timeout=80)
    assert run.returncode == code, err
    assert seen_in((out + err).encode()) == []
    assert "Traceback" not in err
    return out, err


@pytest.fixture
def deaf() -> Iterator[socket.socket]:
    """A server that says nothing to anybody."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        yield listener


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Any]:
    with ExitStack() as stack:
        yield lambda n: Fleet(tmp_path, stack, n)


def test_twenty_boards(made: Any, deaf: socket.socket) -> None:
    fleet: Fleet = made(BOARDS)
    assert len({fleet.id(number) for number in range(BOARDS)}) == BOARDS
    fleet.write(
        id={STRANGER: "0200000000ff"},
        password={WRONG_MAIL_AT: "env:CASA_WRONG"},
        wifi_password={WRONG_WIFI_AT: "env:WIFI_WRONG"},
        port={OTHER_CA: str(fleet.forged.pop3s), UNPLUGGED: str(deaf.getsockname()[1])},
    )
    run = fleet.provision()
    held = deaf.accept()
    fleet.boards[UNPLUGGED].close()  # its cable is pulled in the middle of its test
    out, err = end(run, 1)
    found = fleet.results()
    results = {number: found[fleet.id(number)]["result"] for number in range(BOARDS)}
    assert held
    for number in range(BOARDS):
        assert results[number] == (
            "done" if number not in AILING else "unknown" if number == STRANGER else "failed"
        ), (number, found[fleet.id(number)])
    assert found["0200000000ff"]["result"] == "absent"
    assert [found[fleet.id(n)]["code"] for n in (WRONG_MAIL_AT, WRONG_WIFI_AT, OTHER_CA)] == [
        "502",
        "201",
        "211",
    ]
    assert "went away" in found[fleet.id(UNPLUGGED)]["message"]
    assert "15 of 20 boards" in out
    assert "only what is missing" in err
    for number in range(BOARDS):
        settings = fleet.settings(number)
        assert (settings is not None) == (number not in AILING), number
        if settings is not None:
            assert settings["device"]["name"] == f"board {number}"
            assert settings["account"][0]["user"] == f"user{number}@casa.example"
    times = {number: found[fleet.id(number)]["time"] for number in set(range(BOARDS)) - AILING}

    # The causes are mended
    flash = fleet.boards[UNPLUGGED].flash_file
    fleet.boards[UNPLUGGED] = VirtualBoard(flash=flash, wifi=[WIFI])
    try:
        fleet.write()
        time.sleep(1.1)  # another second
        out, err = end(fleet.provision("--json"), 0)
        document = json.loads(out)
        assert document["ok"]
        assert [board["result"] for board in document["boards"]] == [
            "done" if number in AILING else "kept" for number in range(BOARDS)
        ]
        found = fleet.results()
        assert {number: found[fleet.id(number)]["time"] for number in times} == times
        assert all(fleet.settings(number) is not None for number in range(BOARDS))

        out, _ = end(fleet.start("status", "--all", "--json"), 0)
        boards = json.loads(out)["boards"]
        assert [board["name"] for board in boards] == [f"board {number}" for number in range(BOARDS)]
        assert {board["status"]["wifi"]["up"] for board in boards} == {True}
    finally:
        fleet.boards[UNPLUGGED].close()


def test_what_is_looked_at_before_it_is_left_alone(made: Any) -> None:
    fleet: Fleet = made(3)
    fleet.write()
    end(fleet.provision(), 0)

    def results(*more: str, code: int = 0) -> list[str]:
        out, _ = end(fleet.provision("--json", *more), code)
        return [board["result"] for board in json.loads(out)["boards"]]

    first = fleet.results()[fleet.id(2)]["time"]
    assert results() == ["kept"] * 3
    # A name changed in the table; a board that was wiped; one that is not there
    fleet.write(name={0: "Hall"})
    end(fleet.start("wipe", "--port", fleet.boards[1].port, "--what", "settings", "--yes"), 0)
    until(lambda: fleet.settings(1) is None)
    ports = [part for board in fleet.boards[:2] for part in ("--port", board.port)]
    assert results(*ports) == ["done", "done", "earlier"]
    earlier = fleet.results()[fleet.id(2)]
    assert re.fullmatch(
        r"Not seen in this run; it was done on \d{4}-\d\d-\d\d at \d\d:\d\d\.", earlier["message"]
    )
    assert (earlier["time"], earlier["port"]) == (first, "")
    assert fleet.settings(0)["device"]["name"] == "Hall"
    # What is told of a board is of this run, from the first line on
    fleet.write(name={0: "Hall", 1: "Loft"}, password={1: "env:CASA_WRONG"})
    out, err = end(fleet.provision(*ports), 1)
    told = [line for line in err.splitlines() if line.startswith(("Hall: ", "Loft: ", "board "))]
    assert [line.partition(". ")[0] for line in sorted(told)] == ["Hall: kept", "Loft: failed"]
    assert (
        "2 of 3 boards have their settings (1 looked at and kept, 1 of an earlier run and not seen now)."
        in out
    )
    fleet.write(name={0: "Hall"})
    assert results() == ["kept", "done", "kept"]
    assert results("--again") == ["done"] * 3
    # Somebody else has a port open; and one that is no board
    out, err = end(fleet.start("status", "--all", "--port", fleet.boards[0].port, "--port", "/dev/null"), 1)
    assert "is no serial port" in out
    assert "board" in out
    assert err


def test_ctrl_c_leaves_the_old_settings(made: Any, deaf: socket.socket) -> None:
    fleet: Fleet = made(3)
    fleet.write(port=dict.fromkeys(range(3), str(deaf.getsockname()[1])))
    run = fleet.provision("--json")
    held = [deaf.accept() for _ in range(3)]  # all boards are in the middle of their test
    began = time.monotonic()
    run.send_signal(signal.SIGINT)
    end(run, 130)
    assert time.monotonic() - began < 10
    assert [fleet.results()[fleet.id(number)]["result"] for number in range(3)] == ["stopped"] * 3
    assert [fleet.settings(number) for number in range(3)] == [None] * 3
    assert len(held) == 3


def test_a_shared_mailbox_and_a_terminal(made: Any) -> None:
    """The mailbox is in use at first: the board waits. The table on the terminal changes in place."""
    fleet: Fleet = made(1)
    fleet.write()
    holder = poplib.POP3(fleet.server.host, fleet.server.pop3)
    holder.user("user0@casa.example")
    holder.pass_(PASSWORD)
    command = fleet.command("provision", *fleet.files())
    child = pexpect.spawn(
        command[0], command[1:], env=fleet.env(), encoding="utf-8", timeout=40, dimensions=(24, 200)
    )
    child.logfile_read = shown = io.StringIO()
    child.expect("The mailbox is in use: waiting")
    holder.quit()
    child.expect("1 of 1 boards have their settings")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert seen_in(shown.getvalue().encode()) == []


def test_the_search_knows_the_secrets() -> None:
    assert {PASSWORD, WIFI[1], WRONG_MAIL, WRONG_WIFI} == set(SECRETS)
