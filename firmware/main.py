"""Starts Buzón. Whatever happens, it ends at the REPL."""


def start():
    try:
        mount()
        update()
        del globals()["mount"], globals()["update"]  # their memory is needed
        run()
    except KeyboardInterrupt:
        print("Buzón was stopped by Ctrl-C. Ctrl-D starts it again.")
    except Exception as err:
        import sys

        sys.print_exception(err)
        print("Buzón could not go on: the lines above say why. Ctrl-D starts it again.")


def mount():
    """Mount an ESP32's file system with caches of 1,024 bytes instead of 128, for 2 KB: each read of its flash takes
    0.19 ms before the first byte comes. Who mounts it with smaller ones reads the same files."""
    try:
        import vfs
        from flashbdev import bdev

        file = vfs.VfsLfs2(bdev, readsize=256, lookahead=64, mtime=False)
    except Exception:  # another chip, another file system, or a partition of another name
        return
    import os

    vfs.umount("/")
    vfs.mount(file, "/")
    os.chdir("/")


def update():
    """Finish what `buzon install` began, by running the script that it left, before anything of it is loaded."""
    path = "/buzon.new/apply.py"
    try:
        file = open(path)
    except OSError:
        return
    import os

    import machine

    with file:
        try:
            exec(file.read(), {})
        except SystemExit:
            pass
    try:
        os.stat(path)
    except OSError:
        machine.reset()
    # No endless retries: nobody could stop them.
    raise OSError("The update did not end: run buzon install again.")


def run():
    import asyncio  # noqa: F401  (first, so that it leaves no hole in the heap)

    from buzon import boot

    try:
        if boot.start() == "reboot":
            import machine

            machine.reset()
        print("Buzón has stopped. Ctrl-D starts it again.")
    finally:
        boot.rest()


start()
