"""The command line as a process: exit codes, one JSON document, no colour where none belongs, nothing blocks."""

import base64
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pexpect
import pytest
import typer
from buzon_host import paths
from buzon_host.cli import build
from buzon_host.cli.log import added
from test_board_peer import Peer, Refused

BUZON = [sys.executable, "-m", "buzon_host"]
SECRET = "hunter2-Zx9!"
ID = "0123456789abcdef"
EVIL = "a\x1b[31mb\x1b]0;x\x07\u202ec\r\nTo: d"
SETTINGS = f"""
[[wifi]]
ssid = "Home"
password = "correct horse"
[[account]]
host = "pop.example.com"
user = "me"
password = "{SECRET}"
tls = "none"
"""


def env(**more: str) -> dict[str, str]:
    # Somebody who forces colour still gets none without a terminal. A terminal has its own width.
    other = ("NO_COLOR", "BUZON_DEBUG", "COLUMNS", "LINES")
    clean = {name: value for name, value in os.environ.items() if name not in other}
    return {**clean, "FORCE_COLOR": "1", "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring", **more}


def buzon(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*BUZON, *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        env=env(**more),
        timeout=60,
    )


def one_document(done: subprocess.CompletedProcess[str]) -> dict:
    assert done.stdout.endswith("\n")
    assert done.stdout.count("\n") == 1
    assert done.stdout.isascii()
    assert "\x1b" not in done.stdout
    return json.loads(done.stdout)


def one_sentence(done: subprocess.CompletedProcess[str]) -> str:
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].endswith(".")
    assert "Traceback" not in done.stderr
    return lines[0]


def with_mail(peer: Peer) -> None:
    peer.mail["main"] = {ID: f"From: x@y\r\nSubject: {EVIL}\r\n\r\nHello\x1b[2J\r\n".encode()}
    error = [502, f"The password is wrong ({EVIL}).", 0]
    peer.statuses = [
        {
            "version": "0.1.0",
            "uptime": 5,
            "state": "idle",
            "waiting": EVIL,
            "epoch": 1_700_000_000,
            "wifi": {"ssid": EVIL, "up": True, "rssi": -60, "ip": "10.0.0.2"},
            "heap": [1, 2],
            "flash": [3, 4],
            "display": "ssd1306",
            "tls_verify": False,
            "accounts": [{"id": "main", "state": "idle", "stored": 1, "next": 100, "error": error[:2]}],
            "error": error,
            "notify": [["display", None]],
        }
    ]


VERBS = [
    ["status"],
    ["log"],
    ["screen"],
    ["mail", "list"],
    ["mail", "show", ID],
    ["mail", "show", "0123"],
    ["sync"],
    ["sync", "--no-wait"],
    ["wipe", "--what", "all", "--yes"],
    ["mail", "delete", ID, "--yes"],
    ["reboot"],
]


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_every_verb_prints_one_document_or_plain_safe_text(verb) -> None:
    with Peer() as peer:
        with_mail(peer)
        peer.log = f"first\n{EVIL}\n".encode()
        done = buzon(*verb, "--port", peer.port, "--json")
        assert (done.returncode, done.stderr) == (0, "")
        assert one_document(done)["ok"] is True
    with Peer() as peer:
        with_mail(peer)
        peer.log = f"first\n{EVIL}\n".encode()
        done = buzon(*verb, "--port", peer.port)
        assert (done.returncode, done.stderr) == (0, "")
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", done.stdout)
        assert not done.stdout.startswith("{")


def commands(group, path=()):
    """(path, command) of every verb, those of groups too."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


ALL = dict(commands(typer.main.get_command(build())))
WITH_PORT = {
    "doctor": [],
    "install": [],
    "log": [],
    "mail delete": [ID, "--yes"],
    "mail fetch": [ID],
    "mail flag": [ID, "--read"],
    "mail list": [],
    "mail pull": ["--mbox", "MBOX"],
    "mail search": ["x"],
    "mail show": [ID],
    "press": [],
    "provision": ["SETTINGS"],
    "qualify": ["--yes"],
    "reboot": [],
    "screen": [],
    "status": [],
    "sync": [],
    "wipe": ["--what", "mail", "--yes"],
}


def test_the_verbs_with_a_port_are_all_tried_below() -> None:
    named = (" ".join(p) for p, c in ALL.items() if any("--port" in one.opts for one in c.params))
    assert sorted(named) == sorted([*WITH_PORT, "flash"])  # flash: test_flash.py


@pytest.mark.parametrize("verb", WITH_PORT)
def test_every_verb_takes_the_port_of_the_environment(verb, tmp_path) -> None:
    (tmp_path / "settings.toml").write_text(SETTINGS)
    files = {"SETTINGS": "settings.toml", "MBOX": "mbox"}
    arguments = [str(tmp_path / files[one]) if one in files else one for one in WITH_PORT[verb]]
    done = buzon(*verb.split(), *arguments, BUZON_PORTS=" /dev/no-such-port,")
    assert "/dev/no-such-port" in done.stdout + done.stderr
    assert done.returncode == 3
    done = buzon(*verb.split(), *arguments, BUZON_PORTS="/dev/no-such-a,/dev/no-such-b")
    assert "BUZON_PORTS names 2 ports" in done.stdout + done.stderr
    assert re.search(r"--port:\s+/dev/no-such-a,?\s+/dev/no-such-b\b", done.stderr)
    assert done.returncode == 3


def test_boards_lists_the_ports_of_the_environment_too() -> None:
    found = one_document(buzon("boards", "--json", BUZON_PORTS="/dev/no-such-port"))["boards"]
    assert {"port": "/dev/no-such-port", "what": "named in BUZON_PORTS", "virtual": False} in found


def test_status_says_that_tls_does_not_verify() -> None:
    with Peer() as peer:
        with_mail(peer)
        done = buzon("status", "--port", peer.port)
        assert "NOT VERIFIED" in done.stdout
        assert "a\\x1b[31mb" in done.stdout


def test_mail_show_raw_gives_the_bytes_as_they_are_stored() -> None:
    with Peer() as peer:
        with_mail(peer)
        peer.mail["main"][ID] = message = bytes(range(256)) * 9
        document = one_document(buzon("mail", "show", ID, "--raw", "--port", peer.port, "--json"))
        assert base64.b64decode(document["base64"]) == message
        raw = subprocess.run(
            [*BUZON, "mail", "show", ID, "--raw", "--port", peer.port],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=60,
        )
        assert raw.stdout == message


def test_mail_show_is_for_reading() -> None:
    message = (
        "From: =?utf-8?q?Jos=C3=A9?= <jose@example.org>\r\nTo: me@example.org\r\nSubject: =?utf-8?b?wqFIb2xhIRtbMm0=?=\r\n"
        'Content-Type: multipart/mixed; boundary="x"\r\n\r\n--x\r\nContent-Type: text/plain; charset=utf-8\r\n'
        "Content-Transfer-Encoding: quoted-printable\r\n\r\nse=C3=B1or =1B[31m\r\n--x\r\nContent-Type: image/png\r\n"
        'Content-Disposition: attachment; filename="a\u202eb.png"\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n--x--\r\n'
    ).encode()
    with Peer() as peer:
        with_mail(peer)
        peer.mail["main"][ID] = message
        assert buzon("mail", "show", ID, "--port", peer.port).stdout.splitlines() == [
            "From:    José <jose@example.org>",
            "To:      me@example.org",
            "Date:    -",
            "Subject: ¡Hola!\\x1b[2m",
            "",
            "señor \\x1b[31m",
            "",
            "Attached: a\\u202eb.png (image/png, 3 bytes)",
        ]
        document = one_document(buzon("mail", "show", ID, "--port", peer.port, "--json"))
        assert document["from"] == "José <jose@example.org>"
        assert document["text"] == "señor \x1b[31m"
        assert document["attachments"] == [{"name": "a\u202eb.png", "type": "image/png", "size": 3}]
        assert document["size"] == len(message)


def test_screen_has_the_pixels() -> None:
    with Peer() as peer:
        peer.pixels = b"\x01" + bytes(1022) + b"\x80"
        rows = one_document(buzon("screen", "--port", peer.port, "--json"))["rows"]
        assert (len(rows), len(rows[0])) == (64, 128)
        assert "".join(rows).count("#") == 2
        assert rows[0][0] == rows[63][127] == "#"


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["frobnicate"], 2, "No such command"),
        (["status", "--frob"], 2, "No such option"),
        (["wipe", "--what", "nothing"], 2, "--what"),
        (["wipe"], 2, "--what mail, --what settings or --what all"),
        (["wipe", "--yes"], 2, "--what mail, --what settings or --what all"),
        (["check"], 2, "Missing argument"),
        (["provision"], 2, "There is no terminal"),
        (["provision", "/no/such/file.toml"], 2, "There is no settings file /no/such/file.toml: check"),
        (["check", "/no/such/file.toml"], 2, "There is no settings file /no/such/file.toml: check"),
        *(
            (
                ["flash", "--board", "ESP32_GENERIC", "--firmware", "no.bin", *more],
                2,
                "no firmware file no.bin: check",
            )
            for more in ([], ["--no-files"])
        ),
        (
            ["image", "--board", "ESP32_GENERIC", "--firmware", "no.bin", "-o", "x"],
            2,
            "no firmware file no.bin: check",
        ),
        (
            ["merge", "--board", "ESP32_GENERIC", "--firmware", "no.bin", "-o", "x"],
            2,
            "no firmware file no.bin: check",
        ),
        (["status", "--port", "/dev/no-such-port"], 3, "There is no port /dev/no-such-port"),
        (["provision", "SETTINGS", "--port", "/dev/no-such-port"], 3, "There is no port"),
        (["demo", "--protocol", "imap"], 2, "only pop3"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_exit_codes_and_one_sentence(tmp_path, arguments, code, text) -> None:
    (tmp_path / "settings.toml").write_text(SETTINGS)
    arguments = [str(tmp_path / "settings.toml") if one == "SETTINGS" else one for one in arguments]
    done = buzon(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert text in one_sentence(done)
    done = buzon(*arguments, "--json")
    assert done.returncode == code
    assert text in one_sentence(done)
    document = one_document(done)
    assert document["ok"] is False
    assert text in document["error"]


def test_demo_without_mail_says_so(tmp_path) -> None:
    (tmp_path / "LICENSE").write_text("Permission is hereby granted\n")
    for folder in (tmp_path, tmp_path / "missing"):
        done = buzon("demo", "--mail", str(folder), "--flash", str(tmp_path / "f.img"), "--json")
        assert done.returncode == 2
        assert str(folder) in one_sentence(done)
        document = one_document(done)
        assert (document["ok"], document["messages"], document["stored"]) == (False, 0, 0)


def test_no_command_shows_the_help_and_is_wrong_usage() -> None:
    done = buzon()
    assert done.returncode == 2
    assert "provision" in done.stderr
    assert buzon("--help").returncode == 0


@pytest.mark.parametrize("arguments", [["status"], ["status", "--all"]])
def test_who_sits_at_the_pc_is_not_told_to_connect_one(arguments) -> None:
    paths.use_firmware()
    from buzon.errors import sentence

    with Peer() as peer:
        with_mail(peer)
        for code, detail, said in (
            (207, "2020-01-01", "allow NTP."),
            (216, "pool.x", "allow NTP (UDP port 123)."),
        ):
            error = [code, sentence(code, detail)]
            assert "PC" in error[1]
            peer.statuses[0]["error"] = [*error, 0]
            peer.statuses[0]["accounts"][0]["error"] = error
            shown = " ".join(buzon(*arguments, "--port", peer.port).stdout.split())
            assert said in shown
            assert "connect" not in shown


def test_without_a_board_nothing_is_said_about_a_pc(tmp_path) -> None:
    done = buzon("status", XDG_RUNTIME_DIR=str(tmp_path), BUZON_PORTS="/dev/no-such-port")
    assert done.returncode == 3
    assert "PC" not in one_sentence(done)


def test_a_refusal_is_exit_code_4() -> None:
    with Peer() as peer:
        peer.refuse["wipe"] = [705, f"The board is busy ({EVIL}): try again in a moment.", ""]
        done = buzon("wipe", "--what", "all", "--yes", "--port", peer.port)
        assert done.returncode == 4
        assert "a\\x1b[31mb" in one_sentence(done)


@pytest.mark.parametrize("verb", [["wipe", "--what", "mail"], ["mail", "delete", ID]], ids=" ".join)
def test_nothing_is_erased_unasked(verb) -> None:
    with Peer() as peer:
        with_mail(peer)
        done = buzon(*verb, "--port", peer.port)
        assert done.returncode == 2
        assert "--yes" in one_sentence(done)
        assert "wipe" not in peer.done
        assert "mail.delete" not in peer.done


@pytest.mark.parametrize(("answer", "code", "wiped"), [("y", 0, True), ("n", 1, False), ("", 1, False)])
def test_wipe_asks_on_a_terminal(answer, code, wiped) -> None:
    with Peer() as peer:
        child = pexpect.spawn(
            BUZON[0], [*BUZON[1:], "wipe", "--what", "all", "--port", peer.port], env=env(), timeout=20
        )
        child.expect(r"\[y/N\] ")
        child.sendline(answer)
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == code
        assert ("wipe" in peer.done) is wiped


@pytest.mark.parametrize("what", ["mail", "settings", "all", ""])
def test_bare_wipe_asks_which(what) -> None:
    with Peer() as peer:
        child = pexpect.spawn(BUZON[0], [*BUZON[1:], "wipe", "--port", peer.port], env=env(), timeout=20)
        child.expect(r"Erase what: mail, settings or all\? ")
        child.sendline("everything")
        child.expect("Type mail, settings or all")
        child.expect(r"Erase what: mail, settings or all\? ")
        child.sendline(what)
        if what:
            child.expect(
                {"mail": "All mail on", "settings": "The settings and", "all": "All mail, settings"}[what]
            )
            child.expect(r"\[y/N\] ")
            child.sendline("y")
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == (0 if what else 1)
        assert [r[2]["what"] for r in peer.requests if r[1] == "wipe"] == ([what] if what else [])


def test_mail_is_wiped_some_at_a_time_and_a_sync_between_is_waited_for() -> None:
    with Peer() as peer:
        answers = [{"more": True}, {"more": True}, 705, {"more": True}, {}]

        def do(method, params, do=peer._do):
            if method != "wipe":
                return do(method, params)
            answer = answers.pop(0)
            if answer == 705:
                raise Refused(705, "The board is busy (a sync): try again in a moment.")
            return {"wiped": "mail", **answer}

        peer._do = do
        done = buzon("wipe", "--what", "mail", "--yes", "--port", peer.port, "--json")
        assert one_document(done) == {"ok": True, "wiped": "mail"}
        assert answers == []
        answers.append({})
        said = buzon("wipe", "--what", "mail", "--yes", "--port", peer.port).stdout
        assert said == f"The mail is erased ({peer.port}).\n"
        assert {r[2]["n"] for r in peer.requests if r[1] == "wipe"} == {16}


@pytest.mark.parametrize(("more", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colour_is_for_terminals_without_no_color(more, coloured) -> None:
    with Peer() as peer:
        with_mail(peer)
        child = pexpect.spawn(
            BUZON[0],
            [*BUZON[1:], "screen", "--port", peer.port],
            env=env(TERM="xterm-256color", **more),
            timeout=20,
            dimensions=(50, 140),
        )
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 0
        assert (b"\x1b[" in child.before) is coloured


def test_provision_through_the_command_line_and_no_secret_anywhere(tmp_path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(SETTINGS)
    for flags in ([], ["--json"]):
        with Peer() as peer:
            peer.tests[0] = {**peer.tests[0], "accounts": [{"id": "main", "messages": 3, "bytes": 99}]}
            done = buzon("provision", str(path), "--port", peer.port, *flags, BUZON_DEBUG="1")
            assert done.returncode == 0
            # Nobody could be asked: nothing may be deleted, and this is said.
            assert "Nothing is deleted from the server of main" in one_sentence(done)
            assert peer.settings["account"][0]["delete_confirmed"] is False
            assert peer.settings["account"][0]["password"] == SECRET
            assert SECRET not in done.stdout + done.stderr
            if flags:
                assert one_document(done)["unconfirmed"] == ["main"]
    with Peer() as peer:
        done = buzon("provision", str(path), "--port", peer.port, "--yes")
        assert (done.returncode, done.stderr) == (0, "")
        assert peer.settings["account"][0]["delete_confirmed"] is True


def test_provision_says_which_mail_no_account_has_any_more(tmp_path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(
        '[[wifi]]\nssid = "Home"\npassword = "correct horse"\n'
        '[[account]]\nhost = "pop.example.com"\nuser = "me"\npassword = "hunter2-Zx9!"\nkeep = "forever"\n'
        "tls_verify = false\n"
    )
    with Peer() as peer:
        peer.statuses = [{"accounts": [{"id": "main", "stored": 3}, {"id": "home", "stored": 12}]}]
        done = buzon("provision", path, "--port", peer.port)
        assert done.returncode == 0, done.stderr
        assert "No account is called home any more: its mail (12 messages) stays on the board." in done.stderr
        done = buzon("provision", path, "--port", peer.port, "--json")
        assert one_document(done)["unnamed"] == {"home": 12}


def test_provision_with_wrong_settings_touches_no_board(tmp_path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(SETTINGS + "prot = 1\nkeep = 'x'\n")
    with Peer() as peer:
        done = buzon("provision", str(path), "--port", peer.port)
        assert done.returncode == 2
        sentence = one_sentence(done)
        assert "line 10: prot in [[account]] is not a known setting" in sentence
        assert "line 11: keep in [[account]] must be" in sentence
        assert SECRET not in sentence
        assert not peer.received


def test_ctrl_c_is_130_and_the_terminal_is_as_before() -> None:
    with Peer(silent=True) as peer:
        process = subprocess.Popen(
            [*BUZON, "status", "--port", peer.port, "--json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=env(),
        )
        deadline = time.monotonic() + 20
        while not peer.received and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        assert process.returncode == 130
        assert err == "Interrupted.\n"
        assert json.loads(out)["exit_code"] == 130


def test_an_unexpected_error_is_one_sentence_without_its_text(tmp_path) -> None:
    code = (
        "import buzon_host.board.find as f, buzon_host.cli as c\n"
        f"def boom(*_): raise RuntimeError({SECRET!r})\n"
        "f.boards = boom\n"
        "c.main(['status'])\n"
    )
    run = [sys.executable, "-c", code]
    done = subprocess.run(run, capture_output=True, text=True, env=env(), timeout=60)
    assert done.returncode == 1
    assert "RuntimeError" in one_sentence(done)
    assert SECRET not in done.stderr
    done = subprocess.run(run, capture_output=True, text=True, env=env(BUZON_DEBUG="1"), timeout=60)
    assert "Traceback" in done.stderr


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    with Peer() as peer:
        peer.log = b"line\n" * 20000
        process = subprocess.Popen(
            [*BUZON, "log", "--port", peer.port], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env()
        )
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(5)
        process.stdout.close()
        error = process.stderr.read()
        process.wait(30)
        process.stderr.close()
        assert b"Traceback" not in error


@pytest.mark.parametrize(
    ("before", "now", "new"),
    [
        ([], [], []),
        ([], ["a", "b"], ["a", "b"]),
        (["a", "b"], ["a", "b"], []),
        (["a", "b"], ["a", "b", "b"], ["b"]),
        (["a", "b", "c"], ["c", "d"], ["d"]),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        (["b", "a", "a"], ["a", "a", "c"], ["c"]),
        (["a", "b"], ["b"], []),
    ],
)
def test_what_is_new_in_a_log(before, now, new) -> None:
    assert added(before, now) == new


def test_log_follow_shows_new_lines_once_and_ends_with_ctrl_c() -> None:
    with Peer() as peer:
        peer.log = b"10:00:00 one\n10:00:01 two\n"
        process = subprocess.Popen(
            [*BUZON, "log", "--follow", "--port", peer.port],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=env(),
        )
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == ["10:00:00 one\n", "10:00:01 two\n"]
        peer.log = b"10:00:01 two\n10:00:02 thr\x1b[2Jee\n"
        assert process.stdout.readline() == "10:00:02 thr\\x1b[2Jee\n"
        peer.session = None  # it restarts
        peer.log = b"00:00:01 start\n"
        assert process.stdout.readline() == "00:00:01 start\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (out, err, process.returncode) == ("", "Interrupted.\n", 130)


def test_log_follow_has_no_json() -> None:
    done = buzon("log", "--follow", "--json", "--port", "/dev/no-such-port")
    assert done.returncode == 2
    assert "leave one of them out" in one_sentence(done)
    assert one_document(done)["ok"] is False


def test_serve_serves_until_it_is_stopped(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*BUZON, "serve", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env()
    )
    assert process.stdout is not None
    where = json.loads(process.stdout.readline())
    settings = tmp_path / "s.toml"
    settings.write_text(
        f'[[wifi]]\nssid = "x"\n[[account]]\nhost = "{where["host"]}"\nport = {where["pop3s"]}\n'
        f'user = "{where["user"]}"\n'
    )
    good = buzon("check", str(settings), "--ca", where["ca"], "--json", BUZON_PASSWORD="buzon-demo")
    assert one_document(good)["accounts"][0]["messages"] == where["messages"]
    bad = buzon("check", str(settings), "--ca", where["ca"], BUZON_PASSWORD=SECRET)
    assert bad.returncode == 1
    assert "password" in one_sentence(bad)
    assert SECRET not in bad.stderr
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 130
    assert out == ""


def test_mail_list_on_a_terminal_has_one_line_for_each_message() -> None:
    with Peer() as peer:
        with_mail(peer)
        peer.mail["main"]["0123456789ffffff"] = b"From: Bo\r\n\r\nx\r\n"
        peer.lies["0123456789ffffff"] = {"from": "Bo", "subject": "very long " * 6}
        child = pexpect.spawn(
            BUZON[0],
            [*BUZON[1:], "mail", "list", "--port", peer.port],
            dimensions=(24, 80),
            env=env(NO_COLOR="1", PYTHONUTF8="1"),
            encoding="utf-8",
            timeout=60,
        )
        child.expect(pexpect.EOF)
    table = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line).rstrip() for line in child.before.split("\r\n")]
    rows = [line for line in table if line.startswith("0123456789")]
    # As much of the ids as tells them apart.
    assert sorted(row.split()[0] for row in rows) == ["0123456789a", "0123456789f"]
    assert all(len(row) <= 80 for row in rows)
    assert any("very long" in row and "…" in row for row in rows), rows


def test_mail_without_an_account_says_so(tmp_path) -> None:
    with Peer() as peer:
        peer.statuses = [{"state": "unset", "accounts": []}]
        for verb in ("list", "search x"):
            done = buzon("mail", *verb.split(), "--port", peer.port)
            assert (done.returncode, done.stdout) == (
                0,
                "There is no account on the board: run buzon provision.\n",
            )
        pull = ["pull", "--maildir", str(tmp_path / "new")]
        for line in (["show", ID], ["flag", ID, "--read"], pull, [*pull, "--account", "main"]):
            done = buzon("mail", *line, "--port", peer.port)
            assert done.returncode == 1
            assert one_sentence(done) == "There is no account on the board: run buzon provision."
    assert not (tmp_path / "new").exists()


def two_accounts(peer: Peer) -> None:
    with_mail(peer)
    peer.mail["work"] = {
        "fedcba9876543210": b"Subject: at work\r\n\r\nfrom work\r\n",
        ID[:-1] + "0": b"\r\nx",
    }
    [status] = peer.statuses
    status["accounts"].append({**status["accounts"][0], "id": "work"})


@pytest.mark.parametrize("id", ["fedc", "fedcba9876543210", "FEDCBA98"])
def test_a_message_is_found_in_whichever_account_it_is(id) -> None:
    with Peer() as peer:
        two_accounts(peer)
        done = buzon("mail", "show", id, "--port", peer.port, "--json")
        assert (done.returncode, done.stderr) == (0, "")
        document = one_document(done)
        assert (document["account"], document["text"]) == ("work", "from work")
        for verb in (["flag", id, "--unread"], ["delete", id, "--yes"]):
            done = buzon("mail", *verb, "--port", peer.port)
            assert (done.returncode, done.stderr) == (0, "")
        assert "fedcba9876543210" not in peer.mail["work"]


def test_an_id_that_fits_messages_of_two_accounts_names_them() -> None:
    with Peer() as peer:
        two_accounts(peer)
        done = buzon("mail", "show", ID[:8], "--port", peer.port)
        assert done.returncode == 2
        assert "--account: main, work" in one_sentence(done)
        assert buzon("mail", "show", ID[:8], "--account", "main", "--port", peer.port).returncode == 0
        done = buzon("mail", "show", ID, "--account", "nothing", "--port", peer.port)
        assert "there is: main, work." in one_sentence(done)


def test_mail_show_marks_as_read_unless_told_otherwise() -> None:
    with Peer() as peer:
        with_mail(peer)
        assert buzon("mail", "show", ID, "--peek", "--port", peer.port).returncode == 0
        assert peer.seen == set()
        assert buzon("mail", "show", ID, "--port", peer.port).returncode == 0
        assert peer.seen == {ID}
    help = buzon("mail", "show", "--help").stdout
    assert "counts as read" in help
    assert "--peek" in help


def test_mail_show_of_headers_alone_says_how_to_get_the_rest() -> None:
    with Peer() as peer:
        peer.mail["main"] = {ID: b"From: x@y\r\nSubject: Large\r\n\r\n"}
        peer.parts = {ID: 5_000_000}
        said = buzon("mail", "show", ID[:8], "--port", peer.port).stdout
    assert f"The board has only its headers; buzon mail fetch {ID[:8]} brings the rest." in said


def test_an_account_to_sync_that_is_not_there_is_wrong_usage() -> None:
    with Peer() as peer:
        two_accounts(peer)
        for more in ([], ["--no-wait"]):
            done = buzon("sync", "--account", "nope", *more, "--port", peer.port)
            assert done.returncode == 2
            assert one_sentence(done) == "There is no account nope on this board; there is: main, work."


def test_what_is_wrong_with_a_mail_verb_is_said_in_its_own_words() -> None:
    with Peer() as peer:
        with_mail(peer)
        done = buzon("mail", "show", "fff", "--port", peer.port)
        assert one_sentence(done).startswith("No message on the board has an id that begins with fff")
        done = buzon("mail", "flag", ID, "--port", peer.port)
        assert one_sentence(done) == "Say which: --read or --unread."
    assert one_sentence(buzon("mail", "flag")).endswith("See buzon mail flag --help.")
    assert one_sentence(buzon("nothing")).endswith("See buzon --help.")
    wanted = "Missing argument 'SHELL'. Choose from: bash, zsh, fish. See buzon completion --help."
    assert one_sentence(buzon("completion")) == wanted


def test_the_help_shows_no_types_of_python() -> None:
    for verb, said in (
        ("status", "--port PORT"),
        ("serve", "--pop3 NUMBER"),
        ("press", "BUTTON"),
        ("bench", "TEXT"),
    ):
        help = buzon(verb, "--help").stdout
        assert said in help
        assert not re.search(r"<(list|int|float|str|path)", help, re.IGNORECASE)


@pytest.mark.parametrize("group", [[], ["mail"]], ids=["buzon", "mail"])
def test_the_help_says_what_each_verb_does_in_a_whole_sentence(group) -> None:
    done = buzon(*group, "--help", COLUMNS="80")
    verbs = re.sub(r"\n {6,}", " ", done.stdout.split("Commands:\n")[1]).splitlines()
    assert len(verbs) >= 7
    assert all(re.fullmatch(r"  [a-z]+ +[A-Z].*[^.]\.", verb) for verb in verbs), done.stdout


@pytest.mark.parametrize(
    ("flash", "percent"),
    [
        ([1_600_000, 1_632_768], 2),
        ([832_768, 1_632_768], 50),
        ([32_768, 1_632_768], 100),
        ([0, 1_632_768], 100),
    ],
)
def test_status_says_how_full_the_flash_is(flash, percent) -> None:
    with Peer() as peer:
        with_mail(peer)
        peer.statuses[0]["flash"] = flash
        assert f", {percent} % full" in buzon("status", "--port", peer.port).stdout
        assert one_document(buzon("status", "--port", peer.port, "--json"))["flash_full_percent"] == percent


def test_status_of_a_flash_whose_free_bytes_wrapped_is_still_a_figure() -> None:
    """A nearly full littlefs may say that more is free than there is."""
    with Peer() as peer:
        with_mail(peer)
        peer.statuses[0]["flash"] = [17_592_186_044_416, 1_632_768]
        assert "1.6 MB free of 1.6 MB" in buzon("status", "--port", peer.port).stdout


def test_a_refused_provision_says_that_the_board_keeps_what_it_had(tmp_path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(
        '[[wifi]]\nssid = "x"\npassword = ""\n[[account]]\nhost = "h.example"\nuser = "u"\npassword = "p"\n'
        'tls = "none"\n'
    )
    for had, says in (({"old": 1}, True), (None, False)):
        with Peer() as peer:
            peer.settings = had
            peer.tests = [
                {
                    "state": "failed",
                    "step": "login",
                    "account": "u",
                    "error": [502, "The password is wrong (no): run buzon provision with the right one.", ""],
                    "accounts": [],
                }
            ]
            done = buzon("provision", str(file), "--port", peer.port, "--yes")
            assert done.returncode == 4, done.stderr
            assert ("The board keeps the settings that it had." in done.stderr) is says
