"""What is missing is told before anything is started. Installations are empty files in the right places."""

import os
import shutil
import subprocess
import sys

import pytest

from rllib_remix.envs.registry import make_team_env
from rllib_remix.envs.smac import preflight as module
from rllib_remix.envs.smac.maps import MAPS
from rllib_remix.envs.smac.preflight import installed_builds, needs_python_protobuf, preflight
from rllib_remix.errors import SettingError


class Machine:
    """StarCraft II and Python packages, complete until a test takes something away."""

    def __init__(self, folder):
        self.game, self.packages = folder / "StarCraftII", folder / "packages"
        self.versions = {"protobuf": "7.36.2"}
        self.add_build(75689)
        self.maps = self.game / "Maps" / "SMAC_Maps"
        self.maps.mkdir(parents=True)
        for name in MAPS:
            (self.maps / f"{name}.SC2Map").touch()
        for path in ("smac/env/starcraft2/maps/SMAC_Maps", "pysc2", "s2clientprotocol"):
            (self.packages / path).mkdir(parents=True)

    def add_build(self, build):
        program = self.game / "Versions" / f"Base{build}" / "SC2_x64"
        program.parent.mkdir(parents=True)
        program.touch()
        program.chmod(0o755)

    def package_folder(self, name):
        return self.packages / name if (self.packages / name).is_dir() else None


@pytest.fixture
def machine(tmp_path, monkeypatch):
    complete = Machine(tmp_path)
    monkeypatch.setenv("SC2PATH", str(complete.game))
    monkeypatch.setattr(module, "_package_folder", complete.package_folder)
    monkeypatch.setattr(module, "_version_of", complete.versions.get)
    return complete


def missing(*arguments):
    return [(finding.item, finding.text) for finding in preflight(*arguments) if finding.is_missing]


def told(item, *arguments):
    return next(finding.text for finding in preflight(*arguments) if finding.item == item)


def test_nothing_is_missing_on_a_complete_machine(machine):
    assert missing() == []
    assert told("build") == "75689 (version 4.10)"
    assert told("maps") == f"all 23 in {machine.maps}"
    assert told("protobuf") == "7.36.2, in the game's process with its implementation in Python"
    assert make_team_env("smac", {"map_name": "2s3z"}).n_agents == 5


def test_a_folder_that_is_not_there_is_named_with_where_its_name_comes_from(machine, monkeypatch, tmp_path):
    monkeypatch.setenv("SC2PATH", "/nowhere")
    ((item, text),) = missing()
    assert item == "StarCraft II"
    assert text.startswith("There is no folder /nowhere (SC2PATH). Install the game (scripts/install_sc2.sh)")
    monkeypatch.delenv("SC2PATH")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    ((_, text),) = missing()
    assert text.startswith(f"There is no folder {tmp_path}/home/StarCraftII (SC2PATH is not set, so this is")
    ((_, text),) = missing(["3m"], None, "~/games/sc2")
    assert text.startswith(f"There is no folder {tmp_path}/home/games/sc2 (sc2_path).")
    assert missing(["3m"], None, str(machine.game)) == []


def test_a_folder_without_the_program_for_linux_is_refused(machine):
    shutil.rmtree(machine.game / "Versions")
    (machine.game / "Versions" / "Base80188").mkdir(parents=True)
    (machine.game / "Versions" / "Base80188" / "SC2_x64.exe").touch()
    ((_, text),) = missing()
    assert f"{machine.game} (SC2PATH) holds no Versions/Base*/SC2_x64." in text


def test_a_program_that_is_not_executable_is_refused_with_the_command_that_mends_it(machine):
    program = machine.game / "Versions" / "Base75689" / "SC2_x64"
    program.chmod(0o644)
    assert missing() == [("StarCraft II", f"{program} is not executable; do: chmod +x '{program}'")]


def test_the_version_that_is_asked_for_must_be_there(machine):
    assert missing(["3m"], "4.10") == missing(["3m"], "4.10.0") == []
    assert missing(["3m"], "4.6.2") == [
        ("build", "game_version 4.6.2 is build 69232, which is not there (installed: 75689).")
    ]
    assert "shows at the start" in told("build", ["3m"], "4.1.2")


def test_builds_of_other_versions_do_not_compare(machine):
    machine.add_build(69232)
    assert told("build") == "75689 (version 4.10)"  # the newest is started
    machine.add_build(80188)
    assert installed_builds(machine.game) == [69232, 75689, 80188]
    assert told("build").startswith("80188: results do not compare with published ones")
    assert missing() == []


def test_missing_maps_are_named_with_the_folder_to_copy_from(machine):
    (machine.maps / "MMM.SC2Map").unlink()
    (machine.maps / "corridor.SC2Map").unlink()
    ((item, text),) = missing()
    assert item == "maps"
    assert text == (
        f"{machine.maps} lacks MMM.SC2Map, corridor.SC2Map; do: cp -r "
        f"'{machine.packages}/smac/env/starcraft2/maps/SMAC_Maps' '{machine.game}/Maps/'."
    )
    assert missing(["3m"]) == []
    shutil.rmtree(machine.packages / "smac")
    assert "copy smac/env/starcraft2/maps/SMAC_Maps of SMAC's repository there" in told("maps")


def test_another_package_of_the_name_smac_is_told_from_the_right_one(machine):
    shutil.rmtree(machine.packages / "smac" / "env")
    ((item, text),) = missing()
    assert item == "SMAC"
    assert "is another one, as PyPI has under this name (AutoML's)" in text
    assert text.endswith("pip uninstall smac, and then: pip install git+https://github.com/oxwhirl/smac.git")
    shutil.rmtree(machine.packages / "smac")
    ((_, text),) = missing()
    assert text == (
        "The package smac is not installed; do: pip install git+https://github.com/oxwhirl/smac.git"
    )


def test_missing_libraries_are_named(machine):
    shutil.rmtree(machine.packages / "pysc2")
    shutil.rmtree(machine.packages / "s2clientprotocol")
    del machine.versions["protobuf"]
    assert [item for item, _ in missing()] == ["pysc2", "s2clientprotocol", "protobuf"]


@pytest.mark.parametrize(
    ("version", "needed"),
    [("3.20.3", False), ("3.21.0", True), ("4.25.1", True), ("7.36.2", True), ("7", True), (None, False)],
)
def test_which_protobuf_needs_its_implementation_in_python(machine, version, needed):
    machine.versions["protobuf"] = version
    assert needs_python_protobuf() == needed


def test_other_systems_are_refused(machine, monkeypatch):
    monkeypatch.setattr("platform.system", lambda: "Darwin")
    assert missing()[0][0] == "system"


def test_the_environment_tells_everything_that_is_missing_at_once(machine):
    shutil.rmtree(machine.packages / "smac")
    (machine.maps / "3m.SC2Map").unlink()
    with pytest.raises(
        SettingError, match=r"env 'smac' cannot run here: \(1\) .*3m.SC2Map.*\(2\) The package smac"
    ):
        make_team_env("smac", {"map_name": "3m"})


def test_nothing_is_imported_by_the_look():
    # In a fresh process, as this one may have loaded what the stand-in needs.
    code = (
        "import sys; from rllib_remix.envs.smac.preflight import preflight; preflight(); "
        "sys.exit(any(name in sys.modules for name in ('google.protobuf', 's2clientprotocol', 'pysc2', 'smac')))"
    )
    assert subprocess.run([sys.executable, "-c", code], env=dict(os.environ), check=False).returncode == 0
