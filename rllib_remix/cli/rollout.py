"""`rllib rollout`: the name that `rllib evaluate` had in early versions of Ray."""

from __future__ import annotations

import shlex

import typer

from rllib_remix.cli.errors import UserError

# Whatever options come are handed on in the answer.
ANY_OPTION = {"ignore_unknown_options": True, "allow_extra_args": True}


def rollout(ctx: typer.Context) -> None:
    """Gone: use `rllib evaluate`, which takes the same options."""
    command = shlex.join(["rllib", "evaluate", *ctx.args])
    raise UserError(f"rllib rollout is called `rllib evaluate` now; use: {command}")
