"""The table of planted faults fits the code."""

import sys
from collections import Counter
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))

from planting.fault import PACKAGE, ROOT, Fault, planted
from planting.table import FAULTS


def test_there_are_many_and_each_has_a_name_of_its_own():
    assert len(FAULTS) >= 150
    assert Counter(fault.name for fault in FAULTS).most_common(1)[0][1] == 1


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_can_still_be_planted_and_tested(fault):
    text = (PACKAGE / fault.file).read_text(encoding="utf-8")
    compile(planted(fault, text), fault.file, "exec")
    assert fault.says.endswith(".")
    assert fault.tests
    assert all((ROOT / test).exists() for test in fault.tests)


def test_a_text_that_is_gone_or_there_twice_or_not_changed_is_refused():
    for old, new in (("x", "y"), ("a", "b"), ("c", "c")):
        with pytest.raises(ValueError, match="its text occurs"):
            planted(Fault("f", "It is wrong.", "file.py", old, new, ()), "a b a c")
