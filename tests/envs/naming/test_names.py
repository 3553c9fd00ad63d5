"""What a name of an environment leads to, and what is said of one that leads nowhere."""

import sys

import gymnasium
import pettingzoo
import pytest
from pettingzoo import AECEnv, ParallelEnv

from rllib_remix.envs.naming import packages
from rllib_remix.envs.naming.names import find_maker
from rllib_remix.errors import SettingError

GAME = """
from pettingzoo.utils.env import AECEnv, ParallelEnv
import gymnasium

class Several(ParallelEnv):
    def __init__(self, size=2, render_mode=None):
        self.size = size

def parallel_env(**settings):
    return Several(**settings)

raw_env = Several

class Turns(AECEnv):
    pass

def make(config):
    return Several(**config)

class Single(gymnasium.Env):
    def __init__(self, size=1, render_mode=None):
        self.size = size

gymnasium.register("NamingTest/Single-v1", entry_point=Single, max_episode_steps=7)
pi = 3.14
"""
TURNS = "from naming_game import Turns\ndef env(): return Turns()\n"


@pytest.fixture
def game(tmp_path, monkeypatch):
    """naming_game.py, naming_turns.py and naming_pack/one.py in the current folder, which nothing has imported yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(gymnasium.envs.registration, "registry", dict(gymnasium.registry))
    monkeypatch.setattr(gymnasium, "registry", gymnasium.envs.registration.registry)
    (tmp_path / "naming_game.py").write_text(GAME)
    (tmp_path / "naming_turns.py").write_text(TURNS)
    (tmp_path / "naming_pack").mkdir()
    (tmp_path / "naming_pack" / "__init__.py").write_text("")
    (tmp_path / "naming_pack" / "one_v1.py").write_text(GAME)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("naming_")]:
        del sys.modules[name]


def made(name, **settings):
    env = find_maker(name).make(settings)
    return type(env.unwrapped).__name__, getattr(env.unwrapped, "size", None)


@pytest.mark.parametrize(
    "name",
    ["naming_game", "pettingzoo:naming_game", "naming_pack.one_v1", "pettingzoo:naming_pack.one_v1", "naming_game.py",
     "naming_game.parallel_env", "naming_game.Several", "pettingzoo:naming_game.Several", "naming_game.make",
     "naming_game.py:make", "naming_game.py:Several", "./naming_pack/one_v1.py:make"],
)  # fmt: skip
def test_a_module_a_class_a_function_and_a_file_make_the_environment_with_its_settings(game, name):
    assert made(name, size=3) == ("Several", 3)


@pytest.mark.parametrize(
    "name",
    [
        "naming_game:NamingTest/Single-v1",
        "gymnasium:naming_game:NamingTest/Single-v1",
    ],
)
def test_an_id_of_gymnasium_is_made_with_keywords_after_its_module_was_imported(game, name):
    maker = find_maker(name)
    env = maker.make({"size": 4})
    assert (env.unwrapped.size, env.spec.max_episode_steps) == (4, 7)
    assert "passive_env_checker" not in str(env).lower()
    assert find_maker("NamingTest/Single-v1").is_of_gymnasium
    assert find_maker("CartPole-v1").is_of_gymnasium


def test_a_module_with_an_aec_environment_alone_makes_that(game):
    assert isinstance(find_maker("naming_turns").make({}), AECEnv)


def test_of_a_module_with_several_makers_the_parallel_environment_is_made(game):
    (game / "naming_both.py").write_text(f"{TURNS}from naming_game import parallel_env\nraw_env = env\n")
    assert made("naming_both") == ("Several", 2)


def test_a_module_that_imports_our_own_parallel_env_is_not_one_of_pettingzoos(game):
    (game / "naming_ours.py").write_text("from rllib_remix import parallel_env\ndef make(config): pass\n")
    for name in ("naming_ours", "naming_ours.py"):
        with pytest.raises(SettingError, match=r"allowed: .*naming_ours(\.py:|\.)make"):
            find_maker(name)


def test_a_file_is_found_where_modules_are_and_run_once(game, monkeypatch):
    (game / "elsewhere").mkdir()
    monkeypatch.chdir(game / "elsewhere")
    sys.path.append(str(game))
    first = find_maker("naming_game.py:Several").create
    assert find_maker(str(game / "naming_game.py") + ":Several").create is first
    import ray.cloudpickle

    assert b"render_mode" in ray.cloudpickle.dumps(first)  # its code: another process has no such module


def test_a_file_makes_what_it_registered_with_ray(game):
    (game / "naming_script.py").write_text(
        "from ray.tune.registry import register_env\nregister_env('naming_lambda', lambda config: ('made', dict(config)))"
    )
    assert find_maker("naming_script.py:naming_lambda").make({"a": 1}) == ("made", {"a": 1})
    assert find_maker("naming_lambda").make({"a": 2}) == ("made", {"a": 2})


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("naming_gam", "unknown environment 'naming_gam'"),
        ("naming_gam.make", "No module named 'naming_gam'. Did you mean 'naming_game.make'?"),
        ("naming_game.mak", "naming_game.py) has no 'mak'; did you mean 'naming_game.make'?"),
        ("naming_pack.one_v2", "has no 'one_v2'; did you mean 'naming_pack.one_v1'?"),
        ("pettingzoo:naming_pack.one_v2", "has no 'one_v2'; did you mean 'naming_pack.one_v1'?"),
        ("naming_pack", "has no parallel_env, env or raw_env; allowed: what in it makes the environment: naming_pack.one_v1"),
        ("naming_game.pi", "'naming_game.pi' is of type float; allowed: the path of a class or a function"),
        ("naming_game.py:mak", "'naming_game.py' has no 'mak'; did you mean 'naming_game.py:make'?"),
        ("naming_gam.py:make", "there is no file 'naming_gam.py'; did you mean 'naming_game.py'?"),
        ("naming_game:NamingTest/Singel-v1", "registers no environment 'NamingTest/Singel-v1'; did you mean "
         "'naming_game:NamingTest/Single-v1'?"),
        ("gymnasium:CartPol-v1", "Gymnasium has no environment 'CartPol-v1'; did you mean 'CartPole-v1'?"),
        ("CartPol-v1", "unknown environment 'CartPol-v1'; did you mean 'CartPole-v1'?"),
        ("naming.game/x", "unknown environment 'naming.game/x'"),
        ("pettingzoo:", "PettingZoo has no environment ''"),
        ("", "unknown environment ''"),
        ("a\nb", r"unknown environment 'a\nb'"),
    ],
)  # fmt: skip
def test_a_name_that_leads_nowhere_is_told_with_the_nearest(game, name, message):
    with pytest.raises(SettingError) as error:
        find_maker(name)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_of_a_package_that_is_not_installed_it_is_said_how_to_install_it(game, monkeypatch):
    monkeypatch.setitem(packages._INSTALLED_BY, "naming_missing", "naming-missing")
    for name in (
        "naming_missing.simple_v1",
        "naming_missing:Simple-v1",
        "pettingzoo:naming_missing.simple_v1",
    ):
        with pytest.raises(SettingError, match=r"Install it with: pip install naming-missing$"):
            find_maker(name)
    monkeypatch.setitem(sys.modules, "naming_extra", None)
    with pytest.raises(SettingError, match="halted"):
        find_maker("naming_extra.x")


def test_ids_that_a_package_registers_when_it_is_imported_are_found_by_their_first_word(game, monkeypatch):
    # As in a process that has not imported the package yet.
    for name in [name for name in gymnasium.registry if name.startswith("Foraging")]:
        monkeypatch.delitem(gymnasium.registry, name)
    for module in [module for module in sys.modules if module.split(".")[0] == "lbforaging"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "lbforaging", None)  # nor can
    with pytest.raises(SettingError, match="did you mean 'lbforaging:Foraging-8x8-2p-2f-coop-v3'"):
        find_maker("Foraging-8x8-2p-2f-coop-v3")


def test_environments_that_left_pettingzoo_are_found_where_they_went():
    with pytest.raises(SettingError, match=r"Did you mean 'mpe2.simple_spread_v3'"):
        find_maker("pettingzoo.mpe.simple_spread_v3")


def test_an_error_in_a_module_of_the_user_is_told_as_it_is(game):
    (game / "naming_broken.py").write_text("1 / 0")
    for name in ("naming_broken.make", "naming_broken.py:make", "naming_broken:X-v1"):
        with pytest.raises(
            SettingError, match=r"cannot import 'naming_broken.*ZeroDivisionError: division by zero"
        ):
            find_maker(name)


@pytest.mark.skipif(not hasattr(pettingzoo, "parallel_registry"), reason="this PettingZoo has no registry")
def test_ids_of_pettingzoos_registry_are_made_with_and_without_their_versions(game):
    pettingzoo.register("parallel", "naming/several-v2", "naming_game:Several")
    pettingzoo.register("aec", "naming/turns-v1", "naming_turns:env")
    try:
        for name in ("naming/several-v2", "pettingzoo:naming/several-v2", "naming/several"):
            assert isinstance(find_maker(name).make({"size": 5}), ParallelEnv)
        assert isinstance(find_maker("naming/turns-v1").make({}), AECEnv)
        with pytest.raises(SettingError, match="did you mean 'naming/several-v2'"):
            find_maker("pettingzoo:naming/severl-v2")
        with pytest.raises(SettingError, match="unknown key 'sise'; did you mean 'size'"):
            find_maker("naming/several-v2").make({"sise": 5})
    finally:
        del pettingzoo.parallel_registry["naming/several-v2"], pettingzoo.aec_registry["naming/turns-v1"]


def test_strangers_environments_are_found_by_the_names_that_they_have():
    pytest.importorskip("mpe2")
    for name in (
        "mpe2.simple_spread_v3",
        "pettingzoo:mpe2.simple_spread_v3",
        "mpe2.simple_spread_v3.parallel_env",
    ):
        env = find_maker(name).make({"N": 2, "max_cycles": 5})
        assert isinstance(env, ParallelEnv)
        assert len(env.possible_agents) == 2
    with pytest.raises(SettingError, match="unknown key 'n'; did you mean 'N'"):
        find_maker("mpe2.simple_spread_v3").make({"n": 2})


def test_foraging_is_found_by_gymnasiums_own_name():
    pytest.importorskip("lbforaging")
    for name in ("lbforaging:Foraging-8x8-2p-2f-coop-v3", "gymnasium:lbforaging:Foraging-8x8-2p-2f-coop-v3"):
        assert find_maker(name).make({}).unwrapped.n_agents == 2
    with pytest.raises(SettingError, match="did you mean 'lbforaging:Foraging-8x8-2p-2f-coop-v3'"):
        find_maker("lbforaging:Foraging-8x8-2p-2f-coop-v9")
