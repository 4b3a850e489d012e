"""Campaigns that cut everything everywhere, and count what became of the messages."""
