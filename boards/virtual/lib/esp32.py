"""`esp32`, minimal: what memory there is outside the heap."""

HEAP_DATA = 4
HEAP_EXEC = 1


def idf_heap_info(capabilities):
    """One region: (total, free, largest free block, least free) in bytes, as of a board with Wi-Fi on."""
    return [(160000, 90000, 60000, 60000)]


def mcu_temperature():
    return 41
