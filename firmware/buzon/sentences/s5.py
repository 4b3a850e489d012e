"""Sentences for errors about a server's refusals: one per line, its code first; `{}` takes the detail."""

TEXT = """
500 The server refused: {}
501 The server refused the login ({}): check user and password.
502 The password is wrong ({}): run buzon provision with the right one, or an app password.
503 Another program has the mailbox open ({}): the board will try again.
504 The server wants more time between logins ({}): the board will wait.
505 The server has a temporary problem ({}): the board will try again.
506 The server says that you must act first ({}): ask your provider.
507 The server has no lasting message ids ({}): use keep = delete, start = all, fetch = full.
508 The server offers no way to log in that the settings allow ({}).
520 The server cannot send headers alone ({}): use fetch = full.
521 The server does not delete what it says is deleted ({}): delete it there, or use keep = forever.
"""
