"""The campaigns of `make faults`, with few points each; and that what they count would be seen."""

import pytest

from . import network, policies, power
from .campaign import Tally, points
from .pool import Failed, run

SENT = [b"one", b"two"]


@pytest.mark.parametrize(
    ("stored", "left", "server", "found"),
    [
        ([b"one", b"two"], [], [], (0, 0, 0, 0)),
        ([b"one", b"two"], SENT, SENT, (0, 0, 0, 0)),
        ([b"one"], [], [], (1, 0, 0, 0)),
        ([b"one", b"two", b"two"], [], [], (0, 1, 0, 0)),
        ([b"one", b"two"], [b"two"], [], (0, 0, 1, 0)),
        ([b"one", b"two", b"tw"], [], [], (0, 0, 0, 1)),
        ([b"one", b"two"], [b"two"], SENT, (1, 0, 0, 0)),
    ],
)
def test_what_went_wrong_is_counted(stored, left, server, found) -> None:
    tally = Tally("test")
    tally.add(SENT, server, stored, left)
    assert (tally.lost, tally.duplicated, tally.orphaned, tally.corrupted) == found
    assert tally.good == (found == (0, 0, 0, 0))


def test_a_campaign_that_tried_nothing_is_not_good() -> None:
    assert not Tally("test").good


def test_points_are_all_of_them_or_a_sample_with_both_ends() -> None:
    assert points(1, 5, 3, quick=False) == [1, 2, 3, 4, 5]
    assert points(1, 100, 4, quick=True) == [1, 34, 67, 100]


def test_network_with_every_policy() -> None:
    batches = [
        network.Points(network.Row(policy.name, "local", tls, True, silent), 0, 1, 3 if tls else 6)
        for policy in policies.POLICIES
        for tls, silent in ((False, False), (False, True), (True, False))
    ]
    tallies = [tally for tally, _ in run(batches, 2)]
    assert len(tallies) == len(batches)
    assert all(tally.good for tally in tallies), tallies
    assert all(tally.cuts >= 9 for tally in tallies)


def test_power_with_every_policy() -> None:
    tallies = [tally for tally, _ in run(list(power.batches(quick=True)), 1)]
    assert all(tally.good for tally in tallies), tallies
    assert all(tally.cuts >= 24 for tally in tallies)


def test_a_batch_that_fails_is_told() -> None:
    with pytest.raises(Failed, match="nobody"):
        list(run([network.Points(network.Row("nobody", "local", False, True, False), 0, 1, 3)], 1))
