"""The site says of every choice and key what it is, and its pages are what the gallery's scripts made."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

pytest.importorskip("griffe")
ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
sys.path[:0] = [str(DOCS / "hooks"), str(DOCS)]

import build_gallery
import config_reference
import described

GROUPS = [group for group in described.groups() if group not in ("experiment", "size")]


@pytest.mark.parametrize("group", GROUPS)
def test_every_key_of_a_group_is_described(group: str) -> None:
    silent = [f"{of.name}: {key.name}" for of in described.choices(group) for key in of.keys if not key.meaning]
    assert not silent, f"conf/{group}: no comment, and no ``key``: in the docstring of the class"


def test_every_group_has_its_page_in_the_navigation() -> None:
    pages = config_reference.pages()
    navigation = (ROOT / "mkdocs.yml").read_text()
    assert set(config_reference.GROUPS) == set(described.groups())
    for group in described.groups():
        page = f"reference/{group.replace('/', '_')}.md"
        assert page in pages and f"- {page}" in navigation
        for of in described.choices(group):
            assert of.name in pages[page]


@pytest.mark.parametrize(("group", "folder"), [("model", "variants"), ("evaluation", "evaluation")])
def test_every_variant_and_evaluation_has_a_page_that_the_navigation_has(group: str, folder: str) -> None:
    navigation = (ROOT / "mkdocs.yml").read_text()
    for of in described.choices(group):
        assert (DOCS / folder / f"{of.name}.md").exists() and f"- {folder}/{of.name}.md" in navigation


def test_a_variants_page_says_what_a_reader_asks() -> None:
    for of in described.choices("model"):
        text = (DOCS / "variants" / f"{of.name}.md").read_text()
        wanted = ("Formula", "What it learns", "When to use it", "What others call it", "Its place in the trade-off")
        assert re.findall(r"^## (.*)$", text, re.MULTILINE) == list(wanted), of.name


def test_what_a_key_means_is_read_from_comments_and_docstrings() -> None:
    vae = {key.name: key for of in described.choices("model") if of.name == "vae" for key in of.keys}
    assert vae["warmup"].meaning == "share of the epochs over which the weight rises from 0"
    assert vae["code_activation"].meaning.startswith("applied to the encoder's output")
    assert described.arguments("``a``, ``b``: both. ``c``: one of ``a``.\n\nMore.") == {
        "a": "both", "b": "both", "c": "one of `a`",
    }  # fmt: skip


def test_pages_of_the_gallery_are_those_of_its_scripts() -> None:
    """Whoever changes a script runs ``python docs/build_gallery.py <name>``, too."""
    listed = [name for _, names in build_gallery.TITLES for name in names]
    assert sorted(listed) == sorted(script.stem for script in build_gallery.GALLERY.glob("*.py"))
    index = (DOCS / "gallery" / "index.md").read_text()
    for name in listed:
        page = (DOCS / "gallery" / f"{name}.md").read_text()
        assert build_gallery.digest((DOCS / "gallery" / f"{name}.py").read_text()) in page, name
        assert f"]({name}.md)" in index and f"- gallery/{name}.md" in (ROOT / "mkdocs.yml").read_text()


def test_the_site_fetches_nothing() -> None:
    """No address of a font, a script or a style in what the theme is told; and none in pages of docs/."""
    settings = (ROOT / "mkdocs.yml").read_text() + (DOCS / "site.css").read_text()
    assert "font: false" in settings and not re.search(r"https?://|analytics", settings)
    for page in DOCS.rglob("*.md"):
        assert not re.search(r"<(script|link|iframe|img)[^>]+https?:", page.read_text()), page
