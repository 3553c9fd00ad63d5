"""Which block of code is run by which test."""

from collections.abc import Callable
from typing import TypeVar

from pages.blocks import ROOT, blocks_of

Test = TypeVar("Test", bound=Callable)

# By tests of other folders: the file, and the function.
ELSEWHERE = {
    "README.md python 0": "tests/test_readme.py:test_a_team_is_trained_saved_and_played_without_ray",
    "docs/export.md python 1": "tests/onnx_export/test_exporting.py:test_it_runs_without_pytorch_and_without_the_package_and_plays_as_the_team",
    "docs/python.md python 0": "tests/test_readme.py:test_a_team_is_trained_saved_and_played_without_ray",
    "docs/python.md python 2": "tests/test_readme.py:test_a_team_is_trained_saved_and_played_without_ray",
    "docs/reproduce.md yaml 0": "tests/studies/test_study.py:test_the_study_of_the_documents_can_be_run",
}
HERE: dict[str, str] = {}


def runs(*names: str) -> Callable[[Test], Test]:
    """Says above a test which blocks it runs."""

    def noted(test: Test) -> Test:
        HERE.update(dict.fromkeys(names, test.__name__))
        return test

    return noted


def text_of(name: str) -> str:
    """The text of a block, by its name."""
    (text,) = (block.text for block in blocks_of(ROOT / name.split()[0]) if block.name == name)
    return text


def changed(text: str, *changes: tuple[str, str]) -> str:
    """A text with less to do: each change must hit something."""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text
