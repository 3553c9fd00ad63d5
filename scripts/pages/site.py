"""Hooks of MkDocs: pages from outside docs/ become part of the site, and links lead where they lead on a Git host."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mkdocs.structure.files import File, Files

from pages.links import anchor_of, link_on_site, replace_links
from pages.notebook import page_of

ROOT = Path(__file__).resolve().parents[2]
# What is on the site although it does not lie in docs/, and its path there.
FROM_OUTSIDE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
}
STYLE = "site.css"

_on_site: dict[
    str, str
] = {}  # sources, and their paths on the site; sources are paths from the repository's root
_sources: dict[str, str] = {}  # the other way round


def on_config(config: Any) -> Any:
    """Headings get the anchors that Git hosts give them, and every page's foot a link to the repository.

    MkDocs' own `repo_url` does not do: with it the theme asks GitHub for numbers whenever a page is shown.
    """
    config.extra["social"] = [{"icon": "fontawesome/brands/git-alt", "link": config.extra["repository"]}]
    config.mdx_configs.setdefault("toc", {})["slugify"] = lambda heading, separator: anchor_of(heading)
    return config


def on_files(files: Files, *, config: Any) -> Files:
    """Adds what lies outside docs/, and notebooks as pages."""
    _on_site.update({f"docs/{file.src_uri}": file.src_uri for file in files})
    for source, path in FROM_OUTSIDE.items():
        _add(files, config, path, source, (ROOT / source).read_text(encoding="utf-8"))
    for notebook in sorted((ROOT / "docs").glob("*.ipynb")):
        _add(files, config, f"{notebook.stem}.md", f"docs/{notebook.name}", page_of(notebook))
    style = (Path(__file__).parent / STYLE).read_text(encoding="utf-8")
    files.append(File.generated(config, STYLE, content=style))
    _sources.update({path: source for source, path in _on_site.items()})
    return files


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Files) -> str:
    """Links lead to pages of the site, or to the repository."""
    source, repository = _sources[page.file.src_uri], config.extra["repository"]

    def on_site(link: str, is_picture: bool) -> str:
        return link_on_site(link, source, _on_site, repository, is_picture=is_picture, root=ROOT)

    return replace_links(markdown, on_site)


def on_page_content(html: str, *, page: Any, config: Any, files: Files) -> str:
    """A `|` in code within a table is written with a backslash, which Git hosts take away and Python-Markdown does not."""
    return re.sub(r"<table>.*?</table>", lambda table: table[0].replace("\\|", "|"), html, flags=re.DOTALL)


def _add(files: Files, config: Any, path: str, source: str, text: str) -> None:
    files.append(File.generated(config, path, content=text))
    _on_site[source] = path
