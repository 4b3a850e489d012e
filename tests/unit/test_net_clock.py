"""What an NTP answer must be to be believed, and how far the clock is trusted."""

ONLY = "cpython"  # the clock of a computer is not set by a test

from buzon.net import clock, ntp

_UNIX = 2208988800
NOW = 1_770_000_000  # in 2026, and past
ASKED = bytes(40) + b"nonce-01"


def answer(epoch=NOW, mode=4, leap=0, stratum=2, nonce=b"nonce-01"):
    head = bytes((leap << 6 | 4 << 3 | mode, stratum)) + bytes(22)
    return head + nonce + bytes(8) + ((epoch + _UNIX) & 0xFFFFFFFF).to_bytes(4, "big") + bytes(4)


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


def test_no_time_before_the_firmware_was_written_or_the_last_good_one():
    clock.start(0)
    assert ntp.time_in(answer(1_700_000_000), ASKED) == 0
    assert ntp.time_in(answer(1_767_225_600), ASKED) == 1_767_225_600
    clock.start(NOW)
    assert ntp.time_in(answer(NOW - 3600), ASKED) == 0
    assert ntp.time_in(answer(NOW - 30), ASKED) == NOW - 30
    clock.start(0)


def test_a_clock_that_nobody_set_is_valid_but_not_sure():
    clock.start(0)
    assert clock.valid()
    assert not clock.sure()
    assert clock.now() == 0
