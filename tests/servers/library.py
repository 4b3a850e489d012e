"""The library without the app: installed by MicroPython's own `mip`, running the examples of docs/library.md."""

import functools
import http.server
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from buzon_host.virtual.interpreter import command

DOCUMENT = Path(__file__).parents[2] / "docs" / "library.md"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def web_server(folder: Path) -> Iterator[str]:
    """Serves a folder; the address without a slash at its end."""
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder))
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def install(package: Path, target: Path) -> None:
    """`mip install` of a package's JSON file, over HTTP, by the real MicroPython."""
    with web_server(package.parent) as address:
        script = f"import mip\nmip.install({f'{address}/{package.name}'!r}, target={str(target)!r})"
        done = subprocess.run([*command(), "-c", script], capture_output=True, text=True, timeout=60)
    assert "Done" in done.stdout, done.stdout + done.stderr


def example(name: str) -> str:
    """The code block of docs/library.md that is marked with this name."""
    found = re.search(rf"<!-- example: {name} -->\n```python\n(.+?)```", DOCUMENT.read_text("utf-8"), re.S)
    assert found, name
    return found[1]


def run(folder: Path, script: str, heap: str = "1M") -> "subprocess.CompletedProcess[str]":
    """Run a script in `folder`, where the library is in `lib`."""
    (folder / "script.py").write_text(script, "utf-8")
    return subprocess.run(
        [*command(), "-X", f"heapsize={heap}", "script.py"],
        cwd=folder,
        env={"MICROPYPATH": "lib:.frozen"},
        capture_output=True,
        text=True,
        timeout=60,
    )
