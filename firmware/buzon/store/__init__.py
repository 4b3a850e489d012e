"""What the board keeps on its flash: messages, the journal, the settings."""
