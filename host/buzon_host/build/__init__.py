"""Makes what a board is given: compiled firmware, flash images."""
