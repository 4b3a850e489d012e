"""Sockets, TLS, Wi-Fi and the clock: what carries core's dialogues."""
