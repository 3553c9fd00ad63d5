"""The `rllib` command. Commands load Ray only when they need it, so help and bad input answer at once."""

from __future__ import annotations

import typer

from rllib_remix.cli import (
    doctor,
    evaluate,
    example,
    export,
    listing,
    plot,
    reproduce,
    resume,
    smac,
    train,
    zoo,
)
from rllib_remix.cli.errors import ErrorReportingGroup
from rllib_remix.terminal.streams import drop_what_cannot_be_written

# As a newcomer needs them, and as the help shows them.
ORDER = (
    "train",
    "resume",
    "evaluate",
    "export",
    "plot",
    "example",
    "reproduce",
    "zoo",
    "algorithms",
    "envs",
    "doctor",
    "smac",
)


class _Commands(ErrorReportingGroup):
    """Shows the commands in our order; those that it does not name come last."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        names = super().list_commands(ctx)
        return sorted(names, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # its boxes cut option names off at 80 columns
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Train, evaluate and plot RLlib algorithms, with cooperative multi-agent learning by rllib_remix.",
)


def _show_version(wanted: bool) -> None:
    if not wanted:
        return
    from importlib import metadata

    from rllib_remix import __version__

    typer.echo(f"rllib_remix {__version__}, Ray {metadata.version('ray')}")
    raise typer.Exit


@app.callback()
def rllib(
    version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Show the versions and exit."
    ),
) -> None:
    """Takes the options that belong to no command."""


app.add_typer(train.app, name="train", short_help="Train an algorithm, or the experiments of a file.")
app.command(
    "resume",
    short_help="Go on with a run that was stopped or failed.",
    epilog="Example: rllib resume ~/ray_results/default",
)(resume.resume)
app.command(
    "evaluate",
    short_help="Play episodes with a checkpoint.",
    epilog="Example: rllib evaluate ~/ray_results/default --episodes 32",
)(evaluate.evaluate)
app.command("rollout", hidden=True, context_settings=evaluate.ANY_OPTION)(evaluate.rollout)
app.command(
    "export",
    short_help="Write weights and settings without pickle.",
    epilog="Example: rllib export ~/ray_results/default --out team",
)(export.export)
app.add_typer(plot.app, name="plot")
app.add_typer(example.app, name="example")
app.add_typer(reproduce.app, name="reproduce")
app.add_typer(zoo.app, name="zoo")
app.command("algorithms", short_help="List what --algo can be.", epilog="Example: rllib algorithms ReMIX")(
    listing.algorithms
)
app.command(
    "envs",
    short_help="List the environments, or show what one is to a team.",
    epilog="Example: rllib envs mpe2.simple_spread_v3",
)(listing.envs)
app.command(
    "doctor",
    short_help="Say what is missing, and what mends it.",
    epilog="Example: rllib doctor --storage-path /data/results",
)(doctor.doctor)
app.add_typer(smac.app, name="smac")


def main() -> None:
    """Entry point of the console script."""
    drop_what_cannot_be_written()
    app()
