"""The serial link to a board and a typed client of the console protocol (docs/PROTOCOL.md)."""
