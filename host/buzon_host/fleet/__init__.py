"""Many boards at once: a table of them, each provisioned the usual way in its own thread."""
