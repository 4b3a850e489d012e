"""Copies a board's mail to a Maildir or an mbox file on the PC, each message once despite interruptions."""
