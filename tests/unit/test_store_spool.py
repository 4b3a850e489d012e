"""Spool and journal on a real file system: what is stored, what a cut leaves, what is counted."""

import os
from binascii import crc32, hexlify

from buzon import errors
from buzon.store import fs, journal, mend
from buzon.store.incoming import Incoming
from buzon.store.journal import AGED, ARRIVED, DELETED, RECORD, SEEN, Journal
from buzon.store.merged import look
from buzon.store.spool import key_of, size_of
from buzon.store.window import Window


def fresh():
    """A spool in a folder that no other test uses."""
    n = 0
    while fs.exists("mail%d" % n):
        n += 1
    spool = Incoming("acc", "mail%d" % n)
    spool.prepare()
    log = Journal(spool.folder)
    log.open(spool)
    return spool, log


def store(spool, log, uid, message, pieces=(7, 300, 5000), now=1000):
    spool.begin(len(message))
    buf = bytearray(b"??") + message
    at = 2
    i = 0
    while at < len(buf):
        n = min(pieces[i % len(pieces)], len(buf) - at)
        spool.write(buf, at, n)
        at += n
        i += 1
    key = spool.commit(key_of(uid))
    log.arrived(key, now)
    return key


def listed(log):
    return [key for key, _, _ in log.newest()]


def content(spool, key):
    name = spool.name(key)
    buf = bytearray(100000)
    return bytes(buf[: spool.read(name, 0, buf)])


def test_a_message_is_one_file_byte_for_byte_and_the_name_tells():
    spool, log = fresh()
    for size in (0, 1, 1023, 1024, 1025, 2047, 2048, 5000, 50000):
        message = bytes((i * 7 + size) & 255 for i in range(size))
        key = store(spool, log, b"uid%d" % size, message)
        assert content(spool, key) == message
        name = spool.name(key)
        assert name == "%s-%x-%08x.eml" % (str(hexlify(key), "utf-8"), size, crc32(message))
        assert size_of(name) == size
    assert spool.count() == log.stored == log.new == 9


def test_a_second_download_of_the_same_replaces_and_never_doubles():
    spool, log = fresh()
    key = store(spool, log, b"uid", b"first\r\n")
    spool.begin(7)
    spool.write(bytearray(b"first\r\n"), 0, 7)
    spool.commit(key)
    assert spool.count() == 1
    assert content(spool, key) == b"first\r\n"


def test_what_is_unfinished_is_removed_at_start_and_nothing_else():
    spool, log = fresh()
    key = store(spool, log, b"uid", b"whole\r\n")
    log.flush()
    spool.begin(100)
    spool.write(bytearray(b"x" * 2000), 0, 2000)
    again = Incoming("acc", spool.folder.split("/")[0])  # the power went
    assert fs.exists(spool.folder + "/tmp/in.part")
    again.prepare()
    assert not fs.exists(spool.folder + "/tmp/in.part")
    assert sorted(fs.names(spool.folder)) == sorted([spool.name(key), "journal"])
    spool.abort()


def test_abort_leaves_nothing_of_the_message_behind():
    spool, log = fresh()
    spool.begin(10)
    spool.write(bytearray(b"abcde"), 0, 5)
    spool.abort()
    key = store(spool, log, b"uid", b"12345")
    assert content(spool, key) == b"12345"
    assert spool.count() == 1


def test_what_cannot_fit_is_not_begun():
    spool, _ = fresh()
    spool.begin(1 << 60)
    spool.write(bytearray(2000), 0, 2000)  # it comes all the same
    try:
        spool.commit(key_of(b"uid"))
    except errors.StoreError as err:
        assert err.code == errors.E_FLASH_FULL
    else:
        raise AssertionError
    assert list(fs.names(spool.folder)) == []


def test_a_message_without_a_uid_is_known_by_its_content():
    spool, _ = fresh()
    keys = []
    for text in (b"a" * 3000, b"b", b"a" * 3000):
        spool.begin(0, True)
        spool.write(bytearray(text), 0, len(text))
        keys.append(spool.commit(None))
    assert keys[0] == keys[2] != keys[1]
    assert spool.count() == 2


def test_the_journal_keeps_the_order_of_arrival_and_what_was_seen():
    spool, log = fresh()
    keys = [store(spool, log, b"uid%d" % i, b"m%d" % i, now=i) for i in range(50)]
    assert listed(log) == keys[::-1]
    log.change(SEEN, keys[3], ARRIVED)
    log.change(DELETED, keys[5], ARRIVED)
    spool.remove(spool.name(keys[5]))
    log.change(DELETED, keys[3], SEEN)
    spool.remove(spool.name(keys[3]))
    log.change(SEEN, keys[7], ARRIVED)
    for _ in range(2):
        assert (log.stored, log.new) == (48, 47)
        assert listed(log) == [k for k in keys[::-1] if k not in (keys[3], keys[5])]
        assert [s for k, _, s in log.newest() if k == keys[7]] == [True]
        assert [t for k, t, _ in log.newest() if k == keys[9]] == [9]
        log = Journal(spool.folder)
        log.open(spool)
    window = Window(4)
    window.add(keys[5])
    window.add(keys[6])
    log.mark(window, 6)
    assert list(window.kind)[:2] == [DELETED | AGED, ARRIVED]
    assert (log.state(keys[5]), log.state(keys[7]), log.state(b"01234567")) == (DELETED, SEEN, 0)


def test_changes_do_not_make_the_journal_grow():
    spool, log = fresh()
    keys = [store(spool, log, b"uid%d" % i, b"m") for i in range(20)]
    log.flush()
    for round in range(20):
        for key in keys[:19]:
            log.change(SEEN, key, SEEN if round else ARRIVED)
    assert os.stat(spool.folder + "/journal")[6] <= (20 + 64) * RECORD
    assert (log.stored, log.new) == (20, 1)
    log.change(DELETED, keys[0], SEEN)
    mend.compact(log)
    log = Journal(spool.folder)
    log.open(spool)
    assert (log.stored, log.new) == (19, 1)  # its file was still there: the deletion was ended
    assert spool.count() == 19
    assert keys[0] not in listed(log)


def test_a_cut_between_rename_and_record_is_mended():
    spool, log = fresh()
    keys = [store(spool, log, b"uid%d" % i, b"m") for i in range(150)]
    log.flush()
    for i in range(100):  # stored, the power went before the records were written
        spool.begin(1)
        spool.write(bytearray(b"n"), 0, 1)
        keys.append(spool.commit(key_of(b"more%d" % i)))
    log = Journal(spool.folder)
    log.open(spool)
    assert log.stored == log.new == spool.count() == 250
    assert sorted(listed(log)) == sorted(keys)


def test_a_cut_between_the_record_of_a_deletion_and_the_deletion_is_mended():
    spool, log = fresh()
    keys = [store(spool, log, b"uid%d" % i, b"m") for i in range(100)]
    for key in keys[10:30]:
        log.change(DELETED, key, ARRIVED)
    log = Journal(spool.folder)
    log.open(spool)
    assert log.stored == spool.count() == 80
    assert sorted(listed(log)) == sorted(keys[:10] + keys[30:])


def test_a_torn_record_at_the_end_is_ignored():
    spool, log = fresh()
    key = store(spool, log, b"uid", b"m")
    log.flush()
    with open(spool.folder + "/journal", "ab") as f:
        f.write(b"\1\0\0\0\0\0\0")
    log = Journal(spool.folder)
    log.open(spool)
    assert listed(log) == [key]
    assert journal.ARRIVED == 1


def test_window_finds_whole_keys_only():
    window = Window(3)
    window.add(b"\0" * 7 + b"\1")
    window.add(b"\2" * 8)
    assert window.find(b"\2" * 8) == 1
    assert window.find(b"\1" + b"\2" * 7) == -1
    assert window.find(b"\0" * 8) == -1


def test_a_compaction_that_fails_loses_no_change():
    spool, log = fresh()
    keys = [store(spool, log, b"uid%d" % i, b"m%d" % i) for i in range(100)]

    def no_room(journal):
        raise errors.StoreError(errors.E_FLASH_FULL, "0 KB free")

    compact = mend.compact
    mend.compact = no_room
    try:
        for key in keys[:80]:  # the flash is full: the person deletes
            log.change(DELETED, key, ARRIVED)
            spool.remove(spool.name(key))
        assert listed(log) == keys[:79:-1]
        again = Journal(spool.folder)
        again.open(spool)
        assert (again.stored, listed(again)) == (20, keys[:79:-1])
    finally:
        mend.compact = compact
    again.change(SEEN, keys[99], ARRIVED)
    assert again.changes == 0
    for each in keys[:80]:
        assert again.state(each) == DELETED
    last = Journal(spool.folder)
    last.open(spool)
    assert (last.stored, last.new) == (20, 19)


def test_two_messages_in_one_are_found_wherever_the_blocks_end():
    block = bytearray(16)
    for at in range(70):
        for tail in range(20):
            for text, found in (
                (b"x" * at + b".\r\n+OK" + b"y" * tail, True),
                (b"x" * at + b".\r\n-ERR" + b"y" * tail, True),
                (b"x" * at + b".\r\n+O" + b"y" * tail, False),
            ):
                with open("m", "wb") as f:
                    f.write(text)
                try:
                    look("m", block)
                    assert not found, (at, tail)
                except errors.RemoteProtocolError:
                    assert found, (at, tail)
