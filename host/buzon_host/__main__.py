"""The command `buzon`, and `python -m buzon_host`: nothing slow is loaded before Ctrl-C is handled."""


def main() -> None:
    """Runs the command line and exits."""
    try:
        from .cli import main as command

        command()
    except KeyboardInterrupt:
        import sys

        sys.stderr.write("Interrupted.\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
