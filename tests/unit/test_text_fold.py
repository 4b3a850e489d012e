"""Searches and filters find a name however it is written."""

from buzon.text.fold import fold


def test_capitals_and_accents_do_not_count():
    for text in ("Begoña Ibáñez", "BEGOÑA IBÁÑEZ", "begona ibanez", "BEGOÑA ibánez"):
        assert fold(text) == b"begona ibanez", text
    assert fold("ÀÁÂÃÄÅÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝ") == b"aaaaaaceeeeiiiinoooooouuuuy"
    assert fold("àáâãäåçèéêëìíîïñòóôõöøùúûüýÿ") == b"aaaaaaceeeeiiiinoooooouuuuyy"
    assert fold("Straße, Æ Ð Þ") == fold("strase, æ ð þ")


def test_the_rest_stays():
    assert fold("") == b""
    assert fold("a@B.example 0-9 [~]") == b"a@b.example 0-9 [~]"
    assert fold("Œuvre €5 Łodz") == "Œuvre €5 Łodz".encode()
    assert fold("Ωμέγα") == "Ωμέγα".encode()
    assert fold("¿«漢\U0001f600»?") == "¿«漢\U0001f600»?".encode()
