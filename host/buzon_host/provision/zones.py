"""Time zones by their name (`Europe/Madrid`), and what a board is told about one: minutes, and the rule for
summer time. The names and rules come from the system, or from the package tzdata."""

import difflib
import os
import zoneinfo
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

_MINUTES = 14 * 60
_RULE = 64  # bytes of a rule on a board
_NEAR = 3


@cache
def names() -> frozenset[str]:
    """The zones that this PC knows."""
    return frozenset(zoneinfo.available_timezones() - {"Factory", "localtime"})


def check(zone: Any) -> Any:
    """`"Europe/Madrid"`, a zone's name, or minutes east of UTC, -840 to 840"""
    if type(zone) is int and -_MINUTES <= zone <= _MINUTES:
        return zone
    if not isinstance(zone, str):
        raise ValueError(
            f'must be a zone\'s name, as "Europe/Madrid", or minutes from -{_MINUTES} to {_MINUTES}'
        )
    by_case = {name.casefold(): name for name in names()}
    if zone.casefold() in by_case:
        return by_case[zone.casefold()]
    near = _near(zone)
    raise ValueError("is not a known time zone" + (f" (did you mean {' or '.join(near)}?)" if near else ""))


def _near(zone: str) -> list[str]:
    """Names that are spelt similarly, or whose city is."""
    spelt: dict[str, str] = {}
    for name in sorted(names()):
        for part in (name, name.rpartition("/")[2]):
            spelt.setdefault(part.casefold(), name)
    wanted = zone.casefold().replace(" ", "_")
    found = difflib.get_close_matches(wanted, spelt, _NEAR, 0.7)
    found += difflib.get_close_matches(wanted.rpartition("/")[2], spelt, _NEAR, 0.7)
    return list(dict.fromkeys(spelt[each] for each in found))[:_NEAR]


def to_board(zone: int | str) -> dict[str, Any]:
    """A zone as in the board's `time`: `zone` is minutes without summer time, for boards without rules."""
    if isinstance(zone, int):
        return {"zone": zone}
    told: dict[str, Any] = {"zone": _standard(zone), "name": zone}
    rule = _rule(zone)
    if "," in rule and len(rule) <= _RULE:
        told["rule"] = rule
    return told


def from_board(time: Mapping[str, Any]) -> dict[str, Any]:
    """A board's `time` as a settings file has it."""
    rest = {key: value for key, value in time.items() if key not in ("name", "rule")}
    if time.get("name") in names():
        rest["zone"] = time["name"]
    return rest


def of(zone: int | str) -> tzinfo:
    """The zone of a setting."""
    return timezone(timedelta(minutes=zone)) if isinstance(zone, int) else zoneinfo.ZoneInfo(zone)


def system() -> int | str:
    """This PC's zone: its name, or the current offset in minutes if the system does not have a name."""
    for find in (_from_environment, _from_link, _from_file):
        name = find()
        if name in names():
            return name
    offset = datetime.now().astimezone().utcoffset()
    return int(offset.total_seconds() // 60) if offset else 0


def kept(zone: Any) -> Any:
    """A board's zone, or this PC's if the board's is only minutes that this PC's has in winter or summer."""
    mine = system()
    if type(zone) is int and isinstance(mine, str):
        year = datetime.now(UTC).year
        for month in (1, 7):
            offset = datetime(year, month, 1, tzinfo=UTC).astimezone(of(mine)).utcoffset()
            if offset == timedelta(minutes=zone) and _rule(mine).count(","):
                return mine
    return zone


def said(zone: int | str) -> str:
    """The zone, for a person."""
    return str(of(zone))


def _from_environment() -> str:
    return os.environ.get("TZ", "").removeprefix(":")


def _from_link() -> str:
    return os.path.realpath("/etc/localtime").rpartition("/zoneinfo/")[2]


def _from_file() -> str:
    try:
        return Path("/etc/timezone").read_text("utf-8", "replace").strip()
    except OSError:
        return ""


def _standard(name: str) -> int:
    """Minutes east of UTC, without summer time, from now on."""
    zone = zoneinfo.ZoneInfo(name)
    now = datetime.now(UTC)
    whens = [(now + timedelta(days=30 * month)).astimezone(zone) for month in range(12)]
    standard = next((when for when in whens if not when.dst()), whens[0])
    return int((standard.utcoffset() or timedelta()).total_seconds() // 60)


def _rule(name: str) -> str:
    """The rule at the end of a zone's file (RFC 8536, 3.3), or "" if it has none."""
    return _file(name).rstrip(b"\n").rpartition(b"\n")[2].decode("ascii", "replace")


def _file(name: str) -> bytes:
    for folder in zoneinfo.TZPATH:
        try:
            return Path(folder, name).read_bytes()
        except OSError:
            continue
    return resources.files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()
