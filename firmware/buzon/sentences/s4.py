"""Sentences for errors about what a server must not say: one per line, its code first; `{}` takes the detail."""

TEXT = """
400 The server answered with a line that is not POP3 ({}): the board will try again.
401 The server greeted with a line that is not POP3 ({}): check what answers on this port.
402 The server sent data before TLS began: no password was sent; do not trust this network.
403 The server did not prove that it knows the password ({}): do not trust this network.
404 A message was not as long as the server had said ({}): the board fetches it again, one at a time from now on.
410 Message {} may not be whole: it stays on the server; read it there.
411 The server sent nothing for message {}: it stays on the server; read it there.
"""
