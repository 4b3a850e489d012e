"""HeaderScan on small cases; every split and Python's own parser: tests/host/test_text_properties.py."""

from buzon.text.headers import HeaderScan

NAMES = (b"from", b"subject", b"date")


def scan(data, step=0, limit=200, names=NAMES):
    """The values after the data came in pieces of `step` bytes inside a larger, re-used buffer."""
    found = HeaderScan(names, limit)
    step = step or len(data)
    buf = bytearray(step + 3)
    for i in range(0, len(data), step):
        part = data[i : i + step]
        buf[2 : 2 + len(part)] = part
        found.write(buf, 2, len(part))
        for k in range(len(buf)):
            buf[k] = 0x58  # the lender uses it again
    return found


def values(data, step=0, limit=200):
    found = scan(data, step, limit)
    return [found.get(name) for name in NAMES]


def every_step(data, expected, limit=200):
    for step in range(1, len(data) + 1):
        assert values(data, step, limit) == expected, step


def test_fields_are_found_whatever_their_case():
    data = b"FROM: a@b\r\nX: y\r\nsubject:Hola \r\nDate: \t now\r\n\r\nbody\r\n"
    every_step(data, [b"a@b", b"Hola", b"now"])


def test_folded_lines_are_joined():
    every_step(b"Subject: one\r\n two\r\n\tthree\r\n \r\n\r\nFrom: x\r\n", [b"", b"one two\tthree", b""])


def test_the_first_occurrence_wins_and_its_twin_is_not_appended():
    every_step(b"Subject: a\r\nSubject: b\r\n c\r\nFrom: d\r\n\r\n", [b"d", b"a", b""])


def test_the_body_is_not_a_header():
    every_step(b"From: a\r\n\r\nSubject: b\r\n", [b"a", b"", b""])


def test_lf_only_and_cr_cr_lf():
    every_step(b"From: a\nSubject: b\n c\n\nDate: d\n", [b"a", b"b c", b""])
    every_step(b"From: a\r\r\nSubject: b\r\r\n\r\r\nDate: d\r\n", [b"a", b"b", b""])


def test_a_lone_cr_is_white_space():
    every_step(b"Subject: a\rFrom: b\r\nDate: d\r\n\r\n", [b"", b"a From: b", b"d"])


def test_mbox_line_and_names_that_only_begin_alike():
    data = b"From a@b Sat Jan  1 00:00:00 2000\r\nSubjects: x\r\nSubj: y\r\n"
    data += b"From : c\r\nSubject\r\nDate: d\r\n\r\n"
    every_step(data, [b"c", b"", b"d"])


def test_8_bit_and_nul_are_kept_as_they_are():
    every_step(b"Subject: \xf1\x00\xff\r\n\r\n", [b"", b"\xf1\x00\xff", b""])


def test_a_missing_empty_line_is_no_error():
    every_step(b"Subject: a\r\nthis is text\r\nFrom: b", [b"b", b"a", b""])
    assert not scan(b"x", 1).done
    assert values(b"", 1) == [b"", b"", b""]


def test_the_limit():
    every_step(b"Subject:    0123456789\r\n 0123\r\nDate: d\r\n\r\n", [b"", b"01234567", b"d"], 8)


def test_done_at_the_empty_line_or_when_all_are_found():
    assert scan(b"Subject: a\r\n\r\n").done
    assert scan(b"Subject: a\n\n").done
    assert not scan(b"Subject: a\r\n").done
    assert not scan(b"From: f\r\nSubject: a\r\nDate: d\r\n").done  # Date may go on
    assert scan(b"From: f\r\nSubject: a\r\nDate: d\r\n e\r\nX").done


def test_reset_forgets():
    found = scan(b"From: f\r\nSubject: a\r\n\r\n")
    found.reset()
    assert not found.done
    assert found.get(b"from") == b""
    found.write(b"Date: d\r\n", 0, 9)
    assert found.get(b"date") == b"d"
    assert found.get(b"subject") == b""


def test_a_line_of_a_megabyte():
    found = HeaderScan(NAMES, 20)
    piece = b"y" * 1024
    found.write(b"Subject: ", 0, 9)
    for _ in range(1024):
        found.write(piece, 0, len(piece))
    found.write(b"\r\nFrom: f\r\n\r\n", 0, 13)
    assert found.get(b"subject") == b"y" * 20
    assert found.get(b"from") == b"f"
    assert found.done


def test_no_allocation_per_piece():
    import gc

    if not hasattr(gc, "mem_alloc"):
        return  # only MicroPython can say
    found = HeaderScan(NAMES, 64)
    data = bytearray(b"Received: by x\r\nSubject: a long one\r\n and folded\r\nX-Spam: no\r\n" * 8)
    found.write(data, 0, len(data))
    found.reset()
    gc.collect()
    gc.disable()
    before = gc.mem_alloc()
    for i in range(len(data)):
        found.write(data, i, 1)
    after = gc.mem_alloc()
    gc.enable()
    assert after - before == 0, after - before
