"""`esp32`, minimal: what memory there is outside the heap."""

import _hw

HEAP_DATA = 4
HEAP_EXEC = 1

if _hw.config["idf"]:
    import _idf
else:
    _idf = None


def idf_heap_info(capabilities):
    """Regions as (total, free, largest free block, least free), in bytes: a small one and a large one, as a chip has
    several. The board `virtual` has one, as with Wi-Fi on."""
    if not _idf:
        return [(160000, 90000, 60000, 60000)]
    free, largest = _idf.memory()
    least = _idf.least()
    rest = free - largest
    return [(30000, rest, rest, min(least, rest)), (130000, largest, largest, max(0, least - rest))]


def mcu_temperature():
    return 41
