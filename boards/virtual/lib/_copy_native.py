"""`_copy` in machine code, for the processor that it was compiled for; on others it does not load."""

import micropython


@micropython.viper
def load(chip: ptr8, at: int, buf: ptr8, n: int):  # noqa: F821
    for i in range(n):
        buf[i] = chip[at + i]


@micropython.viper
def clear(chip: ptr8, at: int, buf: ptr8, n: int):  # noqa: F821
    for i in range(n):
        chip[at + i] = chip[at + i] & buf[i]


@micropython.viper
def fill(chip: ptr8, at: int, n: int):  # noqa: F821
    for i in range(n):
        chip[at + i] = 0xFF
