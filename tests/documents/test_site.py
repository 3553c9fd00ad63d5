"""The site that scripts/docs builds: where links of pages lead on it, what its check finds, and that no page is left out."""

import re

import pytest
import yaml
from pages.blocks import ROOT, pages
from pages.check import faults_of
from pages.links import anchor_of, link_on_site, replace_links

SITE = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
# What scripts/pages/site.py takes from outside docs/; it can be imported only where MkDocs is.
OUTSIDE = dict(re.findall(r'"(\w+\.md)": "(\w+\.md)",', (ROOT / "scripts/pages/site.py").read_text("utf-8")))
ON_SITE = {"README.md": "index.md", "docs/a.md": "a.md", "docs/deep/b.md": "deep/b.md", "docs/p.png": "p.png"}


def paths_of(nav):
    """All pages of a navigation."""
    if isinstance(nav, str):
        return [nav]
    return [path for entry in (nav.values() if isinstance(nav, dict) else nav) for path in paths_of(entry)]


def test_every_page_is_in_the_navigation():
    of_docs = {str(page.relative_to(ROOT / "docs")) for page in pages() if page.is_relative_to(ROOT / "docs")}
    measured = {path for path in of_docs if path.startswith("results/")}
    notebooks = {f"{notebook.stem}.md" for notebook in ROOT.glob("docs/*.ipynb")}
    assert set(OUTSIDE) == {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"}
    assert sorted(paths_of(SITE["nav"])) == sorted(of_docs - measured | notebooks | set(OUTSIDE.values()))


@pytest.mark.parametrize(
    ("link", "source", "there"),
    [
        ("docs/a.md#here", "README.md", "a.md#here"),
        ("../a.md", "docs/deep/b.md", "../a.md"),
        ("../../README.md", "docs/deep/b.md", "../index.md"),
        ("../setup.py", "docs/a.md", "https://host/o/r/blob/main/setup.py"),
        ("../tuned_examples/search", "docs/a.md", "https://host/o/r/blob/main/tuned_examples/search"),
        ("gone.md", "docs/a.md", "gone.md"),
        ("#here", "docs/a.md", "#here"),
        ("https://example.org/a.md", "docs/a.md", "https://example.org/a.md"),
    ],
)
def test_a_link_leads_to_the_page_on_the_site_or_to_the_repository(link, source, there):
    assert link_on_site(link, source, ON_SITE, "https://host/o/r", is_picture=False, root=ROOT) == there


def test_a_picture_outside_the_site_is_the_repositorys_raw_file():
    picture, on_site = "docs/results/demo_curves.png", {"README.md": "index.md"}
    link = link_on_site(picture, "README.md", on_site, "https://host/o/r", is_picture=True, root=ROOT)
    assert link == f"https://host/o/r/raw/main/{picture}"


def test_links_are_replaced_but_not_in_blocks_of_code():
    text = "[a](b) ![c](d)\n```python\nx[0](y)\n```\n[e](f)\n"
    assert replace_links(text, lambda link, is_picture: link.upper() + "!" * is_picture) == (
        "[a](B) ![c](D!)\n```python\nx[0](y)\n```\n[e](F)\n"
    )


def test_anchors_are_those_of_git_hosts():
    assert anchor_of("Which ε") == "which-ε"
    assert anchor_of("SMAC's quirks, `all` of them") == "smacs-quirks-all-of-them"


def test_the_check_finds_dead_links_dead_anchors_and_what_is_loaded_from_elsewhere(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "index.html").write_text(
        '<a href="deep/#there">1</a><a href="deep/#gone">2</a><a href="gone.html">3</a><a href="#top">4</a>'
        '<a href="https://example.org">5</a><img src="gone.png"><script src="https://cdn.example.org/x.js"></script>'
        '<h1 id="top">x</h1>'
    )
    (tmp_path / "deep" / "index.html").write_text('<h1 id="there">x</h1><a href="..">back</a>')
    assert faults_of(tmp_path) == [
        "index.html: loads https://cdn.example.org/x.js from elsewhere.",
        "index.html: deep/#gone: there is no such anchor.",
        "index.html: gone.html: there is no such file.",
        "index.html: gone.png: there is no such file.",
    ]


def test_an_empty_site_is_a_fault(tmp_path):
    assert len(faults_of(tmp_path)) == 1
