"""What an NTP answer must be to be believed, and how far the clock is trusted."""

ONLY = "cpython"  # the clock of a computer is not set by a test

import time

import pytest
from buzon.net import clock, ntp

_UNIX = 2208988800
NOW = 1_770_000_000  # in 2026, and past
DAY = 86400
ASKED = bytes(40) + b"nonce-01"


def answer(epoch=NOW, mode=4, leap=0, stratum=2, nonce=b"nonce-01"):
    head = bytes((leap << 6 | 4 << 3 | mode, stratum)) + bytes(22)
    return head + nonce + bytes(8) + ((epoch + _UNIX) & 0xFFFFFFFF).to_bytes(4, "big") + bytes(4)


class Rtc:
    """A board's clock, in place of the computer's."""

    gmtime = staticmethod(time.gmtime)

    def __init__(self):
        self.epoch = 0

    def time(self):
        return self.epoch

    def set(self, epoch):
        self.epoch = epoch


@pytest.fixture
def rtc(monkeypatch):
    rtc = Rtc()
    monkeypatch.setattr(clock, "time", rtc)
    monkeypatch.setattr(clock, "_set", rtc.set)
    clock.start(0)
    yield rtc
    monkeypatch.undo()
    clock.start(0)


def test_a_good_answer():
    clock.start(0)
    assert ntp.time_in(answer(), ASKED) == NOW
    assert ntp.time_in(answer() + b"more", ASKED) == NOW
    assert ntp.time_in(answer(2_200_000_000), ASKED) == 2_200_000_000  # after 2036


def test_answers_that_are_none():
    clock.start(0)
    for bad in (
        b"",
        answer()[:47],
        answer(mode=3),
        answer(leap=3),
        answer(stratum=0),
        answer(stratum=16),
        answer(nonce=b"nonce-02"),
        answer(nonce=bytes(8)),
    ):
        assert ntp.time_in(bad, ASKED) == 0, bad


def test_no_time_before_the_firmware_was_written_or_long_before_the_last_good_one(rtc):
    clock.start(0)
    assert ntp.time_in(answer(1_700_000_000), ASKED) == 0
    assert ntp.time_in(answer(1_767_225_600), ASKED) == 1_767_225_600
    late = NOW + 1000 * DAY
    clock.start(late)
    assert ntp.time_in(answer(late - 401 * DAY), ASKED) == 0
    assert ntp.time_in(answer(late - 399 * DAY), ASKED) == late - 399 * DAY
    clock.start(0)


def test_a_clock_that_nobody_set_is_valid_but_not_sure():
    clock.start(0)
    assert clock.valid()
    assert not clock.sure()
    assert clock.now() == 0


def test_one_answer_sets_the_clock_and_two_that_agree_are_trusted(rtc):
    assert not clock.heard(NOW)
    assert (clock.now(), clock.recorded(), clock.trusted()) == (NOW, 0, False)
    rtc.epoch += 20
    assert clock.heard(NOW + 21)
    assert (clock.recorded(), clock.trusted()) == (NOW + 21, True)


@pytest.mark.parametrize("wrong", [NOW + 300 * DAY, NOW - 20 * DAY])
def test_a_wrong_answer_is_never_trusted_and_the_right_ones_win(rtc, wrong):
    assert not clock.heard(wrong)
    assert clock.recorded() == 0
    assert not clock.heard(NOW)
    assert (clock.now(), clock.recorded()) == (NOW, 0)
    assert clock.heard(NOW)
    assert clock.recorded() == NOW


@pytest.mark.parametrize("wrong", [NOW + 300 * DAY, NOW - 20 * DAY])
def test_a_trusted_clock_is_not_moved_by_one_answer(rtc, wrong):
    clock.set_to(NOW)
    assert not clock.heard(wrong)
    assert (clock.recorded(), clock.trusted()) == (NOW, True)
    rtc.epoch += DAY
    assert clock.heard(NOW + DAY + 2)
    assert clock.recorded() == NOW + DAY + 2
    assert not clock.heard(wrong)  # for the first time again


def test_a_last_good_time_that_was_wrong_does_not_last(rtc):
    clock.start(NOW + 300 * DAY)
    assert clock.valid()
    assert not clock.heard(NOW)
    assert clock.now() == 0
    rtc.epoch += 3600
    assert clock.heard(NOW + 3600)
    assert clock.recorded() == NOW + 3600
    clock.start(clock.recorded())
    assert not clock.heard(NOW + 3700)
    assert clock.heard(NOW + 3700)
