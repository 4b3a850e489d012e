"""The benchmark's programs: what each collects is what the server has, and a wrong one is no figure."""

import dataclasses
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from buzon_host.bench import maildrop
from buzon_host.bench.link import Course, Taken
from buzon_host.bench.peers import PEERS, POPLIB, Peer
from buzon_host.server.dovecot import Dovecot

MAIL = [*maildrop.mixed(4), b"Subject: dots\n\n.\n..\nend\n"]


@pytest.fixture
def course(dovecot: Dovecot) -> Iterator[Course]:
    """`dovecot`: so that the test is skipped where there is none. Not below pytest's folders, which only their owner
    may enter."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="buzon-bench-"))
        yield Course(stack, Path(folder), MAIL)


@pytest.mark.parametrize("delete", [False, True])
@pytest.mark.parametrize("peer", PEERS, ids=[peer.name for peer in PEERS])
def test_each_program_collects_everything_and_is_timed(peer: Peer, delete: bool, course: Course) -> None:
    if peer.missing:
        assert not os.environ.get("CI"), peer.missing
        pytest.skip(peer.missing)
    taken = Taken()
    course.peer(peer, 5, delete, taken)
    assert taken.missing == ""
    assert taken.turns[0] >= 5
    assert taken.seconds[0] > 2 * 0.005 * taken.turns[0]


@pytest.mark.parametrize("delete", [False, True])
def test_ours_collects_everything_in_a_few_round_trips(delete: bool, course: Course) -> None:
    first, again = course.ours(20, delete, 2)
    # What is kept is compared with its sizes, in one turn more.
    assert (first.turns, again.turns) == (5, 4 if delete else 5)
    (flash,) = course.ours(20, delete, 1, flash=8 << 20)
    assert flash.turns == 5


def test_one_that_changes_a_message_has_no_figure(course: Course, tmp_path: Path) -> None:
    loop = Path(POPLIB.command(Path(), Path())[1]).read_text("utf-8")
    other = tmp_path / "loop.py"
    other.write_text(loop.replace('b"\\r\\n"', 'b" \\r\\n"'), "utf-8")
    command = [POPLIB.command(Path(), Path())[0], str(other)]
    taken = Taken()
    course.peer(dataclasses.replace(POPLIB, command=lambda s, f: [*command, str(s)]), 0, False, taken)
    assert (taken.missing, taken.seconds) == ("poplib did not store every message as it is", [])


def test_one_that_fails_or_is_not_there_says_so(course: Course, tmp_path: Path) -> None:
    taken = Taken()
    course.peer(dataclasses.replace(POPLIB, command=lambda s, f: ["false"]), 0, False, taken)
    assert taken.missing.startswith("poplib failed")
    gone = dataclasses.replace(POPLIB, name="mpop", program="mpop-is-not-here")
    assert gone.missing == "mpop is not installed: make bench-deps"
