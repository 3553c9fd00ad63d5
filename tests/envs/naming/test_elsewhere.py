"""Where environments are found whose names lead nowhere as they were given."""

import gymnasium
import pytest

from rllib_remix.envs.naming import elsewhere
from rllib_remix.envs.naming.elsewhere import find_elsewhere, module_that_registers, nearest_id
from rllib_remix.envs.naming.names import find_maker
from rllib_remix.errors import SettingError


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Two packages of environments and VMAS, of files that must not be imported."""
    folders = {
        "one": tmp_path / "one",
        "two.deep": tmp_path / "two" / "deep",
        "vmas.scenarios": tmp_path / "vmas",
    }
    files = {
        "one": ["spread_v9", "spread_v10", "helper"],
        "two.deep": ["battle_v4"],
        "vmas.scenarios": ["mpe/spread"],
    }
    for package, names in files.items():
        for name in names:
            file = folders[package] / f"{name}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("1 / 0")
    monkeypatch.setattr(elsewhere, "_FAMILIES", ("one", "two.deep", "absent"))
    monkeypatch.setattr(elsewhere, "_folders", lambda name: [folders[name]] if name in folders else [])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("spread", "one.spread_v10"),
        ("spread_v2", "one.spread_v10"),
        ("Spread-v1", "one.spread_v10"),
        ("vmas.spread", "vmas:spread"),
        ("vmas:spread", "vmas:spread"),
        ("two.batle_v4", "two.deep.battle_v4"),
        ("helper", None),
        ("", None),
    ],
)
def test_the_newest_of_a_package_is_found_by_its_last_word(packages, name, expected):
    assert find_elsewhere(name) == expected


def test_ids_of_a_package_without_their_version_or_of_an_old_one_lead_to_the_newest(monkeypatch):
    registry = dict(gymnasium.registry)
    monkeypatch.setattr(gymnasium.envs.registration, "registry", registry)
    monkeypatch.setattr(gymnasium, "registry", registry)
    for name, owner in (
        ("Game-2p-v9", "json"),
        ("Game-2p-v10", "json"),
        ("Game-3p-v1", "json"),
        ("Game-2p-v11", "jsonx"),
    ):
        gymnasium.register(name, entry_point=f"{owner}.decoder:JSONDecoder")
    monkeypatch.setattr(
        elsewhere, "registering_package", lambda name: "json" if name.startswith("Game") else None
    )
    assert [nearest_id(name, "json") for name in ("Game-2p", "Game-2p-v8", "Game-3p-v1", "Gane-3p-v1")] == [
        *("Game-2p-v10", "Game-2p-v10", "Game-3p-v1", "Game-3p-v1")
    ]
    assert module_that_registers("Game-2p") == "json:Game-2p-v10"
    assert module_that_registers("Other-2p") is None
    monkeypatch.setattr(elsewhere, "registering_package", lambda name: "naming_is_not_installed")
    assert module_that_registers("Game-2p") == "naming_is_not_installed:Game-2p"


def test_what_is_found_elsewhere_is_suggested():
    pytest.importorskip("mpe2")
    with pytest.raises(SettingError, match=r"did you mean 'mpe2\.simple_spread_v3'"):
        find_maker("simple_spread")


def test_a_file_that_registers_environments_lists_their_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = "from ray import tune\ntune.register_env('mine', lambda config: None)\ntune.register_env(str(12), max)\n"
    (tmp_path / "naming_registers.py").write_text(text)
    with pytest.raises(SettingError, match=r"allowed: naming_registers\.py:mine\.$"):
        find_maker("naming_registers.py")
    with pytest.raises(SettingError, match=r"did you mean 'naming_registers\.py:mine'"):
        find_maker("naming_registers.py:mien")


def test_vmas_alone_lists_its_scenarios_and_rllibs_wrapper_wants_what_it_wraps():
    with pytest.raises(SettingError, match=r"is a wrapper, .* give the one inside"):
        find_maker("ray.rllib.env.wrappers.pettingzoo_env.ParallelPettingZooEnv")
    pytest.importorskip("vmas")
    with pytest.raises(SettingError, match=r"Allowed: .*balance, "):
        find_maker("vmas").make({})
