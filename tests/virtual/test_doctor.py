"""`buzon doctor` on whole boards: each failure is found where it is, and nothing is changed by looking."""

import json
import os
import re
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import cbor2
import pytest
from app_board import ACCOUNT, PASSWORD, WIFI, Rig, account_of, files_on, message, tree_of
from buzon_host import bundle, doctor
from buzon_host.board.client import Client
from buzon_host.errors import UsageError
from buzon_host.provision import ca, schema
from test_app_secrets import SECRETS, WRONG_MAIL, seen_in

ALL = [
    *("serial", "hello", "versions", "file system", "heap", "settings", "Wi-Fi", "clock"),
    *("DNS", "TCP", "TLS", "capabilities", "login", "mailbox"),
]


@pytest.fixture
def server(serve: Any) -> Any:
    return serve(samples=False)


@pytest.fixture
def rig(boot: Any, server: Any) -> Any:
    made: Rig = boot()
    made.provision(server)
    made.settled()
    return made


def put(rig: Rig, tree: dict[str, Any], der: bytes | None = None) -> None:
    """Settings that no test has looked at."""
    if der is not None:
        path = ca.board_path(der)
        rig.client.put_file(path, der)
        tree = {**tree, "account": [{**one, "ca": path} for one in tree["account"]]}
    rig.client.stage(schema.to_cbor(schema.parse(tree)))
    rig.client.commit(untested=True)
    rig.in_force(tree)


def examine(rig: Rig, **options: Any) -> doctor.Report:
    rig.client.close()
    options.setdefault("env", {})
    try:
        return doctor.examine(rig.board.port, keyring=False, **options)
    finally:
        rig.client.hello()


def names(report: doctor.Report) -> list[str]:
    return [check.name for check in report.checks]


def failed_at(report: doctor.Report, name: str, code: int) -> doctor.Check:
    """The check that failed: all before it are not, and only the comparison comes after it."""
    check = report.failed
    assert check is not None, report.checks
    assert (check.name, check.code) == (name, code), check
    assert check.text.endswith((".", "?"))
    assert len(check.remedy) > 10
    at = report.checks.index(check)
    assert names(report)[: at + 1] == ALL[: ALL.index(name) + 1]
    assert names(report)[at + 1 :] in ([], ["this PC"])
    return check


def test_all_is_well_and_nothing_is_changed(rig: Rig, server: Any) -> None:
    server.deliver(message(1))
    before = files_on(rig.board.flash_file)
    seen: list[doctor.Check] = []
    report = examine(rig, show=seen.append)
    assert names(report) == ALL
    assert {check.result for check in report.checks} == {"ok"}
    assert seen == report.checks
    assert report.exit_code == 0
    texts = {check.name: check.text for check in report.checks}
    assert "signal -51 dBm" in texts["Wi-Fi"]
    assert "60.0 kB of them in one piece" in texts["heap"]
    assert texts["mailbox"].startswith("1 message, ")
    assert files_on(rig.board.flash_file) == before
    assert server.left() == 1
    assert rig.sync().stored == 1


@pytest.mark.parametrize(("free", "result"), [(36900, "ok"), (35000, "ok"), (30000, "warn")])
def test_a_healthy_esp32_has_memory_enough(
    rig: Rig, server: Any, monkeypatch, free: int, result: str
) -> None:
    """With Wi-Fi up, 35 to 38 KB were left of it on the official firmware, and a handshake took 31.9."""
    server.deliver(message(1))
    hello = Client.hello

    def low(self: Client, *wait: float) -> Any:
        self.info = hello(self, *wait).model_copy(update={"idf": [free, 26000]})
        return self.info

    monkeypatch.setattr(Client, "hello", low)
    report = examine(rig)
    assert {check.name: check.result for check in report.checks}["heap"] == result


def test_only_one_account(rig: Rig, server: Any) -> None:
    other = account_of(server, id="other", user="nobody")
    tree = tree_of(account_of(server), other)
    put(rig, tree, server.ca_der.read_bytes())
    report = examine(rig, account=ACCOUNT)
    assert report.failed is None, report.failed
    assert names(report) == ALL
    assert report.failed is None
    report = examine(rig, account="other")
    assert failed_at(report, "login", 502).account == "other"
    with pytest.raises(UsageError, match="it has casa, other"):
        examine(rig, account="third")
    report = examine(rig)
    assert names(report) == [*ALL, *ALL[8:13]]
    assert report.failed is not None
    assert report.failed.account == "other"


def test_no_settings(boot: Any) -> None:
    report = examine(boot())
    assert report.failed == doctor.Check(
        "settings", "failed", "The board has no settings.", "Run `buzon provision`.", 106
    )


def test_no_such_network(rig: Rig) -> None:
    rig.board.wifi_up(False)
    assert WIFI[0] in failed_at(examine(rig), "Wi-Fi", 202).text
    rig.board.wifi_up(True)


def test_no_such_server(rig: Rig, server: Any) -> None:
    put(rig, tree_of(account_of(server, host="nowhere.invalid")), server.ca_der.read_bytes())
    report = examine(rig)
    failed_at(report, "DNS", 203)
    assert report.checks[-1].name == "this PC"
    assert report.checks[-1].text.startswith("It does not work from this PC either: ")


def test_nobody_listens(rig: Rig, server: Any) -> None:
    put(rig, tree_of(account_of(server, port=1)), server.ca_der.read_bytes())
    check = failed_at(examine(rig, ca=server.ca_der.read_bytes()), "TCP", 204)
    assert f"{server.host}:1" in check.text
    assert check.remedy.startswith(
        "Check that the mail server is running, and that `host` and `port` in the settings are its own"
    )


def test_another_ca_and_the_pc_knows_better(rig: Rig, serve: Any, server: Any) -> None:
    other = serve(samples=False)
    put(rig, tree_of(account_of(server)), other.ca_der.read_bytes())
    report = examine(rig, ca=server.ca_der.read_bytes())
    failed_at(report, "TLS", 211)
    assert (report.checks[-1].result, report.checks[-1].text) == ("ok", "The same works from this PC.")
    report = examine(rig)
    assert report.checks[-1].text.startswith("It does not work from this PC either: ")


def test_a_pinned_certificate_that_changed_has_one_remedy(rig: Rig, serve: Any, server: Any) -> None:
    """This PC does not know what is pinned: what it would say of the server's CA is no help."""
    other = serve(samples=False)
    pinned = ca.fetch_certificate(other.host, other.pop3s, "implicit")
    put(rig, tree_of(account_of(server)), pinned)
    report = examine(rig)
    check = failed_at(report, "TLS", 218)
    assert "renewed" in check.remedy
    assert "this PC" not in names(report)


@pytest.mark.parametrize("tls", ["implicit", "starttls", "none"])
def test_a_wrong_password(rig: Rig, server: Any, tls: str) -> None:
    port = server.pop3s if tls == "implicit" else server.pop3
    account = account_of(server, tls=tls, port=port, password=WRONG_MAIL)
    put(rig, tree_of(account), None if tls == "none" else server.ca_der.read_bytes())
    der = server.ca_der.read_bytes()
    report = examine(rig, ca=der)
    failed_at(report, "login", 502)
    assert names(report)[-1] == "login"  # without the password nothing is learnt from here
    assert report.checks[ALL.index("TLS")].result == ("warn" if tls == "none" else "ok")
    report = examine(rig, ca=der, env={"BUZON_PASSWORD": PASSWORD}, host=server.host)
    assert (report.checks[-1].name, report.checks[-1].result) == ("this PC", "ok")
    report = examine(rig, ca=der, env={"BUZON_PASSWORD": WRONG_MAIL}, host=server.host)
    assert (report.checks[-1].name, report.checks[-1].result) == ("this PC", "warn")
    report = examine(rig, ca=der, env={"BUZON_PASSWORD": PASSWORD})
    assert report.checks[-1].text.startswith("The login was not tried from this PC: nobody has said")


def test_what_is_no_pop3_server(rig: Rig, server: Any) -> None:
    put(rig, tree_of(account_of(server, tls="none", port=server.smtp)))
    failed_at(examine(rig), "capabilities", 401)


def test_a_wrong_clock(rig: Rig) -> None:
    rig.client.time_set(int(time.time()) - 3 * 86400)
    report = examine(rig)
    clock = report.checks[ALL.index("clock")]
    assert (clock.result, clock.code) == ("warn", 207)
    assert "3 days apart" in clock.text or "71 hours apart" in clock.text


def test_no_board_and_no_buzon(make_board: Any, tmp_path: Path) -> None:
    report = doctor.examine(str(tmp_path / "none"))
    assert names(report) == ["serial"]
    assert report.exit_code == 3
    assert report.failed is not None
    assert report.failed.remedy == "Plug the board in, or name another port with --port."

    board = make_board("print('hello')")
    report = doctor.examine(board.port)
    assert names(report) == ["serial", "hello"]
    assert report.exit_code == 3


def test_an_old_micropython(make_board: Any) -> None:
    board = make_board("print('MicroPython v1.24.1 on 2024-11-29; Generic ESP32 module with ESP32')")
    report = doctor.examine(board.port)
    assert names(report) == ["serial", "versions"]
    assert report.failed is not None
    assert "1.24.1 is on the board, and Buzón needs 1.25" in report.failed.text


def test_an_old_micropython_that_runs_it(boot: Any, tmp_path: Path) -> None:
    """The same firmware, saying in `hello` what an old one says."""
    import shutil

    from buzon_host import paths

    source = tmp_path / "old"
    shutil.copytree(paths.firmware(), source, ignore=shutil.ignore_patterns("__pycache__"))
    base = source / "buzon" / "console" / "base.py"
    text = base.read_text("utf-8")
    assert "info.version[:3]" in text
    base.write_text(text.replace("info.version[:3]", "(1, 24, 1)"), "utf-8")
    report = examine(boot(firmware=source))
    assert report.failed is not None
    assert (report.failed.name, report.exit_code) == ("versions", 1)


def test_the_board_goes_away(rig: Rig) -> None:
    def cut(check: doctor.Check) -> None:
        if check.name == "settings":
            rig.board.kill()

    rig.client.close()
    report = doctor.examine(rig.board.port, show=cut, env={}, keyring=False)
    assert report.failed is not None
    assert (report.failed.name, report.exit_code) == ("serial", 3)
    rig.board.power_cycle()


def buzon(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BUZON_")}
    clean |= {
        "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    return subprocess.run(
        [sys.executable, "-m", "buzon_host", "doctor", *arguments],
        capture_output=True,
        encoding="utf-8",
        env={**clean, **env},
        timeout=60,
    )


def test_the_verb_its_bundle_and_no_secret(rig: Rig, server: Any, tmp_path: Path) -> None:
    put(rig, tree_of(account_of(server, password=WRONG_MAIL)), server.ca_der.read_bytes())
    rig.settled()
    rig.client.close()
    path = tmp_path / "report.txt"
    env = {"BUZON_PASSWORD": PASSWORD, "BUZON_WIFI_PASSWORD": WIFI[1]}
    arguments = (
        "--port",
        rig.board.port,
        "--ca",
        str(server.ca_pem),
        "--bundle",
        str(path),
        "--host",
        server.host,
    )
    done = buzon(*arguments, **env)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0].startswith("ok      serial ")
    assert [line for line in lines if line.startswith("failed  login (casa)")]
    assert "app password" in done.stderr
    text = path.read_text("utf-8")
    for part in ("== steps ==", "== hello ==", "== status ==", "== settings ==", "== log ==", "error 502"):
        assert part in text
    assert '"password": "(set)"' in text
    assert "<user 0>" in text
    assert "<wifi 0>" in text
    assert not re.search(rf"\b({server.user}|{WIFI[0]}|192\.168\.4\.2)\b", text)
    assert seen_in((text + done.stdout + done.stderr).encode()) == []

    again = buzon(*arguments, **env)
    assert again.returncode == 2
    assert "There is a file" in again.stderr

    path.unlink()
    done = buzon(*arguments, "--json", **env)
    document = json.loads(done.stdout)
    assert (document["ok"], document["exit_code"], document["bundle"]) == (False, 1, str(path))
    assert [check["name"] for check in document["checks"]] == [*ALL[:-1], "this PC"]
    assert seen_in((done.stdout + path.read_text("utf-8")).encode()) == []
    rig.client.hello()


def test_secrets_that_get_into_a_report_are_taken_out(rig: Rig) -> None:
    """As if the board had told them: the environment's are known here."""
    env = {f"BUZON_PASSWORD_{number}": secret for number, secret in enumerate(SECRETS)}
    report = examine(rig)
    assert report.settings is not None
    report.settings["account"][0]["password"] = PASSWORD
    report.log = " ".join([*SECRETS, *(secret.encode().hex() for secret in SECRETS)])
    report.said.append(cbor2.dumps(list(SECRETS)).decode("latin-1"))
    assert seen_in(bundle.text(report, {}).encode())
    assert seen_in(bundle.text(report, env).encode()) == []


def test_no_board_is_a_report_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.txt"
    done = buzon("--bundle", str(path), XDG_RUNTIME_DIR=str(tmp_path))
    assert done.returncode == 3
    assert "add --bundle" in buzon("report.txt", XDG_RUNTIME_DIR=str(tmp_path)).stderr
    assert "No board was found" in path.read_text("utf-8")
    assert "--port" in done.stderr
    # Without a name it gets one that is free
    monkeypatch.chdir(tmp_path)
    done = buzon("--bundle", XDG_RUNTIME_DIR=str(tmp_path))
    [made] = tmp_path.glob("buzon-report-*.txt")
    assert f"The report is in {made}: " in done.stderr
    assert "No board was found" in made.read_text("utf-8")


def test_a_report_s_name_is_never_one_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    now = datetime(2026, 11, 23, 21, 5, 42)
    names = []
    for _ in range(3):
        name = bundle.new_name(now)
        bundle.write(name, doctor.Report("-"), {})
        names.append(str(name))
    stem = "buzon-report-20261123-210542"
    assert names == [f"{stem}.txt", f"{stem}-2.txt", f"{stem}-3.txt"]
    with pytest.raises(FileExistsError):
        bundle.write(Path(names[0]), doctor.Report("-"), {})


def test_sentences_are_parted() -> None:
    for sentence, parts in (
        ("A is so: do B.", ("A is so.", "Do B.")),
        ("It (x: y) is so: do B: C.", ("It (x: y) is so.", "Do B: C.")),
        ("No connection to h:1, X: check it.", ("No connection to h:1, X.", "Check it.")),
        ("It is so.", ("It is so.", "")),
    ):
        assert doctor.parted(sentence) == parts


# What a person would call a fault, though the way is free


def standing(report: doctor.Report) -> doctor.Check:
    """The one check that failed, behind all that are well; the exit code says it too."""
    assert names(report)[: len(ALL)] == ALL
    [check] = [check for check in report.checks if check.result == "failed"]
    assert report.exit_code == 1
    assert report.failed is check
    return check


def test_a_full_board_is_not_well(rig: Rig, server: Any) -> None:
    size = len(message(10, 3000))
    tree = tree_of(account_of(server), storage={"quota_bytes": 3 * size, "full": "stop"})
    rig.provision(server, tree)
    for number in range(10, 16):
        server.deliver(message(number, 3000))
    assert rig.sync().stored == 3
    check = standing(examine(rig))
    assert (check.name, check.code, check.account) == ("room", 600, ACCOUNT)
    assert "The board is full (3 messages)" in check.text
    rig.client.close()
    done = buzon("--port", rig.board.port)
    assert done.returncode == 1
    assert "All is well" not in done.stdout
    assert "buzon mail pull --move" in done.stderr
    done = buzon("--port", rig.board.port, "--json")
    assert (done.returncode, json.loads(done.stdout)["ok"]) == (1, False)
    rig.client.hello()
    # One that makes room by itself is well in the same place.
    tree = tree_of(account_of(server, keep="forever"), storage={"quota_bytes": 3 * size, "full": "evict"})
    rig.provision(server, tree)
    rig.settled()
    assert rig.sync().error is None
    report = examine(rig)
    assert (report.failed, report.exit_code) == (None, 0)


def test_a_last_error_that_stands_is_not_well(boot: Any, serve: Any, tmp_path: Path) -> None:
    options = {"samples": False, "certificates": tmp_path / "ca"}
    server = serve(**options)
    rig: Rig = boot()
    rig.provision(server)
    rig.settled()
    server.stop()
    for _ in range(5):  # so that it does not try again by itself meanwhile
        assert rig.sync().error is not None
    serve(**options, pop3s=server.pop3s)
    check = standing(examine(rig))
    assert (check.name, check.account) == ("last error", ACCOUNT)
    assert check.remedy == "The way to the mailbox is free now: `buzon sync` looks at once."
    rig.sync()
    assert examine(rig).failed is None


def test_a_display_that_is_missing_is_not_well(rig: Rig, server: Any) -> None:
    tree = tree_of(account_of(server), display={"driver": "ssd1306", "addr": 0x3D})
    rig.provision(server, tree)
    rig.settled()
    report = examine(rig)
    check = report.failed
    assert check is not None
    assert (check.name, check.code, report.exit_code) == ("display", 800, 1)
    assert names(report)[-1] == "mailbox"  # the rest is examined all the same
    rig.provision(server, tree_of(account_of(server), display={"driver": "null"}))
    rig.settled()
    assert examine(rig).failed is None
