"""What the user gave of a command, apart from what was left to its defaults."""

from __future__ import annotations

from typing import Any

import typer

from rllib_remix.jobs.command import GivenCommand, GivenOption

FILE_ARGUMENT = "file"  # of `rllib train file`, the only argument of the commands that can be sent


def given_command(ctx: typer.Context) -> GivenCommand:
    """The command that `ctx` stands for, `rllib train` or `rllib train file`."""
    options: list[GivenOption] = []
    file = None
    for parameter in ctx.command.params:
        name = parameter.name or ""
        source = ctx.get_parameter_source(name)
        if source is None or source.name != "COMMANDLINE":
            continue
        if name == FILE_ARGUMENT:
            file = str(ctx.params[name])
        else:
            options += _options(parameter, name, ctx.params[name])
    return GivenCommand([context.info_name or "" for context in _contexts(ctx)[1:]], options, file)


def _contexts(ctx: Any) -> list[Any]:
    return [*([] if ctx.parent is None else _contexts(ctx.parent)), ctx]


def _options(parameter: Any, name: str, value: Any) -> list[GivenOption]:
    """One for each time that it was given."""
    word = next((word for word in parameter.opts if word.startswith("--")), parameter.opts[0])
    if parameter.count:
        return [GivenOption(name, word)] * int(value)
    if parameter.is_flag:
        return [GivenOption(name, word if value else next(iter(parameter.secondary_opts), word))]
    values = value if isinstance(value, (list, tuple)) else [value]
    return [GivenOption(name, word, str(each)) for each in values]
