"""Sentences for errors about settings and their use: one per line, its code first; `{}` takes the detail."""

TEXT = """
100 The settings cannot be used ({}): run buzon provision.
101 A setting is wrong ({}): correct it and run buzon provision again.
102 The user name or password has a line end or a NUL in it ({}): type it again.
103 The password of {} must be given again, because its server or user changed.
104 There is no account called {} on this board.
105 The plug-in {} is not on this board: install it, or take it out of the settings.
106 There are no new settings to use: send them first.
107 The new settings have not passed their test: test them before you commit.
108 Nothing is deleted from {} until you confirm it: run buzon provision.
"""
