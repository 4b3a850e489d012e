"""The shared cases about servers (../shared/cases) against whole virtual boards; each README says what must happen."""

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import terminal
from buzon_host.virtual.board import VirtualBoard
from littlefs.errors import LittleFSError
from virtual.app_board import files_on

CASES = Path(__file__).parents[3] / "shared" / "cases"
WIFI = ("Buzon-Demo", "correct horse")

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="the cases are not here")


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cases' own certificates, made by their script."""
    folder = tmp_path_factory.mktemp("cases")
    for name in ("server.py", "pki.sh"):
        shutil.copyfile(CASES / name, folder / name)
    subprocess.run(["sh", "pki.sh"], cwd=folder, check=True, capture_output=True, timeout=120)
    return folder


class Case:
    """A scenario of server.py, and a board for it."""

    def __init__(
        self, folder: Path, pki: Path, stack: ExitStack, scenario: str, *options: str, flash_size: int = 0
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        self.folder, self.pki = folder, pki
        self.log = folder / "server.log"
        self.flash = folder / "flash.img"
        self.env = terminal.clean(folder / "config", XDG_RUNTIME_DIR=str(folder))
        command = [sys.executable, str(pki / "server.py"), str(self.port), scenario, str(self.log), *options]
        self.server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        stack.callback(self._end)
        assert self.server.stdout
        assert self.server.stdout.readline() == b"ready\n"
        self.board = stack.enter_context(
            VirtualBoard(flash=self.flash, wifi=[WIFI], flash_size=flash_size or None)
        )

    def _end(self) -> None:
        self.server.terminate()
        self.server.wait(10)
        assert self.server.stdout
        self.server.stdout.close()

    def buzon(self, *words: str, timeout: float = 150) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "buzon_host", *words]
        return subprocess.run(
            command,
            env=self.env,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def settings(self, more: str = "", **account: Any) -> Path:
        values = {"id": "main", "host": "127.0.0.1", "port": self.port, "user": "me@example.org"}
        values |= {
            "password": "secret-word",
            "keep": "delete",
            "delete_confirmed": True,
            "poll_s": 600,
            **account,
        }
        lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
        text = f'[[wifi]]\nssid = "{WIFI[0]}"\npassword = "{WIFI[1]}"\n[[account]]\n' + "\n".join(lines)
        path = self.folder / "settings.toml"
        path.write_text(text + "\n" + more)
        return path

    def provision(self, more: str = "", **account: Any) -> subprocess.CompletedProcess[str]:
        path, ca = self.settings(more, **account), self.pki / "pki" / "ca.pem"
        return self.buzon("provision", str(path), "--ca", str(ca), "--yes", "--port", self.board.port)

    def provisioned(self, more: str = "", **account: Any) -> None:
        done = self.provision(more, **account)
        assert done.returncode == 0, done.stderr + self.said()

    def sync(self, times: int = 1) -> str:
        """What the last of them said, on stdout and stderr."""
        for _ in range(times):
            done = self.buzon("sync", "--port", self.board.port)
        return done.stdout + done.stderr

    def status(self) -> dict[str, Any]:
        done = self.buzon("status", "--json", "--port", self.board.port)
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def mail(self) -> list[bytes]:
        """What is stored, headers alone too. The board may be writing: then once more."""
        for _ in range(20):
            try:
                files = files_on(self.flash, "/mail/main")
                return sorted(files[name] for name in files if name.endswith((".eml", ".hdr")))
            except (LittleFSError, OSError):
                time.sleep(0.2)
        return []

    def said(self) -> str:
        """The server's log: what the client sent."""
        return self.log.read_text("latin-1") if self.log.exists() else ""

    def until_mail(self, count: int, polls: int = 4, wait_s: float = 20) -> list[bytes]:
        """The mail, once there is so much of it; after `polls` what there is."""
        for _ in range(polls):
            end = time.monotonic() + wait_s / polls
            while len(self.mail()) < count and time.monotonic() < end:
                time.sleep(0.2)
            if len(self.mail()) >= count:
                break
            self.sync()
        return self.mail()


@pytest.fixture
def case(tmp_path: Path, pki: Path) -> Iterator[Callable[..., Case]]:
    with ExitStack() as stack:
        yield lambda scenario, *options, **more: Case(tmp_path, pki, stack, scenario, *options, **more)


def subjects(mail: list[bytes]) -> list[bytes]:
    return sorted(line for each in mail for line in each.split(b"\r\n") if line.startswith(b"Subject: "))


ALL = [b"Subject: message %d" % n for n in (1, 2, 3)]


@pytest.mark.parametrize("keep", ["delete", "forever"])
def test_01_an_id_that_is_used_again_is_fetched(case: Callable[..., Case], keep: str) -> None:
    one = case("uidreuse")
    one.provisioned(keep=keep)
    one.sync(5)
    assert b"Subject: message 9" in subjects(one.until_mail(4)), (one.said(), one.status())


def test_02_what_came_empty_is_not_deleted(case: Callable[..., Case]) -> None:
    one = case("retrshort")
    one.provisioned()
    one.sync()
    assert b"" not in one.mail()
    assert "DELE 2" not in one.said(), one.said()


def test_03_what_was_cut_by_a_lone_dot_is_not_deleted(case: Callable[..., Case]) -> None:
    one = case("unstuffed")
    one.provisioned()
    one.sync(2)
    assert not any("RETR 2" in each and "DELE 2" in each for each in one.said().split("--conn")[:4]), (
        one.said()
    )


@pytest.mark.parametrize("scenario", ["uidempty2", "uidspace"])
def test_04_a_line_without_a_usable_id_is_fetched_or_spoken_of(
    case: Callable[..., Case], scenario: str
) -> None:
    one = case(scenario)
    one.provisioned()
    said = one.sync(2)
    status = one.status()
    assert ALL[1] in subjects(one.mail()) or "error" in str(status["accounts"]).replace(
        "'error': None", ""
    ), said


@pytest.mark.parametrize("scenario", ["plainrej", "plainrej2", "noir", "lowerr", "lowok", "capaclose"])
def test_06_07_08_10_a_second_chance_at_login(case: Callable[..., Case], scenario: str) -> None:
    one = case(scenario)
    one.provisioned()
    assert subjects(one.until_mail(3)) == ALL


@pytest.mark.timeout(600)
@pytest.mark.parametrize("scenario", ["slowpass", "slowretr", "slowquit"])
def test_12_an_answer_after_70_s_is_waited_for(
    case: Callable[..., Case], scenario: str, tmp_path: Path
) -> None:
    """With 35 s instead: more than a first deadline, less than a test may take."""
    text = (CASES / "server.py").read_text().replace("time.sleep(70)", "time.sleep(35)")
    one = case(scenario)
    one.server.terminate()
    one.server.wait(10)
    assert one.server.stdout
    one.server.stdout.close()
    (one.pki / "slow.py").write_text(text)
    command = [sys.executable, str(one.pki / "slow.py"), str(one.port), scenario, str(one.log)]
    one.server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert one.server.stdout
    one.server.stdout.readline()
    one.provisioned()
    assert subjects(one.until_mail(3, 4, 200)) == ALL


def test_13_one_message_that_is_refused_delays_no_other(case: Callable[..., Case]) -> None:
    one = case("retrperm")
    one.provisioned()
    assert subjects(one.until_mail(2)) == [ALL[0], ALL[2]]
    (account,) = one.status()["accounts"]
    assert account["next"] is None or account["next"] <= 700, account


def test_14_headers_of_a_top_that_brings_all_are_kept(case: Callable[..., Case]) -> None:
    one = case("topall", flash_size=1 << 20)
    one.provisioned(fetch="headers")
    assert subjects(one.until_mail(3)) == ALL


def test_15_without_top_the_sentence_says_what_to_do(case: Callable[..., Case]) -> None:
    one = case("notop")
    done = one.provision(fetch="headers")
    said = done.stdout + done.stderr + one.sync(2) + json.dumps(one.status())
    assert (
        subjects(one.mail()) == ALL
        or 'fetch = \\"full\\"' in said
        or "fetch = full" in said
        or 'fetch = "full"' in said
    ), said


def test_17_a_server_that_hangs_up_at_quit_is_no_failure_of_provisioning(case: Callable[..., Case]) -> None:
    one = case("quitclose")
    one.provisioned()
    assert subjects(one.until_mail(3)) == ALL


def test_18_a_chain_out_of_order_works_or_is_named(case: Callable[..., Case], pki: Path) -> None:
    one = case("base", f"--chain={pki / 'pki' / 'chain-order.pem'}")
    done = one.provision()
    assert done.returncode == 0 or "order" in done.stderr, done.stderr


def test_20_tls_13_only_is_named_by_both(case: Callable[..., Case]) -> None:
    one = case("tls13")
    path = one.settings()
    check = one.buzon("check", str(path), "--ca", str(one.pki / "pki" / "ca.pem"))
    board = one.provision()
    for said in (check, board):
        assert said.returncode != 0, said.stdout
        assert "TLS" in said.stderr, said.stderr
        assert "1.3" in said.stderr or "version" in said.stderr, said.stderr


def test_21_filters_see_behind_a_long_name_and_far_fields(case: Callable[..., Case]) -> None:
    one = case("filter")
    more = "".join(
        (next(CASES.glob("21-*")) / "filters.toml").read_text().partition("[[account.filter]]")[1:]
    )
    one.provisioned(more, keep="forever")
    one.sync(2)
    assert not [each for each in one.mail() if b"oferta" in each or b"comprar" in each]
    assert len(one.mail()) == 1
