"""What only some settings need in a session: imported then."""
