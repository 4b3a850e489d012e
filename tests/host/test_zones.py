"""Time zones by name: what the board makes of their rules is what Python's zoneinfo says, on CPython and MicroPython."""

import json
import os
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

import cbor2
import pytest
from buzon.net import zone as board
from buzon_host import paths
from buzon_host.cli.output import when
from buzon_host.provision import save, schema, zones
from test_board_peer import Peer
from test_cli_verbs import buzon

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
import on_micropython

RULED_BY_THE_MOON = {"Africa/Casablanca", "Africa/El_Aaiun"}
"""Their clocks go back for Ramadan: no rule says that, and they have one for the rest of the year."""
LAST_NEW_LAW = 1_748_736_000
"""2025-06-01: no zone's law has changed since, as far as the tzdata of 2026 know. Before, Paraguay's and others' did."""
FROM, TO = datetime(2024, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)


def east(zone: ZoneInfo, epoch: int) -> int:
    return int(datetime.fromtimestamp(epoch, zone).utcoffset().total_seconds())


@cache
def samples(name: str) -> list[tuple[int, int]]:
    """(epoch, seconds east): each month, and the seconds around every change, of 12 years."""
    zone = ZoneInfo(name)
    found = []
    day = int(FROM.timestamp())
    while day < TO.timestamp():
        if east(zone, day) != east(zone, day + 86400):
            low, high = day, day + 86400
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if east(zone, middle) == east(zone, day) else (low, middle)
            found += [(low, east(zone, low)), (high, east(zone, high))]
        if datetime.fromtimestamp(day, UTC).day == 1:
            found.append((day, east(zone, day)))
        day += 86400
    return found


def rules() -> dict[str, tuple[str, list[tuple[int, int]]]]:
    """One zone of those that share a rule -> (its rule, what it makes of times for which that rule is in force)."""
    found: dict[str, tuple[str, list[tuple[int, int]]]] = {}
    known = set()
    for name in sorted(zones.names() - RULED_BY_THE_MOON):
        rule = zones._rule(name)
        if rule not in known and len(rule) <= 64:
            whole = name in ("Europe/Madrid", "America/New_York", "Australia/Lord_Howe", "America/Santiago")
            known.add(rule)
            found[name] = rule, [one for one in samples(name) if whole or one[0] > LAST_NEW_LAW]
    return found


def test_every_rule_there_is_makes_of_the_time_what_zoneinfo_says() -> None:
    tried = rules()
    assert len(tried) > 80
    assert {"Europe/Madrid", "Australia/Lord_Howe", "Asia/Kathmandu"} <= {
        name for name in zones.names() if zones._rule(name) in {rule for rule, _ in tried.values()}
    }
    wrong = [
        (name, epoch, want)
        for name, (rule, found) in tried.items()
        for epoch, want in found
        if board.offset(rule, epoch)[0] != want
    ]
    assert wrong == []
    assert sum(len(found) for _, found in tried.values()) > 8000


SCRIPT = """
import json, time
from buzon.net import zone
epoch = 946684800 if time.gmtime(0)[0] == 2000 else 0
n = wrong = 0
with open("samples.json") as f:
    for line in f:
        name, rule, found = json.loads(line)
        for at, want in found:
            n += 1
            if zone.offset(rule, at - epoch)[0] != want:
                wrong += 1
                print(name, at, want)
print(n, wrong)
"""


def test_micropython_says_the_same(tmp_path) -> None:
    tried = rules()
    (tmp_path / "samples.json").write_text(
        "".join(json.dumps([name, rule, found]) + "\n" for name, (rule, found) in tried.items())
    )
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [on_micropython.interpreter(), "script.py"],
        cwd=tmp_path,
        env={**os.environ, "MICROPYPATH": f"{paths.firmware()}:.frozen"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.stdout == f"{sum(len(found) for _, found in tried.values())} 0\n", done.stderr


GOOD = {
    "wifi": [{"ssid": "x", "password": ""}],
    "account": [{"host": "h.example", "user": "u", "password": "p"}],
}


def told(zone) -> dict:
    return cbor2.loads(schema.to_cbor(schema.parse({**GOOD, "time": {"zone": zone}})))["time"]


def test_the_board_is_told_minutes_and_the_rule() -> None:
    ntp = {"ntp": "pool.ntp.org"}
    assert told(-210) == {**ntp, "zone": -210}
    rule = "CET-1CEST,M3.5.0,M10.5.0/3"
    assert told("Europe/Madrid") == {**ntp, "zone": 60, "name": "Europe/Madrid", "rule": rule}
    assert told("europe/madrid") == told("Europe/Madrid")
    assert told("Asia/Kathmandu") == {**ntp, "zone": 345, "name": "Asia/Kathmandu"}
    assert told("America/Santiago")["zone"] == -240
    assert told("Europe/Dublin")["zone"] in (0, 60)
    for time in (told("Europe/Madrid"), told("Asia/Kathmandu"), told(-210)):
        assert schema.parse({**GOOD, "time": zones.from_board(time)}).time.zone == time.get(
            "name", time["zone"]
        )
    assert zones.from_board({"zone": 60, "name": "Mars/Base", "rule": "x"}) == {"zone": 60}


@pytest.mark.parametrize(
    ("zone", "said"),
    [
        ("Europe/Madird", "is not a known time zone (did you mean Europe/Madrid"),
        ("madrid", "is not a known time zone (did you mean Europe/Madrid"),
        ("America/New York", "is not a known time zone (did you mean America/New_York"),
        ("xyzzy", "is not a known time zone"),
        ("", "is not a known time zone"),
        ("../../etc/passwd", "is not a known time zone"),
        (900, 'must be a zone\'s name, as "Europe/Madrid", or minutes from -840 to 840'),
        (1.5, "must be a zone's name"),
        (True, "must be a zone's name"),
    ],
)
def test_an_unknown_zone_is_named_with_what_is_spelt_alike(zone, said, tmp_path) -> None:
    with pytest.raises(schema.SettingsError) as error:
        schema.parse({**GOOD, "time": {"zone": zone}})
    [(path, what)] = error.value.problems
    assert path == "time.zone"
    assert what.startswith(said)
    assert len(what) < 160


@pytest.mark.parametrize(
    ("tz", "link", "file", "name"),
    [
        ("Europe/Lisbon", "Europe/Paris", "Asia/Tokyo", "Europe/Lisbon"),
        (":Europe/Lisbon", "", "", "Europe/Lisbon"),
        ("CET-1CEST", "Europe/Paris", "Asia/Tokyo", "Europe/Paris"),
        ("", "", "Asia/Tokyo\n", "Asia/Tokyo"),
    ],
)
def test_the_zone_of_this_pc(tz, link, file, name, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("TZ", tz)
    monkeypatch.setattr(zones.os.path, "realpath", lambda path: f"/usr/share/zoneinfo/{link}")
    monkeypatch.setattr(zones.Path, "read_text", lambda *_: file)
    assert zones.system() == name


def test_minutes_that_this_pc_has_in_winter_or_summer_become_its_name(monkeypatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Madrid")
    assert [zones.kept(zone) for zone in (60, 120, 0, "Asia/Tokyo")] == [
        "Europe/Madrid",
        "Europe/Madrid",
        0,
        "Asia/Tokyo",
    ]
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert zones.kept(540) == 540


def test_a_zone_is_saved_by_its_name(tmp_path) -> None:
    text = save.dumps(schema.parse({**GOOD, "time": {"zone": "Europe/Madrid"}}))
    assert tomllib.loads(text)["time"] == {"zone": "Europe/Madrid"}


def test_status_tells_the_times_in_the_board_s_zone() -> None:
    epoch = 1_784_000_000
    assert when(epoch, zone=zones.of("Asia/Tokyo")) == "2026-07-14 12:33:20"
    with Peer() as peer:
        peer.settings = cbor2.loads(schema.to_cbor(schema.parse({**GOOD, "time": {"zone": "Asia/Tokyo"}})))
        account = {"id": "main", "last_ok": epoch}
        peer.statuses = [{"epoch": epoch, "accounts": [account], "error": [502, "No.", epoch]}]
        done = buzon("status", "--port", peer.port, TZ="Europe/Madrid")
        assert "clock       2026-07-14 12:33:20 (Asia/Tokyo)" in done.stdout
        assert done.stdout.count("2026-07-14 12:33:20") == 3
        peer.settings["time"] = {"zone": 90}
        assert "2026-07-14 05:03:20 (UTC+01:30)" in buzon("status", "--port", peer.port).stdout
        for odd in ({"zone": 0}, {}, {"zone": "x"}, {"zone": 9999}, []):
            peer.settings["time"] = odd
            done = buzon("status", "--port", peer.port, TZ="Europe/Madrid")
            assert "clock       2026-07-14 05:33:20\n" in done.stdout, done.stderr


def test_mail_is_listed_in_the_board_s_zone() -> None:
    with Peer() as peer:
        peer.settings = cbor2.loads(schema.to_cbor(schema.parse({**GOOD, "time": {"zone": "Asia/Tokyo"}})))
        peer.mail = {"main": {"a0" * 8: b"Subject: x\r\n\r\n"}}
        peer.times = {"a0" * 8: 1_784_000_000}
        assert "2026-07-14 12:33:20" in buzon("mail", "list", "--port", peer.port, TZ="Europe/Madrid").stdout


def test_status_says_that_deletion_waits_for_a_yes() -> None:
    with Peer() as peer:
        peer.statuses = [{"accounts": [{"id": "main"}]}]
        peer.settings = cbor2.loads(schema.to_cbor(schema.parse(GOOD)))
        said = " ".join(buzon("status", "--port", peer.port).stdout.split())
        assert "Nothing is deleted from the server until you agree." in said
        peer.settings["account"][0]["delete_confirmed"] = True
        assert "until you agree" not in " ".join(buzon("status", "--port", peer.port).stdout.split())
