"""Links of pages as the site needs them, and anchors as Git hosts and the site give them to headings."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from pathlib import Path

_FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^()\s]+)\)")


def anchor_of(heading: str) -> str:
    """The anchor of a heading, given as plain text."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def replace_links(text: str, new: Callable[[str, bool], str]) -> str:
    """A page whose links are `new(link, is_picture)`; blocks of code stay as they are."""

    def replaced(match: re.Match[str]) -> str:
        return f"{match[1]}[{match[2]}]({new(match[3], bool(match[1]))})"

    parts, end = [], 0
    for fenced in _FENCED.finditer(text):
        parts += [_LINK.sub(replaced, text[end : fenced.start()]), fenced[0]]
        end = fenced.end()
    return "".join([*parts, _LINK.sub(replaced, text[end:])])


def link_on_site(
    link: str, source: str, on_site: Mapping[str, str], repository: str, *, is_picture: bool, root: Path
) -> str:
    """Where a link of a page leads on the site.

    Args:
        link: as it stands on the page.
        source: of the page, from the repository's root, as all paths of sources.
        on_site: the sources that are on the site, with their paths there.
        repository: address of the repository, for what is not on the site.
        is_picture: whether what it leads to is shown in its place.
        root: the repository's folder. A link to what is not there stays as it is, so that MkDocs finds it.
    """
    path, _, anchor = link.partition("#")
    if not path or re.match(r"\w+:", path):
        return link
    target = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
    behind = f"#{anchor}" if anchor else ""
    if target in on_site:
        return posixpath.relpath(on_site[target], posixpath.dirname(on_site[source]) or ".") + behind
    if not (root / target).exists():
        return link
    return f"{repository}/{'raw' if is_picture else 'blob'}/main/{target}{behind}"
