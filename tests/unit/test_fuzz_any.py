"""What hypothesis makes of the same servers: any damage, any split. Success or a MailError, and a whole spool."""

from typing import Any

import pytest
import recorded
import replay
import test_fuzz as fuzz
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

ONLY = "cpython"

SHORT = 250  # bytes of a reply that is tried in every split
KNOWN = fuzz.keys()
servers = st.sampled_from([*replay.SERVERS, *recorded.servers()])
damages = st.lists(
    st.tuples(
        st.integers(0, 20),  # which reply
        st.integers(0, 5000),  # where
        st.sampled_from([0, 0, 1, 2, 9, 10000]),  # bytes that go
        st.one_of(st.sampled_from(replay.NASTY), st.binary(max_size=20)),
        st.sampled_from([1, 1, 1, 3, 8]),
    ),
    min_size=1,
    max_size=4,
)
splits = st.lists(st.integers(1, 1000), min_size=1, max_size=6)
Server = tuple[str, dict[str, Any], dict[str, Any]]


def damaged(server: Server, damage: list[tuple[int, int, int, bytes, int]]) -> dict[str, Any]:
    replies = server[1]
    for which, at, cut, nasty, times in damage:
        place = sorted(replies)[which % len(replies)]
        replies = replay.changed(
            replies,
            place,
            lambda reply, at=at, cut=cut, new=nasty * times: replay.mutated(reply, at, cut, new),
        )
    return replies


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(servers, damages, splits, st.sampled_from([64, 128, 1024]))
def test_any_damage(server: Server, damage: Any, split: list[int], size: int) -> None:
    replies = damaged(server, damage)
    outcomes = []
    for pieces in ((100000,), split):
        replay.clean()
        memory = {"scram": dict(KNOWN)}
        outcomes.append(replay.session(replies, pieces, size, memory, **server[2]))
    assert outcomes[0] == outcomes[1]
    replay.session(server[1], (1000,), size, {"scram": dict(KNOWN)}, **server[2])  # on what is left


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(replay.SERVERS), damages)
def test_every_split_of_any_damage(server: Server, damage: Any) -> None:
    """Each short reply of the damaged server comes in two pieces, at each place in turn."""
    replies = damaged(server, damage)
    fuzz.every_split(replies, server[2], KNOWN, 40)


@pytest.mark.skipif(not recorded.names(), reason="the recorded replies are not here")
def test_recorded_replies_in_every_split() -> None:
    """Each short one in its place, in two pieces, at each byte."""
    replayed = splits = 0
    for name in recorded.names():
        place, data = recorded.place(name), recorded.reply(name)
        if not place or len(data) > SHORT:
            continue
        replies, account = recorded.server(name)
        replay.clean()
        want = replay.session(replies, (10000,), 1024, **account)
        for at in range(1, len(data)):
            replay.clean()
            assert replay.session(replies, (10000,), 1024, split=(place, at), **account) == want, (name, at)
            splits += 1
        replayed += 1
    print(f"{replayed} of {len(recorded.names())} recorded replies, {splits} splits")
    assert replayed > 20
