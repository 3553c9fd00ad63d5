"""The `rllib` command. Commands load Ray only when they need it, so help and bad input answer at once."""

from __future__ import annotations

import typer

from rllib_remix.cli import evaluate, plot, smac, train
from rllib_remix.cli.errors import ErrorReportingGroup

app = typer.Typer(
    cls=ErrorReportingGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # its boxes cut option names off at 80 columns
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Train, evaluate and plot RLlib algorithms, with cooperative multi-agent Q-learning by rllib_remix.",
)
app.add_typer(train.app, name="train")
app.command("evaluate")(evaluate.evaluate)
app.add_typer(plot.app, name="plot")
app.add_typer(smac.app, name="smac")


def main() -> None:
    """Entry point of the console script."""
    app()
