"""Settings on the PC: their schema, the secrets that are not in the file, and how they get onto the board."""
