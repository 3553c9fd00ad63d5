"""Names for environments that were given as code."""

import sys

import pytest

from rllib_remix.envs.naming.importing import load_file
from rllib_remix.envs.naming.names import find_maker
from rllib_remix.envs.naming.spelling import name_of_code, name_to_type
from rllib_remix.envs.predator_prey import PredatorPrey
from rllib_remix.experiments.user_modules import find_modules_in, name_from_here

CODE = """
class Game:
    def __init__(self, config):
        self.config = config

def make(config):
    return Game(config)

unnamed = lambda config: Game(config)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """spelled_game.py in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "spelled_game.py").write_text(CODE)
    yield tmp_path
    sys.modules.pop("spelled_game", None)


def test_code_of_a_module_is_named_by_its_path():
    assert name_of_code(PredatorPrey) == "rllib_remix.envs.predator_prey.PredatorPrey"
    assert find_maker(name_of_code(PredatorPrey)).create is PredatorPrey


def test_code_of_a_file_that_is_no_module_is_named_by_the_file(folder):
    module = load_file("env", "spelled_game.py")
    for code in (module.Game, module.make):
        name = name_of_code(code)
        assert name == f"{folder / 'spelled_game.py'}:{code.__name__}"
        assert find_maker(name).create is code
        assert name_from_here(name) == f"spelled_game.py:{code.__name__}"


def test_what_no_name_finds_has_none(folder):
    module = load_file("env", "spelled_game.py")
    inside = type("Inside", (), {"__qualname__": "test.<locals>.Inside"})
    in_script = type("InScript", (), {"__module__": "__main__"})
    for code in (module.unnamed, inside, in_script, lambda config: None, None, 3):
        assert name_of_code(code) is None


def test_a_name_that_a_file_registered_is_typed_with_the_file(folder):
    from ray.tune.registry import register_env

    module = load_file("env", "spelled_game.py")
    register_env("spelled_by_function", module.make)
    register_env("spelled_by_lambda", module.unnamed)
    file = folder / "spelled_game.py"
    assert name_to_type("spelled_by_function") == f"{file}:make"
    assert name_to_type("spelled_by_lambda") == f"{file}:spelled_by_lambda"
    assert name_to_type("never_registered") == "never_registered"
    assert find_maker(f"{file}:spelled_by_lambda").make({"a": 1}).config == {"a": 1}


def test_a_module_of_the_folder_where_a_run_was_begun_is_named_by_its_file_elsewhere(folder, monkeypatch):
    (folder / "elsewhere").mkdir()
    monkeypatch.setattr("rllib_remix.experiments.user_modules._added", [])
    monkeypatch.setenv("PYTHONPATH", "")
    assert name_from_here("spelled_game.make") == "spelled_game.make"
    monkeypatch.chdir(folder / "elsewhere")
    find_modules_in(folder)
    assert name_from_here("spelled_game.make") == f"{folder / 'spelled_game.py'}:make"
    assert name_from_here("spelled_game.py:make") == f"{folder / 'spelled_game.py'}:make"
    assert name_from_here("gone.py:make") == "gone.py:make"
    for name in (
        "mpe2.simple_spread_v3",
        "lbforaging:Foraging-8x8-2p-2f-v3",
        "butterfly/pistonball-v6",
        "mine",
    ):
        assert name_from_here(name) == name
