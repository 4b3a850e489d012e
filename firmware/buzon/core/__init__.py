"""The pure part: bytes in lent buffers, dialogues as generators. No sockets, files or clock."""
