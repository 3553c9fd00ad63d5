"""scripts/install_sc2.sh with stand-ins for curl and unzip: nothing is downloaded."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "scripts" / "install_sc2.sh"
PROGRAM = Path("Versions/Base75689/SC2_x64")

CURL = """#!/bin/sh
echo "curl $*" >>"$CALLS"
while [ "$1" != --output ]; do shift; done
echo archive >"$2"
"""
UNZIP = """#!/bin/sh
echo "unzip $*" >>"$CALLS"
case "$*" in
*-t*) case "$*" in *"-P right"*) exit 0 ;; *) exit 82 ;; esac ;;
esac
while [ "$1" != -d ]; do case $1 in *.zip) archive=$1 ;; esac; shift; done
case $archive in
*game.zip) mkdir -p "$2/StarCraftII/Versions/Base75689" && touch "$2/StarCraftII/Versions/Base75689/SC2_x64" ;;
*maps.zip) mkdir -p "$2/SMAC_Maps" && touch "$2/SMAC_Maps/3m.SC2Map" ;;
esac
"""
DF = "#!/bin/sh\necho Avail\necho ${FREE_KIB:-99999999}\n"


class Shell:
    """Runs the script with the stand-ins; `calls` is what it asked of them."""

    def __init__(self, folder: Path):
        self.folder, self._calls = folder, folder / "calls"
        self.environment = os.environ | {"HOME": str(folder), "CALLS": str(self._calls)}
        self.environment["PATH"] = f"{folder / 'bin'}:{os.environ['PATH']}"
        (folder / "bin").mkdir()
        for name, text in (("curl", CURL), ("unzip", UNZIP), ("df", DF)):
            (folder / "bin" / name).write_text(text)
            (folder / "bin" / name).chmod(0o755)

    def __call__(self, *arguments, typed=""):
        return subprocess.run(
            [str(SCRIPT), *map(str, arguments)],
            input=typed,
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
        )

    @property
    def calls(self):
        return self._calls.read_text().splitlines() if self._calls.exists() else []


@pytest.fixture
def install(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    return Shell(folder)


def test_the_help_fits_80_columns_and_names_licence_and_sources(install):
    result = install("--help")
    assert result.returncode == 0
    lines = result.stdout.splitlines()
    assert all(len(line) <= 80 or line.strip().startswith("https://") for line in lines)
    for address in (
        "AI_AND_MACHINE_LEARNING_LICENSE.html",
        "SC2.4.10.zip",
        "SMAC_Maps.zip",
        "s2client-proto",
    ):
        assert address in result.stdout


def test_without_a_word_of_acceptance_nothing_is_done(install):
    result = install()
    assert result.returncode == 1
    assert "give --accept-licence" in result.stderr
    assert install.calls == []


def test_the_script_does_not_know_the_password():
    assert "eula" not in SCRIPT.read_text().lower()


def test_a_dry_run_shows_every_step_and_does_none(install):
    result = install("--dry-run", "games/sc2")
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("would run: curl") == 2
    assert "would ask for the password with which you agree to" in result.stdout
    assert f"export SC2PATH={install.folder}/games/sc2" in result.stdout
    assert install.calls == []
    assert sorted(path.name for path in install.folder.iterdir()) == ["bin"]


def test_game_and_maps_are_installed_after_the_password_was_typed(install):
    folder = install.folder / "sc2"
    result = install("--accept-licence", folder, typed="right\n")
    assert result.returncode == 0, result.stderr
    assert (folder / PROGRAM).exists()
    assert (folder / "Maps" / "SMAC_Maps" / "3m.SC2Map").exists()
    assert f"export SC2PATH={folder}" in result.stdout
    assert sorted(path.name for path in install.folder.iterdir()) == ["bin", "calls", "sc2"]


def test_a_wrong_password_unpacks_nothing_and_keeps_what_was_downloaded(install):
    folder = install.folder / "sc2"
    result = install("--accept-licence", folder, typed="wrong\n")
    assert result.returncode == 1
    assert "the password is not right" in result.stderr
    assert not folder.exists()
    assert install("--accept-licence", folder, typed="right\n").returncode == 0
    assert sum("game.zip" in call and call.startswith("curl") for call in install.calls) == 1


def test_no_password_is_no_agreement(install):
    result = install("--accept-licence", typed="\n")
    assert result.returncode == 1
    assert "no password, no agreement" in result.stderr
    assert install.calls == []


def test_nothing_is_overwritten(install):
    folder = install.folder / "sc2"
    folder.mkdir()
    result = install("--accept-licence", folder, typed="right\n")
    assert result.returncode == 1
    assert "is there already; nothing is overwritten" in result.stderr
    assert "holds no StarCraft II" in install("--maps-only", folder).stderr
    (folder / PROGRAM.parent).mkdir(parents=True)
    assert install("--maps-only", folder).returncode == 0
    assert (folder / "Maps" / "SMAC_Maps" / "3m.SC2Map").exists()
    assert "SMAC_Maps is there already" in install("--maps-only", folder).stderr


def test_too_little_space_is_said_before_anything_is_downloaded(install):
    install.environment["FREE_KIB"] = "5000000"
    result = install("--accept-licence", typed="right\n")
    assert result.returncode == 1
    assert "has 4 GiB left; 12 GiB are needed" in result.stderr
    assert install.calls == []


@pytest.mark.parametrize("arguments", [["--force"], ["a", "b"]])
def test_unknown_arguments_are_refused(install, arguments):
    assert install(*arguments).returncode == 1


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_finds_nothing():
    subprocess.run(["shellcheck", str(SCRIPT)], check=True)
