"""What a flash says of its room, where a test decides how large it is."""

from buzon.store import fs
from buzon.store.fs import blocks
from buzon.store.quota import taken


class Flash:
    """`fs.room` as a flash with room for so many messages of `octets` bytes (and what is never filled) would say it. Each
    takes blocks of its own, as in littlefs. On it is the mail of `board` and of those beside it."""

    def __init__(self, board, octets, messages=1):
        self.board = board
        self.octets = blocks(octets) * messages + 32768

    def __enter__(self):
        self.was = fs.room
        fs.room = self.room
        return self

    def __exit__(self, *_):
        fs.room = self.was

    def room(self, path="/", least=0):
        root = self.board.root
        full = sum(taken(root + "/" + folder, blocks) for folder in fs.folders(root))
        return max(0, self.octets - full), self.octets
