"""Sentences for errors about the flash, the serial protocol and the board itself (6xx to 8xx): one per line, its code
first; `{}` takes the detail."""

TEXT = """
600 The board has no more room ({}): move its mail with buzon mail pull --move --maildir Mail; nothing is lost.
601 The flash failed ({}): restart the board.
602 There is no message {} on this board.
603 Files may not be written to {}.
604 A message of {} has no room here even on an empty board: set max_bytes, or read it elsewhere.
700 A damaged serial frame was dropped ({}): send it again.
701 This board does not know the request {}: update board and PC to the same version.
702 The request was wrong ({}).
703 The board was restarted or another PC took over: say hello again.
704 The data could not be decoded ({}).
705 The board is busy ({}): try again in a moment.
706 The data is too long ({}).
800 The display does not answer ({}): check its wiring and address.
801 Something unexpected happened ({}): please report it.
802 The board ran out of memory ({}): please report it.
803 The board hung, and its watchdog restarted it: please report it.
"""
