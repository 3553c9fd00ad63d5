"""The plugins that run test files side by side and write what they cost."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SUPPORT = Path(__file__).parent / "support"
ONE_OF_EACH = """
import warnings
import pytest

@pytest.mark.parametrize("number", range(20))
def test_passes(number):
    pass

def test_fails():
    print("said by the test")
    assert 1 == 2

def test_is_skipped():
    pytest.skip("for a reason")

def test_warns():
    warnings.warn("a warning")
"""
BUSY = """
import os, subprocess, sys, time

LOOP = "import time\\nwhile time.process_time() < {}: pass\\nopen('done', 'w').close()"

def test_here():
    began = time.process_time()
    while time.process_time() - began < 0.3:
        pass

def test_in_a_process():
    subprocess.run([sys.executable, "-c", LOOP.format(1.2)])

def test_in_a_process_that_nobody_waits_for():
    os.remove("done")
    run = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {LOOP.format(1.2)!r}])"
    subprocess.run([sys.executable, "-c", run])
    while not os.path.exists("done"):
        time.sleep(0.01)
"""


@pytest.fixture
def run(tmp_path):
    """Runs pytest in a folder of its own, with files of tests by name; returns the exit code and what it said."""

    def run(*options, **files):
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(text)
        environment = {**os.environ, "PYTHONPATH": str(SUPPORT)}
        command = [sys.executable, "-m", "pytest", "-q", "-ra", "-c", os.devnull, "--rootdir", ".", *options]
        ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        return ended.returncode, ended.stdout

    return run


def test_side_by_side_every_file_is_told_as_by_pytest(run):
    options = ("-p", "side_by_side", "--side-by-side", "2")
    code, said = run(*options, test_one=ONE_OF_EACH, test_two=ONE_OF_EACH, test_three=ONE_OF_EACH)
    assert code == 1
    assert "3 failed, 63 passed, 3 skipped, 3 warnings" in said
    assert said.count("FAILED test_") == 3
    assert said.count("said by the test") == 2 * 3  # in the source, and as it was printed
    assert "SKIPPED [1] test_two.py" in said
    assert "UserWarning: a warning" in said


def test_side_by_side_a_process_that_dies_is_a_failure(run):
    code, said = run(
        "-p", "side_by_side", "--side-by-side", "2", test_one="import os\ndef test_dies(): os._exit(0)"
    )
    assert code == 3
    assert "ended before" in said


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
def test_the_seconds_of_a_file_include_those_of_its_processes(run, tmp_path, workers):
    code, said = run(
        "-p", "cpu_times", "--cpu-times", "times.json", *workers, test_busy=BUSY, test_idle=ONE_OF_EACH
    )
    assert code == 1, said
    times = json.loads((tmp_path / "times.json").read_text())
    assert set(times) >= {"test_busy.py", "test_idle.py"}
    assert times["test_busy.py"]["tests"] == 3
    # 0.3 + 1.2 + 1.2 s, of which the looks at the processes may miss the end.
    assert 2 < times["test_busy.py"]["cpu"] < 3.5
    assert times["test_idle.py"]["cpu"] < 1
