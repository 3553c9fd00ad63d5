"""Compiled functions are kept on disk, but never used when what they call has changed."""

import subprocess
import sys

import pytest

INNER = "from rllib_remix.compiling import kernel\n\n@kernel\ndef inner():\n    return {value}\n"
OUTER = "from part.inner import inner\nfrom rllib_remix.compiling import kernel\n\n@kernel\ndef outer():\n    return inner()\n"
RUN = """
import sys
from pathlib import Path
from rllib_remix import compiling
folder = Path(sys.argv[1])
compiling._PACKAGE = folder
sys.path.insert(0, str(folder))
from part.outer import outer
print(outer(), sum(outer.stats.cache_hits.values()))
"""


def run(folder):
    out = subprocess.run([sys.executable, "-c", RUN, str(folder)], capture_output=True, text=True, check=True)
    value, hits = out.stdout.split()
    return int(value), int(hits)


@pytest.mark.slow
def test_a_kernel_is_kept_on_disk_until_another_file_of_its_part_changes(tmp_path):
    part = tmp_path / "part"
    part.mkdir()
    (part / "__init__.py").touch()
    (part / "outer.py").write_text(OUTER)
    (part / "inner.py").write_text(INNER.format(value=1))
    assert run(tmp_path) == (1, 0)
    assert run(tmp_path) == (1, 1)
    (part / "inner.py").write_text(INNER.format(value=2))
    assert run(tmp_path) == (2, 0)
