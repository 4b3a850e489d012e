"""Sentences for errors about our own use of a protocol: one per line, its code first; `{}` takes the detail."""

TEXT = """
300 The program asked for what POP3 does not allow here ({}): please report it.
"""
