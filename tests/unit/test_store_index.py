"""What a person or a poll asks for reads no more of the flash for each message that lies there: a real littlefs counts.

A chip takes 0.13 ms for each of these reads (an ESP32, 128 bytes at most), as a pass over 200 files took 2.7 s.
"""

ONLY = "micropython"

import os
import sys

sys.path.append(os.getcwd() if "/" not in __file__ else __file__[: __file__.rindex("/")])

import gc

import buzon.envelope  # noqa: F401
from buzon.console.listing import do_mail_list
from buzon.store import fs
from buzon.store.journal import PART, SEEN
from buzon.store.leave import leave
from buzon.store.spool import key_of
from test_store_full import Flash

FEW = 20
MANY = 120


def reads(flash, do):
    before = flash.device.reads
    do()
    return flash.device.reads - before


def filled(flash, n, first=0):
    for i in range(first, n):
        flash.store(i, 600)
    flash.journal.flush()
    flash.spool.close()
    gc.collect()


def compared(do):
    """What it reads with few and with many messages."""
    found = []
    for n in (FEW, MANY):
        with Flash(MANY * 2) as flash:
            filled(flash, n)
            found.append(reads(flash, lambda: do(flash)))
    return found


def page(flash):
    answer = do_mail_list(flash.app, {"account": "acc", "n": 4})
    assert len(list(answer["items"])) == 4


def test_a_page_of_the_list():
    few, many = compared(page)
    assert many < 4 * few and many < 4000, (few, many)


def test_one_message():
    few, many = compared(lambda flash: flash.journal.name(flash.spool, key_of(b"uid7")))
    assert many < 8 * few and many < 1000, (few, many)


def test_the_next_start_after_a_session_that_ended_looks_through_no_folder():
    few, many = compared(lambda flash: flash.start())
    assert many < 8 * few and many < 2500, (few, many)


def test_storing_a_message():
    """In the folder itself, the unfinished file made this 7,000."""
    with Flash(MANY * 3) as flash:
        filled(flash, MANY)
        before = flash.device.reads
        for i in range(20):
            flash.store(MANY + i, 4000)
        each = (flash.device.reads - before) // 20
        assert each < 4000, each


def test_the_room_is_counted_on():
    with Flash(MANY * 2) as flash:
        filled(flash, MANY // 2)
        fs.room()
        assert reads(flash, lambda: fs.room("/", 0)) == 0
        filled(flash, MANY, MANY // 2)
        said = fs.room("/", 0)[0]
        true = fs.room()[0]
        assert abs(said - true) < 16 * 4096, (said, true)
        for i in range(MANY // 2):
            leave(flash.journal, flash.spool, key_of(b"uid%d" % i), 4, 1)
        said = fs.room("/", 0)[0]
        assert abs(said - fs.room()[0]) < 32 * 4096, (said, fs.room())


def test_a_start_after_a_cut_mends_what_the_journal_lacks():
    """No record, or a file that is to go: only `close` says that there is nothing to look for."""
    with Flash(100) as flash:
        filled(flash, 5)
        flash.store(5, 100)  # its record is not written
        flash.start()
        assert flash.journal.stored == 6
        flash.spool.close()
        key = key_of(b"uid2")
        name = flash.journal.name(flash.spool, key)
        remove = fs.remove
        try:
            fs.remove = lambda path: remove(path) if "/done" in path else None
            leave(flash.journal, flash.spool, key, 3, 1)
        finally:
            fs.remove = remove
        flash.start()
        assert not fs.exists(flash.spool.folder + "/" + name)
        assert flash.journal.stored == 5


def test_the_name_is_right_whatever_became_of_the_message():
    with Flash(100) as flash:
        filled(flash, 8)
        spool, journal = flash.spool, flash.journal
        for i in range(8):
            key = key_of(b"uid%d" % i)
            assert journal.name(spool, key) == spool.name(key)
            journal.change(SEEN, key, 1)
            assert journal.name(spool, key) == spool.name(key)
        for i in range(80):  # the journal is rewritten
            key = key_of(b"uid%d" % (i % 8))
            was = journal.state(key)
            journal.change(3 - was, key, was)
        for i in range(8):
            key = key_of(b"uid%d" % i)
            assert journal.name(spool, key) == spool.name(key)
        # Headers, of which the whole comes.
        text = bytearray(b"Subject: h\r\n\r\n")
        spool.begin(len(text))
        spool.write(text, 0, len(text))
        key = spool.commit(key_of(b"half"), None, "-%x.hdr" % 5000)
        journal.arrived(key, 9, 1 | PART, octets=5000, crc=spool.sum, size=len(text))
        assert journal.name(spool, key) == spool.name(key)
        assert spool.name(key).endswith(".hdr")
        text = bytearray(b"Subject: h\r\n\r\n" + b"y" * 100)
        spool.begin(len(text))
        spool.write(text, 0, len(text))
        spool.commit(key)
        assert journal.name(spool, key).endswith(".hdr")
        journal.change(1, key, 1 | PART, 5000, spool.sum, len(text))
        spool.remove(spool.name(key, True))
        assert journal.name(spool, key) == spool.name(key)
        assert spool.name(key).endswith(".eml")
