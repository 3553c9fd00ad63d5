"""Is everything there that `smac` needs? Looks at files and metadata only: nothing is started, nothing imported."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from rllib_remix.envs.smac.maps import DRAWN_MAPS, MAPS
from rllib_remix.errors import SettingError

# Game versions whose SMAC results were published, and the base builds that they install.
COMPARABLE_BUILDS = {"4.6.2": 69232, "4.10": 75689}
SMAC_URL, SMACV2_URL = "git+https://github.com/oxwhirl/smac.git", "git+https://github.com/oxwhirl/smacv2.git"
# Environment, which is also its client's package → the client's name, and where it is installed from.
CLIENTS = {"smac": ("SMAC", SMAC_URL), "smacv2": ("SMACv2", SMACV2_URL)}
_OURS = "scripts/install_sc2.sh"
_MAP_FILE = dict.fromkeys(DRAWN_MAPS, "32x32_flat")  # SMACv2's maps are one file, without units
_PYTHON_PROTOBUF_SINCE = (
    3,
    21,
)  # from there on StarCraft II's messages load with the Python implementation only


class Finding(NamedTuple):
    """One thing that was looked at."""

    item: str
    is_missing: bool  # `smac` cannot run so
    text: str  # what is there; or what is wrong and what to do


def preflight(
    map_names: Collection[str] = MAPS,
    game_version: str | None = None,
    sc2_path: str | None = None,
    *,
    env: str = "smac",
) -> list[Finding]:
    """What `smac` or `smacv2` needs, in the order in which a user would mend it.

    Args:
        map_names: the maps that are to be played.
        game_version, sc2_path: as in the settings.
        env: which of the two.
    """
    folder = game_folder(sc2_path)
    findings = [_system(), _folder(folder, sc2_path)]
    if not findings[-1].is_missing:
        findings += [_build(folder, game_version), _maps(folder, map_names, env)]
    return [*findings, _client(env), *_libraries(), _protobuf()]


def refuse_problems(
    map_name: str, game_version: str | None, sc2_path: str | None, *, env: str = "smac"
) -> None:
    """Raises SettingError with everything that is missing."""
    missing = [
        finding for finding in preflight([map_name], game_version, sc2_path, env=env) if finding.is_missing
    ]
    if missing:
        told = " ".join(f"({number}) {finding.text}" for number, finding in enumerate(missing, 1))
        raise SettingError(
            f"env {env!r} cannot run here: {told} `rllib smac check{_option(env)}` looks again; the environment 'smac_sim' needs "
            "none of it."
        )


def game_folder(sc2_path: str | None = None) -> Path:
    """Where StarCraft II is looked for: in the folder of the settings, or where PySC2 does."""
    return Path(sc2_path or os.environ.get("SC2PATH") or "~/StarCraftII").expanduser().absolute()


def installed_builds(folder: Path) -> list[int]:
    """Base builds with a program for Linux, ascending."""
    return sorted(
        int(program.parent.name.removeprefix("Base"))
        for program in folder.glob("Versions/Base*/SC2_x64")
        if program.parent.name.removeprefix("Base").isdigit()
    )


def build_of(game_version: str | None, sc2_path: str | None) -> int:
    """The base build that a start gives, as far as the installed files tell; else 0."""
    if game_version is not None:
        return _known_build(game_version)
    return max(installed_builds(game_folder(sc2_path)), default=0)


def _known_build(game_version: str) -> int:
    return COMPARABLE_BUILDS.get(game_version.removesuffix(".0"), 0)


def _system() -> Finding:
    name = platform.system()
    if name != "Linux":
        return Finding(
            "system", True, f"This is {name}; StarCraft II runs without a screen on Linux only (use Docker)."
        )
    return Finding("system", False, "Linux")


def _folder(folder: Path, sc2_path: str | None) -> Finding:
    item = "StarCraft II"
    source = "SC2PATH" if os.environ.get("SC2PATH") else "SC2PATH is not set, so this is the default"
    source = "sc2_path" if sc2_path else source
    mend = f"Install the game ({_OURS}) and set SC2PATH to its folder."
    if not folder.is_dir():
        return Finding(item, True, f"There is no folder {folder} ({source}). {mend}")
    programs = sorted(folder.glob("Versions/Base*/SC2_x64"))
    if not programs:
        return Finding(item, True, f"{folder} ({source}) holds no Versions/Base*/SC2_x64. {mend}")
    for program in programs:
        if not os.access(program, os.X_OK):
            return Finding(item, True, f"{program} is not executable; do: chmod +x '{program}'")
    return Finding(item, False, str(folder))


def _build(folder: Path, game_version: str | None) -> Finding:
    builds, item = installed_builds(folder), "build"
    there = f"installed: {', '.join(map(str, builds))}"
    if game_version is not None:
        asked = _known_build(game_version)
        if asked and asked not in builds:
            return Finding(
                item, True, f"game_version {game_version} is build {asked}, which is not there ({there})."
            )
        if not asked:
            return Finding(
                item, False, f"{there}; whether game_version {game_version} is among them shows at the start"
            )
        return Finding(item, False, f"{asked} (game_version {game_version})")
    newest = builds[-1]
    for version, build in COMPARABLE_BUILDS.items():
        if newest == build:
            return Finding(item, False, f"{newest} (version {version})")
    known = " and ".join(f"{version} ({build})" for version, build in COMPARABLE_BUILDS.items())
    return Finding(
        item, False, f"{newest}: results do not compare with published ones, which are of versions {known}"
    )


def _option(env: str) -> str:
    return " --env smacv2" if env == "smacv2" else ""


def _maps(folder: Path, map_names: Collection[str], env: str) -> Finding:
    maps = folder / "Maps" / "SMAC_Maps"
    files = dict.fromkeys(_MAP_FILE.get(name, name) for name in map_names)
    missing = [name for name in files if not (maps / f"{name}.SC2Map").is_file()]
    if not missing:
        count = f"all {len(map_names)}" if len(map_names) >= len(MAPS) else ", ".join(map_names)
        return Finding("maps", False, f"{count} in {maps}")
    package, (title, _) = _package_folder(env), CLIENTS[env]
    source = package / "env" / "starcraft2" / "maps" / "SMAC_Maps" if package else None
    if source is None or not source.is_dir():
        ours = f"install them ({_OURS}), or " if env == "smac" else ""  # It has SMAC's maps only.
        mend = f"{ours}copy {env}/env/starcraft2/maps/SMAC_Maps of {title}'s repository there"
    else:
        mend = f"do: cp -r '{source}' '{maps.parent}/'"
    names = ", ".join(f"{name}.SC2Map" for name in missing)
    return Finding("maps", True, f"{maps} lacks {names}; {mend}.")


def _client(env: str) -> Finding:
    title, url = CLIENTS[env]
    folder, mend = _package_folder(env), f"do: pip install {url}"
    if folder is None:
        return Finding(title, True, f"The package {env} is not installed; {mend}")
    if env == "smac" and not (folder / "env" / "starcraft2").is_dir():
        return Finding(
            "SMAC",
            True,
            f"The package smac in {folder} is another one, as PyPI has under this name (AutoML's); "
            f"do: pip uninstall smac, and then: pip install {SMAC_URL}",
        )
    return Finding(title, False, str(folder))


def _libraries() -> list[Finding]:
    findings = []
    for name in ("pysc2", "s2clientprotocol"):
        folder = _package_folder(name)
        text = (
            f"The package {name} is not installed; do: pip install {name}" if folder is None else str(folder)
        )
        findings.append(Finding(name, folder is None, text))
    return findings


def _protobuf() -> Finding:
    version = _version_of("protobuf")
    if version is None:
        return Finding("protobuf", True, "The package protobuf is not installed; do: pip install protobuf")
    how = ", in the game's process with its implementation in Python" if needs_python_protobuf() else ""
    return Finding("protobuf", False, f"{version}{how}")


def needs_python_protobuf() -> bool:
    """Whether the installed protobuf loads StarCraft II's messages only with its implementation in Python."""
    numbers = (_version_of("protobuf") or "0").split(".")[:2]
    return tuple(int(number) for number in numbers) >= _PYTHON_PROTOBUF_SINCE


def _version_of(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _package_folder(name: str) -> Path | None:
    """Where a package lies, without importing it; None if there is none."""
    spec = importlib.util.find_spec(name)
    places = list(spec.submodule_search_locations or ()) if spec else []
    return Path(places[0]) if places else None
