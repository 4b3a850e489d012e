"""Sentences for errors about the serial protocol: one per line, its code first; `{}` takes the detail."""

TEXT = """
700 A damaged serial frame was dropped ({}): send it again.
701 This board does not know the request {}: update board and PC to the same version.
702 The request was wrong ({}).
703 The board was restarted or another PC took over: say hello again.
704 The data could not be decoded ({}).
705 The board is busy ({}): try again in a moment.
706 The data is too long ({}).
"""
