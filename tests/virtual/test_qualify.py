"""`buzon qualify` on whole virtual boards: all passes, what was there is back, and what is broken is told."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from app_board import ACCOUNT, WIFI, Rig, account_of, files_on, message, tree_of
from buzon_host import cli
from buzon_host.qualify import backup, network
from buzon_host.virtual.board import VirtualBoard
from test_install import HEAP_KIB, THEIRS, bare, same, tree, write

NEEDS_A_PERSON = {"LED seen", "display seen", "button"}
NAMES = {
    *("heap before the app", "flash write", "flash read", "LED", "install", "boot", "hello", "status"),
    *("Wi-Fi", "Wi-Fi, wrong password", "Wi-Fi back after a wrong password", "Wi-Fi, wrong name"),
    *("Wi-Fi back after a wrong name", "Wi-Fi back after a restart"),
    *("TLS, one ECDSA certificate", "TLS, three ECDSA certificates"),
    *("TLS, two RSA certificates", "TLS, three RSA certificates", "refuses an expired certificate"),
    *("12 samples exactly once", "12 messages exactly once", "resets in the middle", "10 polls", "pull"),
    *("display", "put back", *NEEDS_A_PERSON),
}


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")


def saved() -> list[Path]:
    """The backups there are."""
    return list(backup.place("x").parent.glob("*"))


def command(port: str, *more: str) -> list[str]:
    return [sys.executable, "-m", "buzon_host", "qualify", "--port", port, *more]


@pytest.fixture
def lived_in(boot: Any, serve: Any) -> Any:
    """A board with settings and mail, seen and unseen, whose server is no longer there."""
    rig: Rig = boot()
    server = serve(samples=False)
    for number in range(5):
        server.deliver(message(number, 900 * number))
    rig.provision(server, tree_of(account_of(server, keep="forever")))
    assert rig.sync().stored == 5
    items = list(rig.client.list_all(ACCOUNT))
    rig.client.flag_message(ACCOUNT, items[1].id, seen=True)
    server.stop()
    rig.client.close()
    return rig


def belongings(flash: Path) -> dict[str, bytes]:
    """A person's settings and mail on a flash image."""
    found = {f"/mail/{ACCOUNT}/{name}": data for name, data in files_on(flash, f"/mail/{ACCOUNT}").items()}
    return {**found, "/settings.cbor": files_on(flash)["settings.cbor"]}


@pytest.mark.timeout(300)
def test_a_new_board_gets_it_all_and_keeps_what_it_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MicroPython alone, with settings and mail of before: installed from the cable, code on littlefs in the heap."""
    flash, report = tmp_path / "flash.img", tmp_path / "report.json"
    bare(flash).close()
    write(flash, THEIRS)
    with bare(flash, wifi=[WIFI], heap_kib=HEAP_KIB) as board:
        monkeypatch.setenv("BUZON_WIFI_PASSWORD", WIFI[1])
        monkeypatch.setenv("BUZON_DEBUG", "1")  # says where, if something unexpected happens
        line = command(board.port, str(report), "--yes", "--quick", "--json")
        run = subprocess.run(
            [*line, "--board", "virtual", "--wifi", WIFI[0]], capture_output=True, text=True, check=False
        )
    assert run.returncode == 0, run.stdout + run.stderr
    document = json.loads(run.stdout)
    assert document.pop("report") == str(report)
    assert document.pop("port") == board.port
    assert json.loads(report.read_text()) == document
    assert (document["ok"], document["board"], document["virtual"]) == (True, "virtual", True)
    assert document["firmware"].startswith("MicroPython 1.")
    checks = {check["name"]: check for check in document["checks"]}
    assert set(checks) >= NAMES
    assert len(checks) == len(document["checks"]), "a name stands for one check"
    assert {name for name, check in checks.items() if check["result"] == "skipped"} == NEEDS_A_PERSON
    assert {check["result"] for check in checks.values()} <= {"ok", "warn", "skipped"}
    assert checks["flash write"]["figure"] > 0
    assert checks["flash write"]["unit"] == "KB/s"
    assert not checks["install"]["text"].startswith("0 of")
    assert WIFI[1] not in run.stdout + run.stderr + report.read_text()
    assert WIFI[0] not in report.read_text()
    now = tree(flash)
    same({path: data for path, data in now.items() if path in THEIRS}, THEIRS)
    left = {path for path in now if path.startswith(("/mail", "/certs", "/qualify"))} - set(THEIRS)
    assert left <= {"/mail/reserve.bin"}
    assert saved() == []


@pytest.mark.timeout(300)
def test_a_wifi_that_does_not_come_back_fails_and_all_else_is_put_back(
    lived_in: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path
) -> None:
    before = belongings(lived_in.board.flash_file)
    monkeypatch.setattr(network, "_GIVE_UP_S", 3.0)
    refused: Callable[..., Any] = network._refused

    def goes(*given: Any) -> Any:
        lived_in.board.wifi_up(False)
        return refused(*given)

    monkeypatch.setattr(network, "_refused", goes)
    report = tmp_path / "report.json"
    line = ["qualify", str(report), "--port", lived_in.board.port, "--yes", "--quick", "--json"]
    with pytest.raises(SystemExit) as ended:
        cli.main(line)
    said = capsys.readouterr()
    document = json.loads(said.out)
    assert (ended.value.code, document["ok"]) == (1, False)
    checks = {check["name"]: check for check in document["checks"]}
    assert checks["Wi-Fi back after a wrong password"]["result"] == "failed"
    assert "Wi-Fi back after a wrong password" in said.err
    skipped = {name for name, check in checks.items() if check["result"] == "skipped"}
    assert skipped >= {"TLS", "samples", "many messages", "resets", "polls"}
    assert checks["put back"]["result"] == "ok"
    assert json.loads(report.read_text())["ok"] is False
    assert belongings(lived_in.board.flash_file) == before
    assert saved() == []


def begun(board: VirtualBoard, at: str) -> "subprocess.Popen[str]":
    """A run that has come to this check."""
    run = subprocess.Popen(
        command(board.port, "--yes", "--quick"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert run.stdout is not None
    for line in run.stdout:
        if at in line:
            return run
    raise AssertionError(f"it ended before {at}: {run.communicate()}")


@pytest.mark.parametrize("at", ["flash write", "first message", "TLS, two RSA", "12 samples"])
def test_ctrl_c_puts_back_what_was_there(lived_in: Any, at: str) -> None:
    before = belongings(lived_in.board.flash_file)
    run = begun(lived_in.board, at)
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=60)
    assert run.returncode == 130, out + err
    assert "Interrupted." in err
    assert "are saved in" in err
    assert belongings(lived_in.board.flash_file) == before
    assert saved() == []


def test_what_a_killed_run_leaves_is_put_back_later(lived_in: Any) -> None:
    board = lived_in.board
    before = belongings(board.flash_file)
    run = begun(board, "first message")
    run.kill()
    run.communicate()
    (kept,) = saved()
    assert kept.stat().st_mode & 0o077 == 0, "it holds passwords"
    assert belongings(board.flash_file) != before
    again = subprocess.run(command(board.port, "--yes"), capture_output=True, text=True, check=False)
    assert again.returncode == 1
    assert "buzon qualify --restore" in again.stderr
    assert str(kept) in again.stderr
    assert saved() == [kept]
    restored = subprocess.run(
        command(board.port, "--restore", "--json"), capture_output=True, text=True, check=False
    )
    assert restored.returncode == 0, restored.stderr
    assert "/settings.cbor" in json.loads(restored.stdout)["written"]
    assert belongings(board.flash_file) == before
    assert saved() == []
    nothing = subprocess.run(command(board.port, "--restore"), capture_output=True, text=True, check=False)
    assert nothing.returncode == 1
    assert "nothing has to be put back" in nothing.stderr


def test_without_a_terminal_it_wants_to_know_that_nobody_looks(lived_in: Any) -> None:
    run = subprocess.run(
        command(lived_in.board.port), capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
    )
    assert run.returncode == 2
    assert "--yes" in run.stderr
    assert saved() == []
