"""What a flash says of its room, where a test decides how large it is."""

from buzon.store import fs
from buzon.store.spool import size_of


class Flash:
    """`fs.room` as a flash of so many bytes of mail (and what is never filled) would say it."""

    def __init__(self, board, octets):
        self.board = board
        self.octets = octets + 32768

    def __enter__(self):
        self.was = fs.room
        fs.room = self.room
        return self

    def __exit__(self, *_):
        fs.room = self.was

    def room(self, path="/"):
        return self.octets - sum(size_of(name) for _, name in self.board.spool.files()), self.octets
