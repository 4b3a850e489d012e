"""What the board keeps on its flash: messages, journals and settings."""
