"""Parts of a session that only some settings or situations need, imported only then."""
