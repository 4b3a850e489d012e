"""Sentences for errors of the flash: a line each, its code first; `{}` takes the detail."""

TEXT = """
600 No more mail fits on the board ({}): read and delete some there; nothing is lost.
601 The flash gave an error ({}): restart the board.
602 There is no message {} on this board.
603 Files may not be written to {}.
"""
