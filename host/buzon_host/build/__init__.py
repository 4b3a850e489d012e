"""Makes what goes onto a board: compiled firmware, flash images."""
