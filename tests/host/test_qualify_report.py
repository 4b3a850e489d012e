"""Reports of `buzon qualify`: what fails, what they say of a board on its page, and what is no report."""

import re
import shutil
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from buzon_host import boards, paths, wiring
from buzon_host.errors import UsageError
from buzon_host.qualify import report, run
from buzon_host.qualify.report import Check, Report

BOARD = "RPI_PICO_W"


def test_only_a_failure_is_no_success() -> None:
    fine = [report.ok("a"), report.skipped("b", ""), report.at_most("c", 4, "s", 3)]
    assert [check.result for check in fine] == ["ok", "skipped", "warn"]
    assert Report(checks=fine).ok
    assert not Report(checks=[*fine, report.failed("d", "")]).ok
    assert not Report().ok, "nothing was tried"


def test_a_bound_is_kept_or_missed() -> None:
    assert [report.at_most("a", n, "s", 3).result for n in (2, 3, 3.01)] == ["ok", "ok", "warn"]
    assert [report.at_least("a", n, "KB", 8).result for n in (9, 8, 7.9)] == ["ok", "ok", "warn"]
    assert report.at_most("a", 1e9, "s", None).result == "ok"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a board without report."""
    copy = tmp_path / "boards"
    shutil.copytree(paths.boards(), copy, ignore=shutil.ignore_patterns("buzon-qualify-*", "lib"))
    monkeypatch.setattr(paths, "boards", lambda: copy)
    return copy / BOARD


def a_report(date: str, **fields: object) -> Report:
    check = Check(name="boot", result="ok", figure=2.5, unit="s", bound=3)
    values = {"board": BOARD, "firmware": "MicroPython 1.26.1 RPI_PICO_W", "date": date, "checks": [check]}
    return Report.model_validate(values | fields)


def page(folder: Path) -> str:
    """The end of the board's page, with the reports in `folder`."""
    return wiring.page(boards.load(folder)).partition("## Verified on")[2]


def test_the_board_s_page_shows_the_reports_that_are_there(folder: Path) -> None:
    assert "Nobody has sent a report" in page(folder)
    assert f"`boards/{BOARD}/`" in page(folder), "how to send one"
    report.write(folder / "buzon-qualify-1.json", a_report("2026-11-01", version="0.1.0"))
    report.write(folder / "buzon-qualify-2.json", a_report("2026-12-01", quick=True))
    report.write(folder / "buzon-qualify-3.json", a_report("2027-01-01", virtual=True))
    text = page(folder)
    assert re.findall(r"^\| (20[-0-9]+) \| (.+?) \|.*\| 1 passed", text, re.M) == [
        ("2026-12-01", "MicroPython 1.26.1 RPI_PICO_W"),
        ("2026-11-01", "MicroPython 1.26.1 RPI_PICO_W"),
    ], "the newest first, and no virtual board"
    assert "(quick)" in text
    assert "| boot | 2.5 s | 3 s |" in text
    assert "Nobody" not in text
    assert f"`boards/{BOARD}/`" in text


def test_what_a_file_says_is_one_cell(folder: Path) -> None:
    report.write(folder / "buzon-qualify-1.json", a_report("2026-11-01", firmware="a|b\n# c <img>"))
    row = next(line for line in page(folder).splitlines() if "2026-11-01 |" in line)
    assert row.count("|") == 5
    assert "<" not in row


def test_what_is_no_report_is_said(folder: Path) -> None:
    (folder / "buzon-qualify-1.json").write_text("{]")
    with pytest.raises(ValueError, match=r"buzon-qualify-1\.json is no report"):
        page(folder)


def test_a_report_has_a_name_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    now = datetime(2026, 11, 28, 0, 15)
    first = report.new_name(BOARD, now)
    report.check_new(first)
    report.write(first, a_report("2026-11-28"))
    with pytest.raises(UsageError, match="already"):
        report.check_new(first)
    assert report.new_name(BOARD, now) != first
    with pytest.raises(UsageError, match="no folder"):
        report.check_new(tmp_path / "none" / "x.json")


def test_a_report_names_no_network_no_address_and_no_password() -> None:
    stand = SimpleNamespace(wifi=[{"ssid": "Casa Ibáñez", "password": "s3cret-word"}], host="192.168.1.20")
    text = run._without_names('"Casa Ibáñez" refused s3cret-word; 192.168.1.20 is not there.', stand)
    assert text == '"<wifi>" refused <secret>; <address> is not there.'


def test_the_address_is_this_pc_s_own_in_the_board_s_network() -> None:
    stand = SimpleNamespace(
        app=lambda: SimpleNamespace(status=lambda: SimpleNamespace(wifi=SimpleNamespace(ip="127.0.0.9")))
    )
    assert run._address(stand, None, virtual=True) == ("127.0.0.1", "127.0.0.1")
    assert run._address(stand, None, virtual=False) == ("127.0.0.1", "127.0.0.1")
    assert run._address(stand, "127.0.0.1", virtual=False) == ("127.0.0.1", "127.0.0.1")
    assert run._address(stand, "198.51.100.7", virtual=False) == ("198.51.100.7", "0.0.0.0"), (
        "an emulator's name for this PC"
    )
    with pytest.raises(UsageError, match="no address"):
        run._address(stand, "my-pc", virtual=False)


@pytest.mark.parametrize(
    ("check", "said"),
    [
        (report.at_most("hello", 0.5, "s", 0.3, "Once."), "0.5 s. It should be 0.3 s. Once."),
        (report.at_most("hello", 0.2, "s", 0.3, "Once."), "0.2 s. Once."),
        (
            report.Check(name="resets", result="warn", figure=0, unit="resets", text="Of 2."),
            "0 resets. Of 2.",
        ),
        (report.Check(name="TLS", result="skipped", text="No Wi-Fi."), "No Wi-Fi."),
    ],
    ids=["late", "in time", "no bound", "no figure"],
)
def test_a_line_says_the_figure_and_what_it_should_be(check: report.Check, said: str) -> None:
    assert report.told(check) == said
