"""How an error looks on the screen: one line in red."""

from __future__ import annotations

import sys

import typer

from rllib_remix.errors import MAX_SHOWN, printable
from rllib_remix.terminal.console import colours_wanted

MAX_MESSAGE = 1000  # characters


def print_error(message: str) -> None:
    """Writes `Error: <message>` to stderr as one line, in red on a terminal."""
    message = message.replace("None is of type NoneType", "null is not allowed")  # as files and JSON call it
    line = f"Error: {one_line(message)}"
    typer.secho(line, err=True, fg=typer.colors.RED, color=None if colours_wanted(sys.stderr) else False)


def one_line(message: str) -> str:
    """What a terminal can show of it: at most `MAX_MESSAGE` characters, and `MAX_SHOWN` of a word.

    What is wrong stands at the beginning, what is allowed often at the end.
    """
    message = " ".join(
        word if len(word) <= MAX_SHOWN else f"{word[: MAX_SHOWN - 1]}…"
        for word in printable(message).split(" ")
    )
    if len(message) <= MAX_MESSAGE:
        return message
    return f"{message[: MAX_MESSAGE - 303]} … {message[-300:]}"
