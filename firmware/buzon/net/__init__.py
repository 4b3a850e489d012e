"""Sockets, TLS, Wi-Fi and the clock: what carries the dialogues of core."""
