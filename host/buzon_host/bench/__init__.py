"""The project's claims, measured beside what people would use instead. `buzon bench` runs it; see docs/bench.

Each group is a module with `rows(bench)`; `scripts` run on MicroPython, `peers` has the other programs'
settings.
"""
