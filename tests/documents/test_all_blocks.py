"""No block of Python or YAML is left out, and the names by which blocks are run are those of blocks."""

import pytest
from pages.blocks import ROOT, all_blocks, blocks_of, commands

from tests.documents import test_python_blocks, test_yaml_blocks  # noqa: F401  (they say which blocks they run)
from tests.documents.blocks_run import ELSEWHERE, HERE

# By test_bash_blocks, as the module that a command names.
AS_A_MODULE = "docs/weightings/own.md python 0"


def test_every_block_of_python_and_yaml_is_run():
    assert {block.name for block in all_blocks("python", "yaml")} == {*HERE, *ELSEWHERE, AS_A_MODULE}


@pytest.mark.parametrize("test", sorted(set(ELSEWHERE.values())))
def test_a_test_that_is_said_to_run_a_block_is_there(test):
    file, name = test.split(":")
    assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8")


def test_blocks_are_told_apart_by_language_and_number(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```python\n1\n```\ntext\n```bash\nls\n```\n```python\n2\n```\n```\nshown\n```\n")
    found = [(block.name, block.line, block.text) for block in blocks_of(page)]
    assert found == [
        ("page.md python 0", 1, "1\n"),
        ("page.md bash 0", 5, "ls\n"),
        ("page.md python 1", 8, "2\n"),
        ("page.md  0", 11, "shown\n"),
    ]


def test_commands_end_where_a_shell_ends_them():
    text = "# a comment\nrllib train --stop '{\"a\": 1}' \\\n  --algo QMIX  # more\ncd x && ls; echo 'a;b' | cat &\n"
    assert commands(text) == [
        ["rllib", "train", "--stop", '{"a": 1}', "--algo", "QMIX"],
        ["cd", "x"],
        ["ls"],
        ["echo", "a;b"],
        ["cat"],
    ]
