"""The campaigns of `make faults`, with few points each; and that what they count would be seen."""

import pytest

from . import network
from .campaign import Tally, points

SENT = [b"one", b"two"]


@pytest.mark.parametrize(
    ("stored", "left", "delete", "found"),
    [
        ([b"one", b"two"], [], True, (0, 0, 0, 0)),
        ([b"one", b"two"], SENT, False, (0, 0, 0, 0)),
        ([b"one"], [], True, (1, 0, 0, 0)),
        ([b"one", b"two", b"two"], [], True, (0, 1, 0, 0)),
        ([b"one", b"two"], [b"two"], True, (0, 0, 1, 0)),
        ([b"one", b"two", b"tw"], [], True, (0, 0, 0, 1)),
        ([b"one", b"two"], [b"two"], False, (1, 0, 0, 0)),
    ],
)
def test_what_went_wrong_is_counted(stored, left, delete, found) -> None:
    tally = Tally("test")
    tally.add(SENT, stored, left, delete)
    assert (tally.lost, tally.duplicated, tally.orphaned, tally.corrupted) == found
    assert tally.good == (found == (0, 0, 0, 0))


def test_a_campaign_that_tried_nothing_is_not_good() -> None:
    assert not Tally("test").good


def test_points_are_all_of_them_or_a_sample_with_both_ends() -> None:
    assert points(1, 5, 3, quick=False) == [1, 2, 3, 4, 5]
    assert points(1, 100, 4, quick=True) == [1, 34, 67, 100]


def test_network() -> None:
    tallies = list(network.campaigns(quick=True))
    assert len(tallies) == 4
    assert all(tally.good for tally in tallies), tallies
    assert all(tally.cuts >= 20 for tally in tallies)
