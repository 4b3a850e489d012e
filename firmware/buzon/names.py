"""The names in the modules that do not stay in memory, with a NUL between two. The build fills it in; see `boot`."""

NAMES = ""
