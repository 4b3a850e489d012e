"""The name a person sees for a From field."""

from buzon.text.address import sender


def check(raw, expected, limit=100):
    found = sender(raw, limit)
    assert found == expected, (raw, found)


def test_name_and_address():
    check(b"Ana Lopez <ana@example.com>", "Ana Lopez")
    check(b"<ana@example.com>", "ana@example.com")
    check(b"ana@example.com", "ana@example.com")
    check(b" <ana@example.com> (Ana)", "Ana")


def test_quoted_strings():
    check(b'"Lopez, Ana" <ana@example.com>', "Lopez, Ana")
    check(b'"Ana \\"la jefa\\" (x) <y>" <ana@example.com>', 'Ana "la jefa" (x) <y>')
    check(b'"" <ana@example.com>', "ana@example.com")
    check(b'"Ana" "Lopez" <a@b>', "Ana Lopez")


def test_comments():
    check(b"ana@example.com (Ana Lopez)", "Ana Lopez")
    check(b"ana@example.com (Ana (la) \\) Lopez)", "Ana (la) ) Lopez")
    check(b"Ana (work) <ana@example.com>", "Ana")


def test_encoded_words():
    check(b"=?utf-8?Q?Jos=C3=A9_P=C3=A9rez?= <j@example.com>", "José Pérez")
    check(b'"=?iso-8859-1?Q?Jos=E9?=" <j@example.com>', "José")
    check(b"=?utf-8?Q?P=C3=A9rez,_Jos=C3=A9?= <j@example.com>", "Pérez, José")
    check(b"j@example.com (=?utf-8?B?Sm9zw6k=?=)", "José")
    check(b"=?utf-8?Q?Mu=C3=B1?= =?utf-8?Q?oz?= <m@example.com>", "Muñoz")


def test_raw_8_bit():
    check("José <j@example.com>".encode(), "José")
    check(b"Jos\xe9 <j@example.com>", "José")


def test_the_first_of_a_list():
    check(b"Ana <a@example.com>, Bob <b@example.com>", "Ana")
    check(b"a@example.com, b@example.com", "a@example.com")
    check(b", , Bob <b@example.com>", "Bob")


def test_groups():
    check(b"Friends: Ana <a@example.com>, b@example.com;", "Ana")
    check(b"undisclosed-recipients:;", "undisclosed-recipients")


def test_what_is_no_address_stays_readable():
    check(b"Bob", "Bob")
    check(b"<>", "<>")
    check(b"", "")
    check(b"Bob <b@example.com", "Bob")
    check(b'"Bob <b@example.com>', "Bob <b@example.com>")
    check(b"(", "(")
    check(b"\\", "\\")


def test_the_limit():
    check(b"Ana Lopez <ana@example.com>", "Ana…", 7)
    check("ñañaña <a@b>".encode(), "ña…", 7)
