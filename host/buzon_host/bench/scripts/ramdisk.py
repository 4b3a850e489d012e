"""A block device in memory, for littlefs: the one in MicroPython's documentation ("Working with
filesystems").

The caller provides its memory, preferably outside the heap: every allocation would look for room behind such
a large block.
"""


class RamBlockDevice:
    def __init__(self, block_size, data):
        self.block_size = block_size
        self.data = data

    def readblocks(self, block, buf, offset=0):
        addr = block * self.block_size + offset
        for i in range(len(buf)):
            buf[i] = self.data[addr + i]

    def writeblocks(self, block, buf, offset=None):
        if offset is None:
            for i in range(len(buf) // self.block_size):
                self.ioctl(6, block + i)
            offset = 0
        addr = block * self.block_size + offset
        for i in range(len(buf)):
            self.data[addr + i] = buf[i]

    def ioctl(self, op, arg):
        if op == 4:
            return len(self.data) // self.block_size
        if op == 5:
            return self.block_size
        if op == 6:
            return 0
