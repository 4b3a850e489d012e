"""Sentences for errors about the flash: one per line, its code first; `{}` takes the detail."""

TEXT = """
600 The board has no more room ({}): move its mail with buzon mail pull --move; nothing is lost.
601 The flash failed ({}): restart the board.
602 There is no message {} on this board.
603 Files may not be written to {}.
604 A message of {} has no room here even on an empty board: set max_bytes, or read it elsewhere.
"""
