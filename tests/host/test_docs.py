"""The generated pages of docs/: as the code is now, whole, and with advice for every error."""

import re
from pathlib import Path

import pytest
from buzon_host.build import docs
from buzon_host.provision import schema
from buzon_host.remedies import REMEDIES

FOLDER = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", docs.pages())
def test_a_page_is_what_the_code_makes(name) -> None:
    assert (FOLDER / name).read_text("utf-8") == docs.pages()[name](), "run python -m buzon_host.build.docs"


def test_all_are_written(tmp_path) -> None:
    docs.main(str(tmp_path))
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.md")} == set(docs.pages())


def test_every_error_has_a_sentence_and_a_remedy() -> None:
    codes = docs.codes()
    assert codes == sorted(REMEDIES)
    assert len(codes) > 50
    for code in codes:
        assert not docs.said(code).startswith("Error "), code
        assert REMEDIES[code].endswith("."), code
        assert "|" not in REMEDIES[code] + docs.said(code), code
    page = docs.troubleshooting().split("## Exit codes")[0]
    assert re.findall(r"^\| (\d{3}) \|", page, re.M) == [str(code) for code in codes]


def test_every_setting_is_there_and_explained() -> None:
    page = docs.settings()
    models = [schema.Settings, *(kind for _, _, kind in docs._tables(schema.Settings, ""))]
    assert len(models) == 10
    for model in models:
        for name, field in model.model_fields.items():
            assert field.description, (model.__name__, name)
            if model is not schema.Settings:
                assert f"`{field.alias or name}`" in page or f".{name}]" in page, name
    assert "| `port` | whole number, 1 to 65535 | – |" in page
    assert '| `tls` | `"implicit"`, `"starttls"`, `"none"` | `"implicit"` |' in page
    assert "## `[[account.filter]]`" in page
    assert "## `[display.pins]`" in page
    assert "| `ssid` | text, 1 to 32 bytes | must be there |" in page


def test_commands_that_remedies_name_are_there() -> None:
    from buzon_host.cli import _VERBS

    for text in REMEDIES.values():
        for verb in re.findall(r"`buzon (\w+)", text):
            assert verb in _VERBS, text
