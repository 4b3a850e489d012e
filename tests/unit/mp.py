"""Runs one file of plain `test_*` functions; for MicroPython, where there is no pytest.

    micropython tests/unit/mp.py tests/unit/test_text_words.py

MICROPYPATH names the firmware's folder. Exit code 0 only when at least one test ran and all passed.
"""

import gc
import sys

if sys.implementation.name == "micropython":
    gc.threshold(65536)  # collected early, the heap stays whole


def run(path: str) -> int:
    """Run every test of the file; returns the number of failures, or 1 if it has no test."""
    folder, _, name = path.rpartition("/")
    sys.path.insert(0, folder or ".")
    module = __import__(name[: -len(".py")])
    passed = failed = 0
    for test in sorted(n for n in dir(module) if n.startswith("test_")):
        try:
            getattr(module, test)()
        except Exception as exc:
            failed += 1
            print("FAILED", test)
            sys.print_exception(exc)
        else:
            passed += 1
            print("passed", test)
    print(passed, "passed,", failed, "failed")
    return failed if passed or failed else 1


if __name__ == "__main__":
    sys.exit(1 if run(sys.argv[1]) else 0)
