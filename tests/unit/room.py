"""What a flash says of its room, where a test decides how large it is."""

from buzon.store import fs
from buzon.store.quota import used


class Flash:
    """`fs.room` as a flash of so many bytes of mail (and what is never filled) would say it. On it is the mail of
    `board` and of those beside it."""

    def __init__(self, board, octets):
        self.board = board
        self.octets = octets + 32768

    def __enter__(self):
        self.was = fs.room
        fs.room = self.room
        return self

    def __exit__(self, *_):
        fs.room = self.was

    def room(self, path="/", least=0):
        return self.octets - used(self.board.root), self.octets
