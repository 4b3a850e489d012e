"""A time zone, given as minutes or as a rule as in TZ (`CET-1CEST,M3.5.0,M10.5.0/3`), and its offset at a time.

Never sets the clock. Rules: IEEE Std 1003.1, 8.3, with hours up to 167 as in RFC 8536, 3.3.1.
"""

import time

from micropython import const

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any, Dict, Tuple

    Zone = Tuple[int, int, int, "Dict[str, Any]"]

_RULE = const(64)  # bytes of a rule
_HOUR = const(3600)
_DAY = const(86400)
_ALWAYS = const(1 << 40)


def at(settings: "Dict[str, Any]", now: int) -> "Zone":
    """(seconds east of UTC, since when, until when, `settings`) at `now`, by the settings' `time`; times are
    those of time.time(). If there is no valid `rule`, `zone` counts, in minutes."""
    try:
        return offset(settings["rule"], now) + (settings,)
    except (KeyError, ValueError):
        return settings.get("zone", 0) * 60, 0, _ALWAYS, settings


def offset(rule: str, now: int) -> "Tuple[int, int, int]":
    """(seconds east of UTC, since when, until when) at `now`. Raises ValueError if `rule` is not a rule."""
    if len(rule) > _RULE:
        raise ValueError
    west, i = _time(rule, _name(rule, 0), 24)
    if i == len(rule):
        return -west, 0, _ALWAYS
    i = _name(rule, i)
    west_dst = west - _HOUR
    if rule[i : i + 1] != ",":
        west_dst, i = _time(rule, i, 24)
    begin, i = _date(rule, i)
    end, i = _date(rule, i)
    if i != len(rule):
        raise ValueError
    t = time.gmtime(now)
    year = t[0] - 1
    # The start of last year and its day of the week, Monday 0.
    start = now - ((t[7] - 1) * _DAY + t[3] * _HOUR + t[4] * 60 + t[5]) - _days(year) * _DAY
    weekday = (t[6] + 1 - t[7] - _days(year)) % 7
    # Where one period ends as the next begins, as in a year that is all summer, the next one counts.
    events = []
    for _ in range(3):
        events.append((start + _seconds(begin, year, weekday) + west, 1, -west_dst))
        events.append((start + _seconds(end, year, weekday) + west_dst, 0, -west))
        start += _days(year) * _DAY
        weekday = (weekday + _days(year)) % 7
        year += 1
    events.sort()
    since, until, east = 0, _ALWAYS, events[0][2]
    for when, _, new in events:
        if when > now:
            until = when
            break
        since, east = when, new
    return east, since, until


def _name(rule: str, i: int) -> int:
    """Where the name at `i` ends: three or more letters, or one or more characters in <>."""
    end = i
    if rule[i : i + 1] == "<":
        end = rule.find(">", i) + 1
    else:
        while rule[end : end + 1].isalpha():
            end += 1
    if end - i < 3:
        raise ValueError
    return end


def _number(rule: str, i: int, least: int, most: int) -> "Tuple[int, int]":
    """A number of at most three digits, and where it ends."""
    end = i
    while end < i + 3 and "0" <= rule[end : end + 1] <= "9":
        end += 1
    number = int(rule[i:end])  # ValueError if there is none
    if not least <= number <= most:
        raise ValueError
    return number, end


def _time(rule: str, i: int, most: int) -> "Tuple[int, int]":
    """`[+-]hh[:mm[:ss]]` in seconds, and where it ends."""
    sign = rule[i : i + 1]
    if sign and sign in "+-":
        i += 1
    seconds, i = _number(rule, i, 0, most)
    seconds *= _HOUR
    unit = 60
    while unit and rule[i : i + 1] == ":":
        part, i = _number(rule, i + 1, 0, 59)
        seconds += part * unit
        unit //= 60
    return (-seconds if sign == "-" else seconds), i


def _date(rule: str, i: int) -> "Tuple[Tuple[str, int, int, int, int], int]":
    """`,Mm.w.d`, `,Jn` or `,n`, then `/time`: (its kind, m or n, w, d, seconds of that day), and where it ends."""
    if rule[i : i + 1] != ",":
        raise ValueError
    kind = rule[i + 1 : i + 2]
    week = day = 0
    if kind == "M":
        number, i = _number(rule, i + 2, 1, 12)
        week, i = _number(rule, _after(rule, i, "."), 1, 5)
        day, i = _number(rule, _after(rule, i, "."), 0, 6)
    elif kind == "J":
        number, i = _number(rule, i + 2, 1, 365)
    else:
        kind = ""
        number, i = _number(rule, i + 1, 0, 365)
    seconds = 2 * _HOUR
    if rule[i : i + 1] == "/":
        seconds, i = _time(rule, i + 1, 167)
    return (kind, number, week, day, seconds), i


def _after(rule: str, i: int, sign: str) -> int:
    if rule[i : i + 1] != sign:
        raise ValueError
    return i + 1


def _days(year: int) -> int:
    return 366 if not year % 4 and (year % 100 or not year % 400) else 365


def _seconds(date: "Tuple[str, int, int, int, int]", year: int, weekday: int) -> int:
    """Seconds from the start of the year to the date; `weekday`: that of January 1, Monday 0."""
    kind, number, week, day, seconds = date
    leap = _days(year) - 365
    if kind == "M":
        first = _before(number, leap)
        end = _before(number + 1, leap)
        number = first + (day + 6 - weekday - first) % 7 + 7 * (week - 1)
        while number >= end:
            number -= 7
    elif kind == "J":
        number += leap - 1 if number > 59 else -1
    return number * _DAY + seconds


def _before(month: int, leap: int) -> int:
    """The days of the year before a month; month 13 gives all of them."""
    return (367 * month - 362) // 12 - (0 if month < 3 else 2 - leap)
