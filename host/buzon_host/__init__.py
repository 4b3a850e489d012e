"""The PC side of Buzón: flashes, provisions, watches and tests boards. The command is `buzon`."""

__version__ = "0.1.0"
