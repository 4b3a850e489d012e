"""Content as it goes over the wire, for every way of cutting the input into chunks."""

from collections.abc import Iterator

import pytest
from buzon_host.server.content import dot_stuffed, first_bytes, top, with_crlf
from hypothesis import given
from hypothesis import strategies as st
from servers.tools import unstuffed, wire_form

PIECES = [
    b"\r",
    b"\n",
    b"\r\n",
    b".",
    b"..",
    b"\0",
    b"\xff",
    b"a",
    b"text",
    b"\r\n.\r\n",
    b"\n.\n",
    b"\r\n\r\n",
]
contents = st.lists(st.sampled_from(PIECES), max_size=14).map(b"".join)


def splits(content: bytes) -> Iterator[list[bytes]]:
    """Every way of cutting in two, and one byte at a time; empty chunks too."""
    yield [content[at : at + 1] for at in range(len(content))]
    for at in range(len(content) + 1):
        yield [content[:at], content[at:]]


@given(contents)
def test_crlf_and_stuffing_over_every_split(content: bytes) -> None:
    wire = wire_form(content)
    for chunks in splits(content):
        assert b"".join(with_crlf(chunks)) == wire
        sent = b"".join(dot_stuffed(with_crlf(chunks)))
        assert unstuffed(sent) == wire
        assert not sent.startswith(b".\r\n")
        assert b"\r\n.\r\n" not in sent
    for chunks in splits(wire):
        assert b"".join(with_crlf(chunks)) == wire, "what has the form already must not change"


@given(contents, st.integers(0, 5))
def test_top_over_every_split(content: bytes, lines: int) -> None:
    wire = wire_form(content)
    if wire.startswith(b"\r\n"):
        head, body = b"\r\n", wire[2:]
    else:
        head, gap, body = wire.partition(b"\r\n\r\n")
        head += gap
    expected = head + b"".join(line + b"\r\n" for line in body.split(b"\r\n")[:-1][:lines])
    for chunks in splits(wire):
        assert b"".join(top(chunks, lines)) == expected


@given(contents, st.integers(1, 40))
def test_first_bytes_over_every_split(content: bytes, count: int) -> None:
    for chunks in splits(content):
        assert b"".join(first_bytes(chunks, count)) == content[:count]


@pytest.mark.parametrize(
    ("content", "sent"),
    [
        (b"", b""),
        (b"a", b"a\r\n"),
        (b"a\n", b"a\r\n"),
        (b"a\r", b"a\r\r\n"),
        (b"a\r\r\nb\rc\n", b"a\r\r\nb\rc\r\n"),
        (b".\n..\n.a\nb.\n", b"..\r\n...\r\n..a\r\nb.\r\n"),
        (b"a\r.\r.b\n", b"a\r.\r.b\r\n"),
    ],
)
def test_examples(content: bytes, sent: bytes) -> None:
    assert b"".join(dot_stuffed(with_crlf([content]))) == sent
