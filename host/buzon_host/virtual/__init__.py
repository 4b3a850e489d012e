"""A virtual board: the real MicroPython behind a pseudo-terminal, with its flash in a file."""
