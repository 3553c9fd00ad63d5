"""The table of planted faults fits the code."""

import subprocess
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


@pytest.mark.slow
def test_a_planted_fault_is_found_and_the_tree_stays_as_it_is():
    before = (PACKAGE / "learning" / "targets.py").read_bytes()
    command = [
        sys.executable,
        str(ROOT / "scripts" / "plant_faults.py"),
        "--quick",
        "--only",
        "value_of_this_step",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "found      value_of_this_step: tests/learning/test_targets.py::" in done.stdout
    assert "1 of 1 planted faults were found" in done.stdout
    assert (PACKAGE / "learning" / "targets.py").read_bytes() == before
