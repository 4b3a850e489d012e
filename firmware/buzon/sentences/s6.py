"""Sentences for errors of the flash: a line each, its code first; `{}` takes the detail."""

TEXT = """
600 The board has no more room ({}): read and delete mail on it; nothing is lost.
601 The flash gave an error ({}): restart the board.
602 There is no message {} on this board.
603 Files may not be written to {}.
"""
