"""The command line in a hostile place: streams that are closed or full, folders and files that cannot be used,
boards that answer nonsense. Always one sentence, never a traceback, never a hang."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter

import pexpect
import pytest
from buzon_host.board.client import Client
from buzon_host.board.follow import follow
from buzon_host.errors import BuzonError
from buzon_host.provision import ca as certificates
from buzon_host.virtual import flash
from buzon_host.virtual.interpreter import VirtualBoardError
from test_board_peer import Peer
from test_cli_verbs import ALL, BUZON, buzon, env, one_document, one_sentence, with_mail


def shell(line: str, **more: str) -> subprocess.CompletedProcess[str]:
    """`buzon LINE`, redirections and all."""
    return subprocess.run(
        ["sh", "-c", f'exec "$0" -m buzon_host {line}', sys.executable],
        capture_output=True,
        text=True,
        env=env(**more),
        timeout=60,
    )


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
@pytest.mark.parametrize("line", ["boards >/dev/full", "boards --json >/dev/full"])
def test_a_full_disk_behind_stdout(line) -> None:
    done = shell(line)
    assert done.returncode == 1
    assert "No space left on device" in one_sentence(done)


def test_closed_streams() -> None:
    done = shell("boards >&-")
    assert (done.returncode, done.stderr) == (0, "")
    done = shell("status --port /nonexistent >&- 2>&- <&-")
    assert done.returncode == 3
    done = shell("boards 2>&- <&-")
    assert done.returncode == 0
    assert "supported " in done.stdout


def test_a_terminal_without_utf_8_gets_question_marks() -> None:
    with Peer() as peer:
        with_mail(peer)
        done = buzon("screen", "--port", peer.port, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 0
    assert done.stdout.isascii()
    assert "????" in done.stdout


@pytest.mark.parametrize("name", ["XDG_CACHE_HOME", "XDG_RUNTIME_DIR"])
def test_a_folder_that_cannot_be_made(name, tmp_path) -> None:
    place = tmp_path / "place"
    if name == "XDG_CACHE_HOME":
        place.write_text("a file")  # not even root makes a folder in it
    else:
        place.mkdir()
        (place / "buzon").write_text("a file")
    done = buzon("virtual" if name == "XDG_CACHE_HOME" else "boards", "--json", **{name: str(place)})
    assert done.returncode == 1
    assert one_document(done)["error"] == one_sentence(done)
    assert str(place) in one_sentence(done)


def test_a_working_directory_that_is_gone(tmp_path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    done = subprocess.run(
        ["sh", "-c", 'rmdir "$PWD" && exec "$0" -m buzon_host demo --json', sys.executable],
        capture_output=True,
        text=True,
        cwd=gone,
        env=env(),
        timeout=60,
    )
    assert done.returncode == 1
    assert "unexpected" not in one_sentence(done)


@pytest.mark.parametrize("delay", [0.08, 0.15, 0.25])
def test_ctrl_c_while_it_loads(delay) -> None:
    """Whatever Python was loading: no traceback. Before Python runs our first line it ends by the signal."""
    run = subprocess.Popen(
        [*BUZON, "serve"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env(PYTHONPATH=os.pathsep.join(sys.path)),
        start_new_session=True,
    )
    time.sleep(delay)
    run.send_signal(signal.SIGINT)
    _, errors = run.communicate(timeout=30)
    if b"buzon_host" in errors or b"Interrupted" in errors or b"Stopped" in errors:
        assert errors in (b"Interrupted.\n", b"Stopped.\n")
        # CPython ends by the signal after all when the interrupt went through an `exec`, as dataclasses use.
        assert run.returncode in (130, -signal.SIGINT)


def test_typer_is_loaded_where_ctrl_c_is_caught() -> None:
    """Loading it takes most of the start: outside of `main` an interrupt would be a traceback."""
    code = "import sys, buzon_host.cli; print([m for m in ('typer', 'rich') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("kind", ["folder", "fifo", "device", "sparse"])
def test_what_is_no_file_is_no_flash(kind, tmp_path) -> None:
    path = tmp_path / "flash.img"
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        with path.open("wb") as file:
            file.truncate(flash.MAX_SIZE + flash.BLOCK)
    sentence = "is larger than" if kind == "sparse" else "is not a file"
    with pytest.raises(VirtualBoardError, match=sentence):
        flash.check(path)
    for verb in ("demo", "virtual"):
        done = buzon(verb, "--flash", str(path), "--json")
        assert done.returncode == 1
        assert sentence in one_sentence(done)
        assert one_document(done)["error"] == one_sentence(done)


def test_a_flash_of_any_size_is_not_made(tmp_path) -> None:
    path = tmp_path / "flash.img"
    done = buzon("virtual", "--flash", str(path), "--flash-size", str(1 << 45))
    assert "is not possible" in one_sentence(done)
    assert not path.exists()


@pytest.mark.parametrize(("w", "h"), [(0, 0), (128, 0), (0, 64), (8, 4), (-8, -8)])
def test_a_picture_without_pixels_is_not_understood(w, h, monkeypatch) -> None:
    with Peer() as peer, Client.connect(peer.port) as client:
        answer = {"off": 0, "data": b"\0" * max(0, w * ((h + 7) // 8)), "end": True, "w": w, "h": h}
        monkeypatch.setattr(client.link, "request", lambda method, params=None: answer)
        with pytest.raises(BuzonError, match="answer to screen was not understood"):
            client.screen()


ID = "0123456789abcdef"
TABLE = f"""
from buzon_host.cli.output import Out
row = ("{ID}", "Asociación de Vecinos " * 3, "¿Te vienes el sábado? " * 3, "2026-11-23 12:33:33")
Out().table(("id", "from", "subject", "stored"), [row] * 3, fold=(1, 2))
"""


def test_the_table_in_a_pipe_has_one_line_for_each_row() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TABLE],
        capture_output=True,
        encoding="utf-8",
        env=env(COLUMNS="40", PYTHONUTF8="1"),
        timeout=60,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 4, done.stderr
    assert all(line.startswith(ID) and "12:33:33" in line for line in lines[1:])


@pytest.mark.parametrize("columns", [28, 40, 80])
def test_the_table_on_a_narrow_terminal_keeps_what_is_not_folded_whole(columns) -> None:
    child = pexpect.spawn(
        sys.executable,
        ["-c", TABLE],
        dimensions=(24, columns),
        env=env(PYTHONUTF8="1"),
        timeout=30,
    )
    child.expect(pexpect.EOF)
    assert child.before.count(ID.encode()) == 3
    assert child.before.count(b"2026-11-23 12:33:33") == 3
    assert b"Vecinos" in child.before


@pytest.mark.parametrize("columns", [28, 40, 60, 80])
def test_no_word_of_a_table_is_broken(columns) -> None:
    child = pexpect.spawn(
        sys.executable,
        ["-c", TABLE],
        dimensions=(24, columns),
        env=env(PYTHONUTF8="1", NO_COLOR="1"),
        encoding="utf-8",
        timeout=30,
    )
    child.expect(pexpect.EOF)
    words = Counter(child.before.split())
    assert words["Asociación"] == words["Vecinos"] == words["sábado?"] == words["¿Te"] == 9
    assert all(len(line) <= columns for line in child.before.split("\r\n"))


SENTENCES = """
import sys
from buzon_host.cli import _fail
from buzon_host.cli.output import Out
out = Out()
text = "word-of-{n} ".replace("{n}", "x") * 30 + "/a/path/that/is/longer/than/any/terminal/and/stays/whole.toml end."
out.say("name        " + text, indent=12)
out.lines(text + "\\n  " + text)
out.note(text)
out.prompt(text + " [y/N] ")
out.note("")
_fail(text, 1, False)
"""


@pytest.mark.parametrize("columns", [30, 60, 80])
def test_no_word_of_a_sentence_is_broken(columns) -> None:
    child = pexpect.spawn(
        sys.executable,
        ["-c", SENTENCES],
        dimensions=(24, columns),
        env=env(PYTHONUTF8="1", NO_COLOR="1"),
        encoding="utf-8",
        timeout=30,
    )
    child.expect(pexpect.EOF)
    words = Counter(child.before.split())
    assert words.pop("word-of-x") == 6 * 30
    assert words.pop("/a/path/that/is/longer/than/any/terminal/and/stays/whole.toml") == 6
    assert words == {"end.": 6, "name": 1, "[y/N]": 1}
    lines = child.before.split("\r\n")
    assert all(len(line) <= columns or "/a/path" in line for line in lines)
    assert sum(line.startswith(" " * 12 + "word") for line in lines) >= 4


HELPS = [verb.split() for verb in ("", "mail", *(" ".join(path) for path in ALL))]


@pytest.mark.parametrize("verb", HELPS, ids=" ".join)
def test_help_breaks_no_word_and_cuts_no_sentence(verb) -> None:
    wide = buzon(*verb, "--help", COLUMNS="200")
    assert (wide.returncode, wide.stderr) == (0, "")
    for columns in (80, 60):
        done = buzon(*verb, "-h", COLUMNS=str(columns))
        assert (done.returncode, done.stderr) == (0, "")
        assert Counter(done.stdout.split()) == Counter(wide.stdout.split())
        assert all(len(line) <= columns for line in done.stdout.splitlines()[1:])


def test_an_empty_id_and_an_empty_log_are_told() -> None:
    with Peer() as peer:
        with_mail(peer)
        peer.log = b""
        assert "The id is empty" in one_sentence(buzon("mail", "show", "", "--port", peer.port))
        done = buzon("log", "--port", peer.port)
        assert done.stdout.startswith("The board's log is empty")
        assert json.loads(buzon("log", "--json", "--port", peer.port).stdout)["lines"] == []


def test_a_count_that_the_board_does_not_know_is_a_dash() -> None:
    with Peer() as peer:
        with_mail(peer)
        peer.statuses = [{**peer.statuses[0], "accounts": [{"id": "main", "state": "idle", "listed": -1}]}]
        done = buzon("status", "--port", peer.port)
    row = next(line for line in done.stdout.splitlines() if line.startswith("main"))
    assert row.split()[:5] == ["main", "idle", "0", "0", "-"]


def test_sync_gives_the_time_to_a_board_that_has_none_and_only_to_it() -> None:
    done = {"id": "main", "state": "idle", "next": 60}
    for epoch, given in ((None, True), (1_700_000_000, False)):
        with Peer() as peer, Client.connect(peer.port) as client:
            peer.statuses = [{"state": "idle", "epoch": epoch, "accounts": [done]}]
            follow(client)
            assert ("time.set" in peer.done) is given
            if given:
                assert abs(peer.clock - time.time()) < 60


def test_ntp_that_failed_before_the_pc_gave_the_time_does_not_end_a_sync() -> None:
    done = {"id": "main", "state": "idle", "next": 60}
    late = {"error": [216, "No time came", None], "state": "clock", "accounts": [{**done, "next": 0}]}
    with Peer() as peer, Client.connect(peer.port) as client:
        peer.statuses = [
            {"state": "clock", "epoch": None, "accounts": [{**done, "next": 0}]},
            {**late, "epoch": 1_700_000_000},
            {"state": "idle", "epoch": 1_700_000_000, "accounts": [done]},
        ]
        assert [one.id for one in follow(client)] == ["main"]
        peer.statuses = [
            {"state": "idle", "epoch": None, "accounts": [{**done, "next": 0}]},
            {**late, "epoch": None},
        ]
        with pytest.raises(BuzonError, match="No time came"):
            follow(client)


def test_status_gives_the_time_to_a_board_that_has_none() -> None:
    with Peer() as peer:
        with_mail(peer)
        peer.statuses = [{"state": "idle", "epoch": None}, {"state": "idle", "epoch": 1_700_000_000}]
        done = buzon("status", "--port", peer.port)
    assert abs(peer.clock - time.time()) < 60
    assert "not set" not in done.stdout


def test_an_account_that_goes_away_during_a_sync_is_told_soon(monkeypatch) -> None:
    monkeypatch.setattr("buzon_host.board.follow._APPEAR_S", 0.5)
    busy = {"id": "main", "state": "sync", "next": 0}
    with Peer() as peer, Client.connect(peer.port) as client:
        peer.statuses = [
            {"state": "idle", "epoch": 1, "accounts": [busy]},
            {"state": "unset", "accounts": []},
        ]
        begin = time.monotonic()
        with pytest.raises(BuzonError, match="no longer on the board"):
            follow(client, stall=20)
        assert time.monotonic() - begin < 10


def test_a_picture_that_cannot_be_written_says_why_once(tmp_path) -> None:
    with Peer() as peer:
        done = buzon("screen", "--port", peer.port, "--png", str(tmp_path / "no" / "x.png"))
    assert done.returncode == 1
    assert one_sentence(done).count("x.png") == 1
    assert "Errno" not in done.stderr


def test_a_board_adds_no_lines_of_its_own_to_the_status() -> None:
    with Peer() as peer:
        with_mail(peer)
        peer.statuses = [
            {"version": "1\nTLS         verified", "state": "idle", "waiting": "a\nlast error  none"}
        ]
        done = buzon("status", "--port", peer.port)
    heads = [line.split()[0] for line in done.stdout.splitlines() if line]
    assert heads == ["board", "state", "clock", "Wi-Fi", "heap", "flash", "display"]


def test_check_names_the_account_that_fails(tmp_path) -> None:
    with socket.socket() as free:  # bound and not listening: nobody else gets this port
        free.bind(("127.0.0.1", 0))
        settings = tmp_path / "settings.toml"
        settings.write_text(
            '[[wifi]]\nssid = "Home"\npassword = ""\n[[account]]\nid = "second"\nhost = "127.0.0.1"\n'
            f'port = {free.getsockname()[1]}\nuser = "me"\npassword = "x"\ntls = "none"\n'
        )
        done = buzon("check", str(settings))
    assert done.returncode == 1
    assert one_sentence(done).startswith("second: No connection to 127.0.0.1:")


def test_serve_keeps_its_ca_for_the_next_time(tmp_path) -> None:
    """Else a board would have to be provisioned again after each start of the server."""
    found = []
    for _ in range(2):
        child = pexpect.spawn(
            BUZON[0], [*BUZON[1:], "serve", "--json", "--certificates", str(tmp_path)], timeout=30
        )
        child.setecho(False)
        child.expect(rb"\{.*\}\r\n")
        found.append((tmp_path / "ca.pem").read_bytes())
        said = json.loads(child.match[0])
        assert said["ca"] == str(tmp_path / "ca.pem")
        der = certificates.fetch_certificate("127.0.0.1", said["pop3s"], "implicit")
        assert said["sha256"] == certificates.fingerprint(der)
        child.sendintr()
        child.expect_exact("Stopped.")
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 130
    assert found[0] == found[1]


def test_a_device_as_settings_or_ca_is_refused_at_once(tmp_path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text(
        '[[wifi]]\nssid = "Home"\npassword = ""\n[[account]]\nhost = "h"\nuser = "u"\npassword = "p"\n'
    )
    for arguments in (["/dev/zero"], [str(settings), "--ca", "/dev/zero"]):
        done = buzon("check", *arguments)
        assert done.returncode == 2
        assert "/dev/zero cannot be read: it is larger than 1 MB" in one_sentence(done)


def test_settings_nested_too_deeply(tmp_path) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text("a = " + "[" * 100_000)
    done = buzon("check", str(settings))
    assert done.returncode == 2
    assert "nested too deeply" in one_sentence(done)
