"""What the project claims, measured beside what people would use instead. `buzon bench` runs it; docs/bench shows it.

A module a group, each with `rows(bench)`; `scripts` run on MicroPython, `peers` has the other programs' settings.
"""
