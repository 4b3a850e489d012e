"""The part of a message that a person reads: its header fields, decoded and made safe to show. Pure."""
