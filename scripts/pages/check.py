#!/usr/bin/env python
"""Checks a built site: every link within it and every anchor is there, and no page loads anything from elsewhere.

Usage: scripts/pages/check.py FOLDER
"""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# What a browser loads by itself, and the attribute that says from where.
_LOADED = {"img": "src", "script": "src", "link": "href", "source": "src", "iframe": "src"}
_NOT_FOUND = "404.html"  # is shown at any address, so that its links begin at the site's root


class _Page(HTMLParser):
    """The anchors of a page, its links, and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value for name, value in attrs if value is not None}
        self.anchors.update(given[name] for name in ("id", "name") if name in given)
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif (
            tag in _LOADED and _LOADED[tag] in given and given.get("rel") not in ("canonical", "prev", "next")
        ):
            self.loaded.append(given[_LOADED[tag]])


def faults_of(site: Path) -> list[str]:
    """One line for every link that leads nowhere and for whatever is loaded from elsewhere."""
    site = site.resolve()
    pages = {
        path: _Page(path.read_text(encoding="utf-8"))
        for path in sorted(site.rglob("*.html"))
        if path.name != _NOT_FOUND
    }
    faults = [] if pages else [f"{site}: there is no page."]
    for path, page in pages.items():
        name = path.relative_to(site)
        for loaded in page.loaded:
            if urlsplit(loaded).netloc:
                faults.append(f"{name}: loads {loaded} from elsewhere.")
        for link in [*page.links, *page.loaded]:
            if reason := _dead(link, path, pages):
                faults.append(f"{name}: {link}: {reason}.")
    return faults


def _dead(link: str, page: Path, pages: dict[Path, _Page]) -> str:
    """Why a link leads nowhere; empty if it leads somewhere, or out of the site."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return ""
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if target.is_dir():
        target = target / "index.html"
    if not target.exists():
        return "there is no such file"
    anchor = unquote(parts.fragment)
    if anchor and target in pages and anchor not in pages[target].anchors:
        return "there is no such anchor"
    return ""


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    site = Path(sys.argv[1])
    faults = faults_of(site)
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        sys.exit(f"{len(faults)} faults.")
    print(f"{len(list(site.rglob('*.html')))} pages in {site}: every link and anchor is there.")


if __name__ == "__main__":
    main()
