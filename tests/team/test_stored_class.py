"""Which class a checkpoint is of, and what is told if it cannot be known."""

import pickle
import pickletools

import pytest
import ray
from ray import cloudpickle

from rllib_remix import QMIX, ReMIX
from rllib_remix.checkpoints.reading import CheckpointError
from rllib_remix.team.stored_class import read_class_and_settings, write_class_and_settings


def put(folder, content):
    (folder / "class_and_ctor_args.pkl").write_bytes(content)


def put_class(folder, found):
    """Writes a checkpoint's class as RLlib does, with its code if it cannot be imported."""
    put(folder, cloudpickle.dumps({"class": found, "ctor_args_and_kwargs": (({"lr": 1},), {})}))


def test_a_class_of_ours_is_the_one_that_is_imported(tmp_path):
    put_class(tmp_path, ReMIX)
    assert read_class_and_settings(tmp_path) == (ReMIX, {"lr": 1})


def test_a_class_that_ray_wrapped_is_the_one_that_is_imported(tmp_path):
    wrapped = type("ReMIX", (ReMIX,), {"__module__": ReMIX.__module__})
    put_class(tmp_path, wrapped)
    found, _ = read_class_and_settings(tmp_path)
    assert found is ReMIX


def test_a_class_of_a_script_that_has_the_name_of_ours_stays_the_scripts(tmp_path):
    of_script = type("QMIX", (QMIX,), {"__module__": "script_that_is_gone", "mine": True})
    put_class(tmp_path, of_script)
    found, _ = read_class_and_settings(tmp_path)
    assert issubclass(found, QMIX)
    assert found.mine


def test_a_class_that_cannot_be_imported_is_named(tmp_path):
    put(tmp_path, b"cmodule_that_is_gone\nLate\n.")
    for made_by in (ReMIX, QMIX):
        with pytest.raises(
            CheckpointError,
            match=rf"^checkpoint '{tmp_path}' needs module_that_is_gone\.Late, which cannot be imported here \(Mod",
        ):
            made_by.from_checkpoint(tmp_path)
    put(tmp_path, b"crllib_remix.algorithms.qmix\nGone\n.")
    with pytest.raises(CheckpointError, match=r"needs rllib_remix\.algorithms\.qmix\.Gone, which"):
        ReMIX.from_checkpoint(tmp_path)


def test_of_a_class_that_ray_wrapped_its_name_is_written_and_no_code(tmp_path):
    wrapped = type("ReMIX", (ReMIX,), {"__module__": ReMIX.__module__, "step": lambda self: None})
    write_class_and_settings(tmp_path, wrapped, (({"lr": 1},), {}))
    written = tmp_path / "class_and_ctor_args.pkl"
    assert not any("code" in str(argument) for _, argument, _ in pickletools.genops(written.read_bytes()))
    assert read_class_and_settings(tmp_path) == (ReMIX, {"lr": 1})


def test_a_class_of_a_script_is_written_with_its_code(tmp_path):
    write_class_and_settings(tmp_path, type("Mine", (QMIX,), {"__module__": "__main__"}), (({},), {}))
    assert issubclass(read_class_and_settings(tmp_path)[0], QMIX)


def test_what_only_another_ray_has_is_told_with_both_versions(tmp_path):
    put(tmp_path, b"cray.util.tracing.tracing_helper\nthat_is_gone\n.")
    (tmp_path / "rllib_checkpoint.json").write_text('{"ray_version": "2.99.0"}')
    with pytest.raises(
        CheckpointError,
        match=rf"Ray '2\.99\.0' wrote it, here is Ray '{ray.__version__}': a checkpoint needs",
    ):
        read_class_and_settings(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no pickle",
        pickle.dumps([1, 2]),
        pickle.dumps({"class": 5, "ctor_args_and_kwargs": (({},), {})}),
        pickle.dumps({"class": dict}),
    ],
    ids=["empty", "no pickle", "a list", "a number for a class", "no settings"],
)
def test_what_is_no_class_with_settings_is_damaged(tmp_path, content):
    put(tmp_path, content)
    with pytest.raises(CheckpointError, match="It is incomplete or damaged; use an earlier one"):
        ReMIX.from_checkpoint(tmp_path)
