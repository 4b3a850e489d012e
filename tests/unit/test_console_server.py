"""The console's requests and answers: done once, always answered, never too large for a frame."""

ONLY = "micropython"

from binascii import a2b_base64

from buzon import errors
from buzon.console import answer, base, server, status
from buzon.core import frames
from buzon.core.cbor import Encoder, decode


class Things:
    """An object with the attributes it is given."""

    def __init__(self, **attributes):
        for name in attributes:
            setattr(self, name, attributes[name])


class Out:
    def __init__(self):
        self.data = b""

    def write(self, data):
        self.data += bytes(data)


def console(app=None):
    app = app or Things()
    app.busy = lambda: False
    it = server.Console(app)
    server.log.echo = None
    it._out = Out()
    return it


def ask(it, number, method, params=None, session=5):
    room = Encoder(bytearray(300))
    room.put({0: number, 1: method, 2: params or {}, 7: session})
    it._out.data = b""
    it._handle(bytes(room.buf[: room.n]))
    line = it._out.data.strip()
    assert line.startswith(b"@"), line
    return decode(a2b_base64(line[1:])[:-4], 8)


def with_method(name, call):
    answer.unload = lambda: None  # else it would be loaded anew, without the method
    setattr(base, "do_" + name, call)


def opened():
    it = console()
    with_method("hello", lambda app, params: {})
    ask(it, 1, "hello")
    return it


def test_a_request_is_done_once_even_when_there_was_no_memory_for_its_answer():
    it = opened()
    done = []

    def work(app, params):
        done.append(1)
        return {"n": len(done)}

    with_method("work", work)
    assert ask(it, 2, "work") == ask(it, 2, "work") == {0: 2, 3: {"n": 1}}
    put = answer._put

    def no_memory(*args):
        raise MemoryError

    answer._put = no_memory
    try:
        ask(it, 3, "work")
    except MemoryError:
        pass
    answer._put = put
    assert ask(it, 3, "work")[4][0] == errors.E_MEMORY
    assert len(done) == 2


def test_the_module_of_a_method_stays_for_another_request_of_its_kind():
    """Loading one takes a board 60 ms and more."""
    it = opened()
    app = it.app
    unloaded = []
    answer.unload = lambda: unloaded.append(it.kept)
    server.unload = answer.unload
    with_unload = answer.unload
    with_method("work", lambda app, params: {})
    answer.unload = with_unload
    it.kept = ""
    ask(it, 2, "work")
    ask(it, 3, "work")
    assert (it.kept, unloaded) == ("base", [""])
    ask(it, 4, "mail.list", {"account": "none"})
    assert (it.kept, unloaded) == ("listing", ["", "base"])
    it.rest()
    assert len(unloaded) == 2
    it._since -= 3001
    it.rest()
    assert (it.kept, len(unloaded)) == ("", 3)
    app.busy = lambda: True  # beside a session there is no room for what may not be needed
    ask(it, 5, "work")
    assert (it.kept, len(unloaded)) == ("", 5)


def test_an_error_with_a_long_text_is_answered():
    it = opened()

    def fail(app, params):
        raise errors.ConfigError(errors.E_NO_ACCOUNT, "x" * 5000)

    with_method("fail", fail)
    assert ask(it, 2, "fail")[4][0] == errors.E_NO_ACCOUNT


def test_a_generator_is_an_array_made_while_it_is_put():
    it = opened()
    with_method("some", lambda app, params: {"x": (i for i in range(params["n"])), "end": True})
    for n in (0, 1, 22, 23):
        assert ask(it, 2 + n, "some", {"n": n}) == {0: 2 + n, 3: {"x": list(range(n)), "end": True}}
    assert ask(it, 50, "some", {"n": 24})[4][0] == errors.E_TOO_LONG

    def broken(app, params):
        def items():
            yield 1
            raise errors.StoreError(errors.E_NO_MESSAGE, "gone")

        return {"x": items()}

    with_method("broken", broken)
    assert ask(it, 51, "broken")[4][0] == errors.E_NO_MESSAGE


def test_a_result_that_is_too_large_is_an_error():
    it = opened()
    with_method("large", lambda app, params: {"x": b"x" * 5000})
    assert ask(it, 2, "large")[4][0] == errors.E_TOO_LONG


def test_every_kind_of_nonsense_is_answered_or_dropped():
    it = opened()
    for params in (
        [],
        5,
        "x",
        None,
        b"",
        {1: 2},
        {"account": [False] * 100},
        {"off": -1},
        {"epoch": 1 << 60},
    ):
        for method in (
            "work ",
            "",
            "__init__",
            "sync",
            "log",
            "time.set",
            "mail.list",
            5,
            None,
            b"x",
            "x" * 60,
        ):
            it._last = -1
            answer = ask(it, 9, method, params)
            assert answer[0] == 9
            if method != "log" and params != {"account": [False] * 100}:
                assert 4 in answer or method in ("sync",), (method, params, answer)
    for request in (b"", b"\xff", b"\xa0", b"\x80", b"\xa1\x00\xf5", b"\xa1\x00\x61x", b"\xa1\x01\x65hello"):
        it._out.data = b""
        it._handle(request)
        assert it._out.data == b""


def test_status_fits_a_frame_whatever_fails():
    text = "the server's words, which may be long and tell a story, " * 2
    wide = "\u00f1" * 60

    class Wifi:
        ssid = "\u00f1" * 16
        sta = Things(ifconfig=lambda: ("255.255.255.255",), status=lambda what: -100)

        def up(self):
            return True

    for n in range(5):
        for words in (text[:100], wide):
            error = errors.ServerError(errors.E_LOGIN, words)
            app = Things(
                accounts=[
                    Things(
                        session=None,
                        error=error,
                        settings={},
                        id="account-%08d" % i,
                        state="error",
                        journal=Things(stored=1 << 20, new=1 << 20),
                        listed=1 << 20,
                        fetched=1 << 20,
                        last_ok=[1 << 31],
                        due=604800,
                    )
                    for i in range(n)
                ],
                ui=Things(
                    error=errors.DeviceError(errors.E_DISPLAY, words), driver="ssd1306", page="progress"
                ),
                uptime=1,
                state="unset",
                waiting="the time from " + "x" * 253,
                until=-1,
                wifi=Wifi(),
                error=[501, str(error), 1 << 31],
                notifiers=[
                    ["display", None, words],
                    ["log", None, words],
                    ["mqtt", None, words],
                    ["led", None, words],
                ],
            )
            room = Encoder(bytearray(frames.OUT_ROOM))
            room.put({0: 1 << 30, 3: status.do_status(app, {})})
            assert "login" in decode(bytes(room.buf[: room.n]), 8)[3]["error"][1]
