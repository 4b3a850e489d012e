"""What a person reads of a message: its header fields, decoded and made safe to show. Pure."""
