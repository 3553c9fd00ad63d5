"""How the command speaks of a user's mistake: one line in red, exit code 2, the traceback only with -vv."""

from __future__ import annotations

import sys
import traceback
from typing import Any

import typer
from typer.core import TyperGroup

from rllib_remix.settings import MAX_SHOWN, SettingError, printable

USAGE_EXIT_CODE = 2
TRACEBACK_VERBOSITY = 2
MAX_MESSAGE = 1000  # characters
_VERBOSITY_KEY = "rllib_remix.verbosity"


# Newer versions of typer bring a click of their own.
_UsageError: Any = typer.BadParameter.__bases__[0]


class UserError(Exception):
    """Something that the user can mend: a missing file, an option that cannot be, a damaged checkpoint."""


def remember_verbosity(ctx: typer.Context, verbosity: int) -> int:
    """Option callback of -v: keeps the number of v's where the error report finds it."""
    ctx.find_root().meta[_VERBOSITY_KEY] = max(verbosity, verbosity_of(ctx))
    return verbosity


# Of every command that has no other use for -v.
VERBOSE_OPTION = typer.Option(
    0,
    "--verbose",
    "-v",
    count=True,
    callback=remember_verbosity,
    show_default=False,
    help="-vv shows tracebacks of errors.",
)


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
            error.message = _bounded(printable(error.message))
            raise
        except (UserError, SettingError) as error:
            if verbosity_of(ctx) >= TRACEBACK_VERBOSITY:
                traceback.print_exc()
            print_error(str(error))
            raise typer.Exit(USAGE_EXIT_CODE) from None
        except KeyboardInterrupt:
            print_error("interrupted.")
            raise typer.Exit(130) from None


def print_error(message: str) -> None:
    """Writes `Error: <message>` to stderr as one line, in red on a terminal."""
    from rllib_remix.cli.console import colours_wanted

    message = message.replace("None is of type NoneType", "null is not allowed")  # as files and JSON call it
    line = f"Error: {_bounded(printable(message))}"
    typer.secho(line, err=True, fg=typer.colors.RED, color=None if colours_wanted(sys.stderr) else False)


def _bounded(message: str) -> str:
    """At most `MAX_MESSAGE` characters, and `MAX_SHOWN` of a word.

    What is wrong stands at the beginning, what is allowed often at the end.
    """
    message = " ".join(
        word if len(word) <= MAX_SHOWN else f"{word[: MAX_SHOWN - 1]}…" for word in message.split(" ")
    )
    if len(message) <= MAX_MESSAGE:
        return message
    return f"{message[: MAX_MESSAGE - 303]} … {message[-300:]}"
