"""The notebook of the matrix game: its code runs, and what is stored with it is small and true."""

import json
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from pages.blocks import ROOT
from pages.notebook import code_of, page_of

from tests.documents.blocks_run import changed

NOTEBOOK = ROOT / "docs" / "matrix_game.ipynb"
CELLS = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]


@pytest.mark.slow
@pytest.mark.usefixtures("ray_session")
def test_its_code_runs_and_the_weights_tell_the_best_joint_action_from_others(monkeypatch):
    """With fewer updates, after which CW-QMIX has found the best one and QMIX has not."""
    monkeypatch.setattr(plt, "show", lambda: None)
    names = {}
    exec(changed("\n".join(code_of(NOTEBOOK)), ("UPDATES = 600", "UPDATES = 200")), names)
    for algorithm in names["algorithms"].values():
        algorithm.stop()
    plt.close(names["figure"])
    assert names["greedy"]["CW-QMIX"] == (0, 0)
    assert names["payoff"][names["greedy"]["QMIX"]] == 0
    assert np.all(names["weights"]["QMIX"] == 1)
    assert names["weights"]["CW-QMIX"][0, 0] == 1
    assert names["weights"]["CW-QMIX"].min() == pytest.approx(0.1)


def test_it_is_small_and_its_stored_outputs_are_those_of_its_text():
    assert NOTEBOOK.stat().st_size < 100_000
    assert [cell["execution_count"] for cell in CELLS if cell["cell_type"] == "code"] == [1, 2, 3, 4, 5]
    said = "".join(
        line for cell in CELLS for each in cell.get("outputs", ()) for line in each.get("text", ())
    )
    assert "QMIX plays (2, 2) and gets 0" in said
    assert "CW-QMIX plays (0, 0) and gets 8" in said


def test_its_links_lead_somewhere():
    text = "".join(line for cell in CELLS if cell["cell_type"] == "markdown" for line in cell["source"])
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if ":" not in link]
    assert links
    for link in links:
        assert (NOTEBOOK.parent / link.partition("#")[0]).exists(), link


def test_a_notebook_becomes_a_page(tmp_path):
    cells = [
        {"cell_type": "markdown", "source": ["# Title\n", "text"]},
        {
            "cell_type": "code",
            "source": ["print(1)"],
            "outputs": [
                {"output_type": "stream", "text": ["1\n"]},
                {"output_type": "display_data", "data": {"image/png": "iVBOR\n", "text/plain": ["<Figure>"]}},
                {"output_type": "execute_result", "data": {"text/plain": ["2"]}},
            ],
        },
    ]
    (tmp_path / "a.ipynb").write_text(json.dumps({"cells": cells}), encoding="utf-8")
    assert page_of(tmp_path / "a.ipynb") == (
        "# Title\ntext\n\n```python\nprint(1)\n```\n\n```text\n1\n```\n\n"
        "![picture](data:image/png;base64,iVBOR)\n\n```text\n2\n```\n"
    )
