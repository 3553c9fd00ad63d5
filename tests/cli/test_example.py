"""`rllib example`: the tuned examples, in a checkout and in an installation."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from rllib_remix.cli import train
from rllib_remix.experiments.examples import USES, example_ids, read_example

ROOT = Path(__file__).parents[2]


def test_every_example_says_what_it_is():
    for name in example_ids():
        entry = read_example(name)
        assert entry.text, name
        assert entry.algorithms, name
        assert entry.environments, name


def test_the_list_has_a_filter_and_fits_80_columns(rllib):
    everything = rllib("example", "list").stdout
    lines = everything.splitlines()
    assert sorted(line.split()[0] for line in lines if re.match(r"  \w", line)) == example_ids()
    assert [line.rstrip(":") for line in lines if re.match(r"\w", line)] == list(USES)
    some = rllib("example", "list", "-f", "VDN").stdout
    assert "matrix_game/vdn  (VDN on matrix_game)" in some
    assert "matrix_game/qmix" not in some
    assert all(len(line) <= 80 for line in some.splitlines())


def test_an_example_is_printed_or_written_but_never_over_a_file(rllib, refused, tmp_path):
    printed = rllib("example", "get", "matrix_game/remix").stdout
    assert yaml.safe_load(printed)["matrix-game-remix"]["run"] == "ReMIX"
    assert rllib("example", "get", "matrix_game/remix", "--out", "mine.yaml").exit_code == 0
    assert (tmp_path / "mine.yaml").read_text() == printed
    assert "is not overwritten" in refused("example", "get", "demo", "--out", "mine.yaml")
    assert (tmp_path / "mine.yaml").read_text() == printed
    assert "No such file" in refused("example", "get", "demo", "--out", "no/such.yaml")


def test_an_unknown_id_is_refused_with_the_nearest(refused):
    assert "did you mean 'matrix_game/remix'" in refused("example", "get", "matrix_game/remx")
    assert "did you mean 'matrix_game/remix'" in refused("example", "run", "matrix_game/remx")
    assert "no example has 'nothing like it'" in refused("example", "list", "-f", "nothing like it")


def test_run_trains_the_file_with_all_options_of_train_file(rllib, refused, monkeypatch, tmp_path):
    seen = {}

    def stop(experiments, **options):
        seen["names"] = [experiment.name for experiment in experiments]
        seen["samples"] = experiments[0].num_samples
        seen["storage"] = experiments[0].storage_path
        raise train.UserError("enough seen")

    assert "num_samples: 0 is not allowed" in refused("example", "run", "demo", "--num-samples", 0)
    monkeypatch.setattr("rllib_remix.running.starting.run_experiments", stop)
    options = ("--storage-path", tmp_path / "results", "--ray-num-cpus", 2, "--num-samples", 2)
    result = rllib("example", "run", "matrix_game/remix", *options)
    assert "enough seen" in result.stderr
    assert seen == {"names": ["matrix-game-remix"], "samples": 2, "storage": str(tmp_path / "results")}


@pytest.mark.slow
def test_the_examples_are_installed_with_the_package(tmp_path):
    for name in ("setup.py", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("rllib_remix", "tuned_examples"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignore)
    build = [sys.executable, "setup.py", "-q", "build", "--build-lib", "installed"]
    subprocess.run(build, cwd=tmp_path, check=True, capture_output=True, timeout=120)
    (tmp_path / "elsewhere").mkdir()
    code = "from rllib_remix.experiments.examples import *; print(examples_folder(), len(example_ids()), sep='\\n')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path / "elsewhere",
        env=os.environ | {"PYTHONPATH": str(tmp_path / "installed")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.splitlines() == [
        str(tmp_path / "installed/rllib_remix/tuned_examples"),
        str(len(example_ids())),
    ], done.stderr
