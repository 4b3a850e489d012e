"""One-bit displays, the font, and text layout. Drivers are plug-ins: `API`, `__init__(config)`."""
