"""What the flash does to its bytes, in plain bytecode. Allocates nothing: littlefs may be called by the GC."""


def load(chip, at, buf, n):
    for i in range(n):
        buf[i] = chip[at + i]


def clear(chip, at, buf, n):
    for i in range(n):
        chip[at + i] &= buf[i]


def fill(chip, at, n):
    for i in range(at, at + n):
        chip[i] = 0xFF
