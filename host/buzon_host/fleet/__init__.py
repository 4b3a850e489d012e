"""Many boards at once: a table of them, and the one path of provisioning for each, in a thread of its own."""
