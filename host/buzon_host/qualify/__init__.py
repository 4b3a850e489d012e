"""Qualifies a board: installs, runs and measures everything on the board itself, and puts back what was there."""
