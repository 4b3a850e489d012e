"""One-bit displays, the font and how text is set in it. Drivers are plug-ins: `API`, `__init__(config)`."""
