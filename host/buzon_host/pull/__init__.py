"""Copies the mail on a board to a Maildir or an mbox file on the PC, each message once, whatever is cut off when."""
