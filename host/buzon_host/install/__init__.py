"""Puts Buzón onto a board that runs MicroPython, over its raw REPL, or updates it there."""
