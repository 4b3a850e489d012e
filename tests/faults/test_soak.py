"""A thousand polls of the engine over TLS at the heap limit: nothing grows, and the last are as fast as the first.

`make faults` does as many with a whole board, and looks at a maildrop of 10,000 messages.
"""

import pytest

from . import soak

POLLS = 1000


@pytest.mark.timeout(600)
def test_a_thousand_polls_with_failures_among_them_leave_nothing() -> None:
    with soak.Engine() as engine:
        figures = engine.run(POLLS)
    print(figures)
    assert figures.good, figures
    assert {206, 211, 221} >= set(figures.failed), (
        figures
    )  # cut off, forged, in the handshake: no other error
    assert figures.failed[211] == POLLS // 10
    assert figures.stored == POLLS // 5
    assert engine.heap_kib <= 108


def test_what_grows_or_gets_slower_would_be_seen() -> None:
    same = {"soak": "test", "polls": 100, "stored": 0, "failed": {}}
    assert soak.Figures(heap={10: 60000, 100: 60000}, first=0.1, last=0.1, **same).good  # type: ignore[arg-type]
    assert not soak.Figures(heap={10: 60000, 100: 61500}, first=0.1, last=0.1, **same).good  # type: ignore[arg-type]
    assert not soak.Figures(heap={10: 60000, 100: 60000}, first=0.1, last=0.4, **same).good  # type: ignore[arg-type]
