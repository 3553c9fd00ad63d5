"""The tests that docs/smac_sim.md names are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# `units`: a_test, another_test
NAMED = re.compile(r"`([\w/]+?)(?:\.py)?`:\s+(\w+_\w+_\w+(?:,\s+\w+_\w+_\w+)*)")


def named_tests():
    text = (ROOT / "docs" / "smac_sim.md").read_text(encoding="utf-8")
    for part, names in NAMED.findall(text):
        file = part if "/" in part else f"tests/envs/smac_sim/test_{part}"
        yield from ((f"{file}.py", f"test_{name}") for name in re.split(r",\s+", names))


def test_there_are_such_names():
    assert len(list(named_tests())) > 80


@pytest.mark.parametrize(("file", "name"), named_tests())
def test_a_test_that_backs_a_line_is_there(file, name):
    assert f"def {name}(" in (ROOT / file).read_text(encoding="utf-8")
