"""How the command speaks of a user's mistake: one line in red, exit code 2, the traceback only with -vv."""

from __future__ import annotations

import traceback
from typing import Any

import typer
from typer.core import TyperGroup

from rllib_remix.errors import SettingError, UserError
from rllib_remix.terminal.errors import one_line, print_error

USAGE_EXIT_CODE = 2
TRACEBACK_VERBOSITY = 2
_VERBOSITY_KEY = "rllib_remix.verbosity"


# Newer versions of typer bring a click of their own.
_UsageError: Any = typer.BadParameter.__bases__[0]


def remember_verbosity(ctx: typer.Context, verbosity: int) -> int:
    """Option callback of -v: keeps the number of v's where the error report finds it."""
    ctx.find_root().meta[_VERBOSITY_KEY] = max(verbosity, verbosity_of(ctx))
    return verbosity


def verbosity_of(ctx: typer.Context) -> int:
    """How many times -v was given: 0 is quiet, 1 shows Ray's own messages, 2 adds tracebacks and debug messages."""
    return ctx.find_root().meta.get(_VERBOSITY_KEY, 0)


class ErrorReportingGroup(TyperGroup):
    """A group of commands that reports UserError and SettingError as one line instead of a traceback."""

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        """Runs the chosen command.

        Raises:
            typer.Exit: with code 2 after a user's mistake, 130 after Ctrl-C.
        """
        try:
            return super().invoke(ctx)
        except _UsageError as error:  # Of an option that is unknown, or not of its type; shown by typer.
            error.message = one_line(error.message)
            raise
        except (UserError, SettingError) as error:
            if verbosity_of(ctx) >= TRACEBACK_VERBOSITY:
                traceback.print_exc()
            print_error(str(error))
            raise typer.Exit(USAGE_EXIT_CODE) from None
        except KeyboardInterrupt:
            print_error("interrupted.")
            raise typer.Exit(130) from None
