"""`rp2`, minimal: the flash that MicroPython's file system is on."""

flash = None  # set at boot


def Flash():
    return flash
