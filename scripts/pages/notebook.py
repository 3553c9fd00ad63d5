"""A notebook as a Markdown page: text, code, and the text and pictures that are stored with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def code_of(notebook: Path) -> list[str]:
    """The code of all its cells, in their order."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def page_of(notebook: Path) -> str:
    """The page; pictures are part of it."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return "\n\n".join(part for cell in cells for part in _parts(cell)) + "\n"


def _parts(cell: dict[str, Any]) -> list[str]:
    text = "".join(cell["source"])
    if cell["cell_type"] != "code":
        return [text]
    return [f"```python\n{text}\n```", *(shown for output in cell["outputs"] if (shown := _shown(output)))]


def _shown(output: dict[str, Any]) -> str:
    if output["output_type"] == "stream":
        return _as_code("".join(output["text"]))
    data = output.get("data", {})
    if "image/png" in data:
        return f"![picture](data:image/png;base64,{''.join(data['image/png']).replace(chr(10), '')})"
    return _as_code("".join(data["text/plain"])) if "text/plain" in data else ""


def _as_code(text: str) -> str:
    return "```text\n" + text.rstrip("\n") + "\n```"
