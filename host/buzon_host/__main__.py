"""`python -m buzon_host` is the command `buzon`."""

from .cli import main

if __name__ == "__main__":
    main()
