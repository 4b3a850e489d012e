"""sync.py against servers that are odd (odd.py), each way alone and in mixtures: nothing is lost, doubled or ignored."""

import os
import sys

sys.path.append(os.getcwd() if "/" not in __file__ else __file__[: __file__.rindex("/")])

from chance import chance
from odd import ODDITIES, campaign
from pipelined import CAPS

SEEDS = 60 if sys.implementation.name == "cpython" else 6
KEEPS = ("delete", "forever")
MIXED = ("delete", "forever", 3)


def _right(ways, seed, keep, caps, **more):
    found = campaign(ways, seed, keep, caps=caps, **more)
    assert not found, (ways, seed, keep, "pipelined" if caps else "one at a time", found)


def _each(way):
    def run():
        for keep in KEEPS:
            for caps in (None, CAPS):
                _right((way,), 1, keep, caps)
        _right((way,), 2, "delete", CAPS, start=80)  # more than a window
        _right((way,), 3, "delete", None, start=0)  # one a poll
        _right((way,), 3, "forever", None, start=0)

    return run


for _way in ODDITIES:
    globals()["test_" + _way.replace("-", "_")] = _each(_way)


def test_a_server_that_is_not_odd():
    for keep in KEEPS:
        for caps in (None, CAPS):
            _right((), 1, keep, caps)


def test_the_only_message_has_no_line_in_uidl_and_no_reply_is_taken_for_another():
    """The window that it came into was handled twice: a reply to DELE was read as one to LIST."""
    _right(("other-deletes", "size-larger", "size-some", "uid-left-out"), 1682, "delete", CAPS)
    for seed in range(1, 2 * SEEDS // 3 + 1):
        _right(("retr-short-once", "uid-left-out"), seed, KEEPS[seed % 2], CAPS if seed % 3 else None)


def test_what_came_twice_the_same_teaches_nothing_before_a_reply_follows():
    """A lone dot ended a message without an id of its own early, twice: the next one was taken as whole."""
    _right(("dele-nothing", "dele-perm", "dot-lone", "uid-repeated"), 283, "forever", CAPS, order="newest")


def test_mixtures():
    wrong = []
    for seed in range(1, SEEDS + 1):
        below = chance(seed)
        ways = tuple({ODDITIES[below(len(ODDITIES))] for _ in range(2 + below(3))})
        keep = MIXED[seed % 3]
        order = "newest" if seed % 5 > 2 else "oldest"
        found = campaign(ways, seed, keep, caps=CAPS if seed % 4 else None, order=order)
        if found:
            wrong.append((seed, ways, found[0]))
    assert not wrong, wrong
