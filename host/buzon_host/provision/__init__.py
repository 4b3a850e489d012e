"""Settings on the PC: their schema, the secrets that are not in the file, and the way onto the board."""
