"""`rllib algorithms` and `rllib envs`: what can be trained, and where."""

from __future__ import annotations

import dataclasses
import inspect
import json
import textwrap
from typing import Any

import typer

from rllib_remix.algorithms.table import ALGORITHMS, RLLIB_ALGORITHMS, get_algorithm_config, team_texts
from rllib_remix.cli.algorithm_settings import groups_as_json, groups_as_text
from rllib_remix.cli.completion import complete_algorithms, complete_environments
from rllib_remix.cli.options import VERBOSE_OPTION
from rllib_remix.errors import unknown

_WIDTH = 80
_NAME_ARGUMENT = typer.Argument(
    None, metavar="NAME", help="An algorithm, to show its settings.", autocompletion=complete_algorithms
)
_ENV_ARGUMENT = typer.Argument(
    None,
    metavar="NAME",
    help="An environment, to show what it is to a team; one that is not of this package is run.",
    autocompletion=complete_environments,
)
_ENV_CONFIG_OPTION = typer.Option(
    "{}", "--env-config", help="With NAME: JSON of environment settings, or @FILE."
)
_JSON_OPTION = typer.Option(False, "--json", help="As JSON.")

OTHER_ENVIRONMENTS = (
    "Teams also play environments of PettingZoo (mpe2.simple_spread_v3), of Gymnasium with several agents "
    "(lbforaging:Foraging-8x8-2p-2f-coop-v3) and RLlib MultiAgentEnvs, by their ids or by the path of what makes them "
    "(my_module.make, my_file.py:make). RLlib's own algorithms play these and every other Gymnasium environment "
    "(CartPole-v1). `rllib envs NAME` shows what one is to a team."
)


def algorithms(
    name: str | None = _NAME_ARGUMENT, as_json: bool = _JSON_OPTION, verbose: int = VERBOSE_OPTION
) -> None:
    """List what --algo can be: the algorithms for teams, then RLlib's own. With NAME: the settings of that one."""
    if name is not None:
        _show_settings(name, as_json)
        return
    if as_json:
        of_teams = [{"name": name, "text": text, "team": True} for name, text in team_texts().items()]
        others = [{"name": name, "text": text, "team": False} for name, text in RLLIB_ALGORITHMS.items()]
        typer.echo(json.dumps(of_teams + others, indent=2))
        return
    for title, table in (("For teams", team_texts()), ("RLlib's own", RLLIB_ALGORITHMS)):
        typer.echo(f"{title}:")
        width = max(map(len, table))
        for name, text in table.items():
            typer.echo(f"  {name:<{width}}  {text}")


def _show_settings(name: str, as_json: bool) -> None:
    texts = team_texts() | RLLIB_ALGORITHMS
    if name not in texts:
        raise unknown("algorithms", name, texts)
    groups = []
    if name in ALGORITHMS:
        from rllib_remix.terminal.quiet import quiet_ray

        with quiet_ray():
            groups = get_algorithm_config(name).described_settings()
    if as_json:
        about = {"name": name, "text": texts[name], "team": name in ALGORITHMS}
        typer.echo(json.dumps(about | {"groups": groups_as_json(groups)}, indent=2))
        return
    typer.echo(_wrapped(f"{name}: {texts[name]}", subsequent="  ") + "\n")
    typer.echo(
        groups_as_text(groups) or _wrapped(f"Its settings are RLlib's: arguments of {name}Config's methods.")
    )


def envs(
    name: str | None = _ENV_ARGUMENT,
    env_config: str = _ENV_CONFIG_OPTION,
    as_json: bool = _JSON_OPTION,
    verbose: int = VERBOSE_OPTION,
) -> None:
    """List the environments for teams, with what --env-config can hold and its defaults.

    With NAME: what that one is to a team, with agents, sizes, limit, what was assumed, and a random episode.
    """
    if name is not None:
        _show_environment(name, env_config, as_json, verbose)
        return
    entries = team_environments()
    if as_json:
        typer.echo(json.dumps(entries, indent=2))
        return
    for entry in entries:
        typer.echo(_wrapped(f"{entry['name']}: {entry['text']}", indent="", subsequent="  "))
        settings = [f"{name}={json.dumps(value)}" for name, value in entry["settings"].items()]
        # Spaces inside a value would be broken.
        text = textwrap.fill(
            " ".join(setting.replace(" ", "\0") for setting in settings),
            _WIDTH,
            initial_indent="    ",
            subsequent_indent="    ",
            break_long_words=False,
            break_on_hyphens=False,
        )
        typer.echo(text.replace("\0", " ") + "\n")
    typer.echo(_wrapped(OTHER_ENVIRONMENTS))


def _show_environment(name: str, env_config: str, as_json: bool, verbosity: int) -> None:
    from rllib_remix.experiments.checks.environment import check_environment
    from rllib_remix.files.json_text import parse_json_object
    from rllib_remix.playing.environments import describe_environment, report
    from rllib_remix.terminal.quiet import quiet_ray

    settings = parse_json_object("--env-config", env_config)
    with quiet_ray(verbosity):
        check_environment(name, settings)
        described = describe_environment(name, settings)
    if as_json:
        typer.echo(json.dumps(described, indent=2))
        return
    for line in report(described):
        typer.echo(line)


def team_environments() -> list[dict[str, Any]]:
    """Name, first sentence and settings (name → default) of every environment of ours."""
    from importlib import import_module

    from rllib_remix.envs.registry import TEAM_ENVS

    entries = []
    for name, path in TEAM_ENVS.items():
        module, _, class_name = path.partition(":")
        env_class = getattr(import_module(module), class_name)
        text = (inspect.getdoc(env_class) or "").split("\n\n")[0].replace("\n", " ")
        entries.append({"name": name, "text": text, "settings": _defaults(name, env_class)})
    return entries


def _defaults(name: str, env_class: Any) -> dict[str, Any]:
    if name == "smac":
        from rllib_remix.envs.smac.settings import SmacSettings as Settings
    elif name == "smac_sim":
        from rllib_remix.envs.smac.options import Smacv2Options as Settings
    elif name == "smacv2":
        from rllib_remix.envs.smac.settings import Smacv2Settings as Settings
    else:
        parameters = inspect.signature(env_class.__init__).parameters
        return {
            key: _plain(value.default)
            for key, value in parameters.items()
            if key not in ("self", "num_envs") and value.default is not inspect.Parameter.empty
        }
    return {field.name: _plain(field.default) for field in dataclasses.fields(Settings)}


def _plain(value: Any) -> Any:
    """What JSON can hold: arrays and tuples become lists, what else there may be its text."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, tuple):
        return [_plain(entry) for entry in value]
    return value if value is None or isinstance(value, bool | int | float | str | list | dict) else str(value)


def _wrapped(text: str, indent: str = "", subsequent: str = "") -> str:
    return textwrap.fill(text, _WIDTH, initial_indent=indent, subsequent_indent=subsequent)
