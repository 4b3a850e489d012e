"""Sentences for errors about the board itself: one per line, its code first; `{}` takes the detail."""

TEXT = """
800 The display does not answer ({}): check its wiring and address.
801 Something unexpected happened ({}): please report it.
802 The board ran out of memory ({}): please report it.
803 The board hung, and its watchdog restarted it: please report it.
"""
