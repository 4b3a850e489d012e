"""Time zone rules as POSIX writes them: what they make of UTC, and from when until when."""

import time

from buzon.net import zone

_EPOCH = 946684800 if time.gmtime(0)[0] == 2000 else 0
H = 3600
MADRID = "CET-1CEST,M3.5.0,M10.5.0/3"
SUMMER_2026 = 1774746000  # 2026-03-29 01:00 UTC
WINTER_2026 = 1792890000  # 2026-10-25 01:00 UTC
SUMMER_2027 = 1806195600  # 2027-03-28 01:00 UTC


def offset(rule, epoch):
    east, since, until = zone.offset(rule, epoch - _EPOCH)
    assert since <= epoch - _EPOCH < until
    return east


def test_the_last_sundays_of_march_and_october():
    assert offset(MADRID, SUMMER_2026 - 1) == H
    assert offset(MADRID, SUMMER_2026) == 2 * H
    assert offset(MADRID, WINTER_2026 - 1) == 2 * H
    assert offset(MADRID, WINTER_2026) == H
    assert zone.offset(MADRID, SUMMER_2026 - _EPOCH) == (2 * H, SUMMER_2026 - _EPOCH, WINTER_2026 - _EPOCH)
    assert zone.offset(MADRID, SUMMER_2027 - 1 - _EPOCH) == (H, WINTER_2026 - _EPOCH, SUMMER_2027 - _EPOCH)


def test_names_in_brackets_and_no_summer_time():
    for now in (SUMMER_2026, WINTER_2026):
        assert offset("<+03>-3", now) == 3 * H
        assert offset("<+0545>-5:45", now) == 5 * H + 2700
        assert offset("UTC0", now) == 0
        assert offset("LMT+0:44:30", now) == -2670
    since, until = zone.offset("<+03>-3", 0)[1:]
    assert since == 0
    assert until > 1 << 34


def test_south_of_the_equator_and_half_an_hour():
    # Lord Howe: 10:30, and 11:00 from October to April.
    rule = "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"
    assert offset(rule, 1767225600) == 11 * H  # January
    assert offset(rule, 1782864000) == 10 * H + 1800  # July
    # 2026-04-05 02:00 there is 2026-04-04 15:00 UTC; 2026-10-04 02:00 there is 2026-10-03 15:30 UTC
    assert offset(rule, 1775314800 - 1) == 11 * H
    assert offset(rule, 1775314800) == 10 * H + 1800
    assert offset(rule, 1791041400 - 1) == 10 * H + 1800
    assert offset(rule, 1791041400) == 11 * H


def test_winter_time_that_is_the_exception():
    dublin = "IST-1GMT0,M10.5.0,M3.5.0/1"
    assert offset(dublin, SUMMER_2026 - 1) == 0
    assert offset(dublin, SUMMER_2026) == H
    assert offset(dublin, WINTER_2026) == 0


def test_days_of_the_year():
    # J60 is the first of March in every year, 59 (from 0) is the 29th of February in a leap year.
    for year_start, first_of_march in ((1767225600, 1772323200), (1830297600, 1835481600)):  # 2026, 2028
        assert offset("AAA0BBB,J60/0,J300", first_of_march - 1) == 0
        assert offset("AAA0BBB,J60/0,J300", first_of_march) == H
        assert offset("AAA0BBB,59/0,J300", year_start + 59 * 86400 - 1) == 0
        assert offset("AAA0BBB,59/0,J300", year_start + 59 * 86400) == H
    # Summer all year.
    for now in (1767225600 - 5 * H, 1767225600, 1767225600 + 5 * H, 1782864000, 1798761600 - 1):
        assert offset("EST5EDT,0/0,J365/25", now) == -4 * H


def test_hours_beyond_a_day_and_before_it():
    # 50 hours after the fourth Thursday of March is Saturday, 2:00: 2026-03-28 00:00 UTC.
    gaza = "EET-2EEST,M3.4.4/50,M10.4.4/50"
    assert offset(gaza, 1774656000 - 1) == 2 * H
    assert offset(gaza, 1774656000) == 3 * H
    # Nuuk: 22:00 on the Saturday before the last Sunday.
    nuuk = "<-02>2<-01>,M3.5.0/-1,M10.5.0/0"
    assert offset(nuuk, SUMMER_2026 - 1) == -2 * H
    assert offset(nuuk, SUMMER_2026) == -H


# fmt: off
BAD = (
    "", "C", "CE-1", "CET", "CET-", "-1", "<+03-3", "<>-3", "CET-25", "CET-1:60", "CET1CEST",
    "CET-1CE,M3.5.0,M10.5.0", "CET-1CEST,", "CET-1CEST,M3.5.0", "CET-1CEST,M3.5.0,",
    "CET-1CEST,M3.5.0,M10.5.0/", "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M0.5.0,M1.1.0",
    "CET-1CEST,M3.6.0,M10.5.0", "CET-1CEST,M3.0.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0",
    "CET-1CEST,J0,J5", "CET-1CEST,J366,J5", "CET-1CEST,366,5", "CET-1CEST,M3.5.0/168,M10.5.0",
    "CET-1CEST,M3.5.0,M10.5.0x", "CET-1CEST;M3.5.0,M10.5.0", "CET-1CEST,M3-5.0,M10.5.0",
    "A" * 65 + "-1", "CET-9999999999", "\x00\x01\x02",
)
# fmt: on


def test_what_is_no_rule_is_refused_and_the_minutes_count():
    for rule in BAD:
        try:
            found = zone.offset(rule, SUMMER_2026 - _EPOCH)
        except ValueError:
            found = None
        assert found is None, (rule, found)
        assert zone.at({"rule": rule, "zone": -90}, 1000)[0] == -5400
    assert zone.at({}, 1000)[0] == 0
    settings = {"rule": MADRID, "zone": -90}
    assert zone.at(settings, SUMMER_2026 - _EPOCH) == (
        2 * H,
        SUMMER_2026 - _EPOCH,
        WINTER_2026 - _EPOCH,
        settings,
    )
