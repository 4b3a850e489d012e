"""Sentences for errors of what a server refuses: a line each, its code first; `{}` takes the detail."""

TEXT = """
500 The server refused: {}
501 The server refused the login ({}): check user and password.
502 The password is wrong ({}): provision the right one, or an app password.
503 Another program has the mailbox open ({}): the board will try again.
504 The server wants more time between logins ({}): the board will wait.
505 The server has a temporary problem ({}): the board will try again.
506 The server says that it will not work without you ({}): ask your provider.
507 The server gives messages no lasting numbers ({}): use keep = delete, start = all, fetch = full.
508 The server offers no way to log in that the settings allow ({}).
"""
