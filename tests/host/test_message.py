"""What `buzon mail show` makes of a message: well-formed ones of the standard library's making, and hostile ones."""

import time
from email.message import EmailMessage

import pytest
from buzon_host.message import Attachment, plain, read
from hypothesis import given, settings
from hypothesis import strategies as st


def made(**fields: str) -> EmailMessage:
    message = EmailMessage()
    for name, value in fields.items():
        message[name] = value
    return message


def test_fields_are_decoded_and_the_plain_text_is_taken() -> None:
    message = made(
        From="José Núñez <jose@example.org>", To="a@b.example, Ñu <c@d.example>", Subject="¡Mañana!"
    )
    message["Date"] = "Mon, 23 Nov 2026 20:51:05 +0000"
    message.set_content("Hola, señor.\nBis morgen – ciao\n", charset="utf-8", cte="quoted-printable")
    message.add_alternative("<p>Hola, <b>HTML</b></p>", subtype="html")
    message.add_attachment(b"\x00" * 1234, maintype="image", subtype="png", filename="año.png")
    message.add_attachment("name,value\n", subtype="csv", filename="list.csv")
    for data in (message.as_bytes(), message.as_bytes().replace(b"\n", b"\r\n")):
        found = read(data)
        assert found.from_ == "José Núñez <jose@example.org>"
        assert found.to == "a@b.example, Ñu <c@d.example>"
        assert (found.date, found.subject) == ("Mon, 23 Nov 2026 20:51:05 +0000", "¡Mañana!")
        assert found.text == "Hola, señor.\nBis morgen – ciao"
        assert [(one.name, one.type) for one in found.attachments] == [
            ("año.png", "image/png"),
            ("list.csv", "text/csv"),
        ]
        assert found.attachments[0].size == 1234
        assert not found.note


def test_html_alone_becomes_text() -> None:
    message = made(Subject="s")
    message.set_content(
        "<html><head><title>T</title><style>p {}</style></head><body><p>One &amp; two</p><script>alert(1)</script>"
        '<ul><li>first<li><a href="https://example.org/x">second</a></ul>'
        '<a href="https://example.org">https://example.org</a> <a href="javascript:x()">no</a><br>end</body></html>',
        subtype="html",
    )
    assert read(message.as_bytes()).text.split("\n") == [
        "One & two",
        "",
        "- first",
        "- second <https://example.org/x>",
        "https://example.org no",
        "end",
    ]


def test_a_message_in_a_message_and_inline_pictures_are_attachments() -> None:
    inner = made(Subject="inner")
    inner.set_content("inside\n")
    message = made(Subject="outer")
    message.set_content("<p>See <img alt='a cat' src='cid:1'></p>", subtype="html")
    message.add_related(b"GIF", maintype="image", subtype="gif", cid="<1>")
    message.make_mixed()
    message.add_attachment(inner)
    found = read(message.as_bytes())
    assert found.text == "See a cat"
    assert [(one.name, one.type) for one in found.attachments] == [
        ("", "image/gif"),
        ("", "message/rfc822"),
    ]
    assert found.attachments[0].size == 3


def test_a_text_of_another_kind_is_the_text_unless_it_is_attached() -> None:
    data = b"Content-Type: text/csv\r\n\r\n1,2\r\n"
    assert (read(data).text, read(data).attachments) == ("1,2", [])
    attached = read(b"Content-Disposition: attachment; filename=a.csv\r\n" + data)
    assert (attached.text, attached.attachments) == ("", [Attachment("a.csv", "text/csv", 5)])


def test_no_headers_and_no_body() -> None:
    assert read(b"") == read(b"\r\n")
    assert read(b"Subject: x\r\n").subject == "x"
    assert read(b"Subject: x\r\n").text == ""


def test_utf8_in_a_field_and_an_unknown_charset() -> None:
    data = "Subject: mañana\r\nContent-Type: text/plain; charset=klingon\r\n\r\ncafé\r\n".encode()
    found = read(data)
    assert (found.subject, found.text) == ("mañana", "café")


NESTED = b"".join(
    b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(5000)
)
HTML = b"Content-Type: text/html\r\n\r\n"
HOSTILE = {
    "lying base64": b"Content-Transfer-Encoding: base64\r\n\r\n\xff\xfe***not base64***\r\n",
    "lying quoted-printable": b"Content-Transfer-Encoding: quoted-printable\r\n\r\n=ZZ=\r\n=",
    "unknown encoding": b"Content-Transfer-Encoding: x-none\r\n\r\nhello",
    "uuencode": b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 x\r\n\xff\xff\xff\r\nend",
    "multipart without a boundary": b"Content-Type: multipart/mixed\r\n\r\nhello",
    "a boundary that never comes": b"Content-Type: multipart/mixed; boundary=x\r\n\r\nhello",
    "a boundary with a hole": b"Content-Type: multipart/mixed; boundary*0=a; boundary*2=b\r\n\r\nhello",
    "nested": NESTED,
    "messages in messages": b"Content-Type: message/rfc822\r\n\r\n" * 5000,
    "charset with a NUL": b'Content-Type: text/plain; charset="a\x00b"\r\n\r\nhello',
    "charset that is no text": b"Content-Type: text/plain; charset=zlib\r\n\r\nhello",
    "open comments": b"From: " + b"(" * 100_000 + b"\r\n\r\nhello",
    "groups": b"To: " + b"a:" * 50_000 + b"\r\n\r\nhello",
    "encoded words": b"Subject: " + b"=?utf-8?q?a?= " * 50_000 + b"\r\n\r\nhello",
    "parameters": b"Content-Type: text/plain; " + b'a="b";' * 50_000 + b"\r\n\r\nhello",
    "parameters in many parts": b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
    + (b"--x\r\nContent-Type: text/plain; " + b'a="b";' * 1300 + b"\r\n\r\n") * 30,
    "broken parameters in many parts": b"Content-Type: multipart/mixed; boundary=x; name*\r\n\r\n"
    + (
        b"--x\r\nContent-Type: text/plain; "
        + b"a*;" * 300
        + b"\r\nContent-Disposition: a*;b*\r\n\r\nhello\r\n"
    )
    * 40
    + b"--x\r\n\r\nhello",
    "tags without an end": HTML + b"<a " * 100_000,
    "comments without an end": HTML + b"<!--" * 100_000,
    "links in links": HTML + b'<a href="http://x">x' * 20_000 + b"</a>" * 20_000,
    "every byte": bytes(range(256)) * 9,
    "no end of lines": b"a" * 1_000_000,
}


@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_messages_are_shown_somehow_and_soon(data: bytes) -> None:
    began = time.process_time()
    found = read(data)
    assert time.process_time() - began < 5
    if data.endswith(b"hello"):
        assert "hello" in found.text


def test_what_cannot_be_told_apart_is_shown_whole() -> None:
    found = read(HOSTILE["multipart without a boundary"])
    assert found.note
    assert found.text == "hello"
    assert read(NESTED).text.startswith("--b0")


BROKEN = [
    b"Content-Type: text/plain; charset=utf-8; name*\r\n",
    b"Content-Type: text/plain; name*; charset=latin-1\r\n",
    b"Content-Type: text/plain; a*" + b"9" * 5000 + b"=x\r\n",
    b"Content-Disposition: inline; filename*\r\n",
    b"Content-Disposition: filename*\r\n",
    b"Content-Type: text/html\r\n\r\n<![foo <p>",
    b"Content-Type: text/html\r\n\r\n&#" + b"9" * 5000 + b";",
]


@pytest.mark.parametrize("start", BROKEN, ids=lambda start: start[:50].decode())
def test_what_the_standard_library_cannot_parse_hides_no_text(start: bytes) -> None:
    data = start + (b"" if b"\r\n\r\n" in start else b"\r\n") + b"hell\xc3\xb6\r\n"
    found = read(data)
    assert not found.note
    assert "latin-1" in start.decode() or "hellö" in found.text or b"<![" in start
    assert "hell" in found.text or b"<![" in start
    mixed = b"Content-Type: multipart/mixed; boundary=x; a*\r\n\r\n--x\r\n" + data + b"\r\n--x--\r\n"
    assert (read(mixed).text, read(mixed).note) == (found.text, "")


def test_a_part_s_other_parameters_count_when_one_is_broken() -> None:
    head = b'Content-Type: text/plain; x*; charset=latin-1\r\nContent-Disposition: attachment; filename="a.txt"; y*\r\n'
    found = read(head + b"\r\n\xe9")
    assert (found.text, found.attachments) == ("", [Attachment("a.txt", "text/plain", 1)])
    assert read(head.replace(b"attachment", b"inline") + b"\r\n\xe9").text == "é"


WORDS = st.sampled_from(
    [
        *(
            b"multipart/mixed; boundary=x",
            b"text/plain",
            b"text/html",
            b"message/rfc822",
            b"base64",
            b"attachment",
        ),
        *(
            b"--x",
            b"--",
            b"\r\n",
            b"\r\n\r\n",
            b"\r\n ",
            b"\t",
            b"; ",
            b":",
            b",",
            b"*",
            b"*0",
            b"*0*=",
            b"=",
            b"'",
        ),
        *(
            b'"',
            b"\\",
            b"(",
            b")",
            b"<",
            b">",
            b"@",
            b"[",
            b"]",
            b"charset",
            b"filename",
            b"name",
            b"utf-7",
            b"''",
        ),
        *(
            b"=?",
            b"=?utf-8?q?",
            b"?=",
            b"=?x?b?",
            b"<a ",
            b"<!",
            b"<![",
            b"]]>",
            b"<?",
            b"</",
            b"&#",
            b"&#x",
            b"&",
        ),
        *(b"9" * 5000, b"\xff", b"\x00", "ñ".encode(), b"From ", b"Mon, 1 Jan 99999999999 99:99:99 +9999"),
    ]
)
NAMES = st.sampled_from(
    [
        *(
            b"Content-Type",
            b"Content-Disposition",
            b"Content-Transfer-Encoding",
            b"MIME-Version",
            b"Content-ID",
        ),
        *(b"From", b"To", b"Subject", b"Date", b"", b" ", b"X"),
    ]
)
PIECES = st.lists(WORDS | st.binary(max_size=12), max_size=12).map(b"".join)
LINES = st.lists(st.tuples(NAMES, PIECES).map(b": ".join), max_size=8).map(b"\r\n".join)


@settings(max_examples=400, deadline=None)
@given(st.lists(LINES | PIECES, max_size=6).map(b"\r\n".join))
def test_any_bytes(data: bytes) -> None:
    found = read(data)
    assert all(isinstance(one, Attachment) for one in found.attachments)
    texts = (found.from_, found.to, found.date, found.subject, found.text, found.note)
    assert all(isinstance(text, str) for text in texts)


@settings(max_examples=200, deadline=None)
@given(PIECES.map(lambda data: data.decode("utf-8", "replace")) | st.text(max_size=80))
def test_any_text_as_a_page(html: str) -> None:
    assert isinstance(plain(html), str)


def test_plain_keeps_a_table_s_rows() -> None:
    assert plain("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>") == "a b\n\nc"
