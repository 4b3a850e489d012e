"""Sentences for errors of what a server must not say: a line each, its code first; `{}` takes the detail."""

TEXT = """
400 The server gave an answer that is not POP3 ({}): check host and port.
401 What answers there is no POP3 server ({}): check host and port.
402 The server sent data before TLS began: no password was sent; do not trust this network.
403 The server did not prove that it knows the password ({}): do not trust this network.
404 A message was not as long as the server had said ({}): it is fetched again, one at a time from now on.
"""
