"""Sentences for errors of our own use of a protocol: a line each, its code first; `{}` takes the detail."""

TEXT = """
300 The program asked for what POP3 does not allow here ({}): please report it.
"""
