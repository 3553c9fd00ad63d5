"""Exports from Python, without the command."""

import pytest

from rllib_remix import TeamPolicy, playing
from rllib_remix.checkpoints.exporting import export
from rllib_remix.errors import UserError


def test_what_cannot_be_exported_is_an_error_and_nothing_is_written(tmp_path):
    with pytest.raises(UserError, match="does not exist"):
        export(tmp_path / "no_such", tmp_path / "out")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    with pytest.raises(UserError, match="is not empty"):
        export(tmp_path / "no_such", tmp_path / "full")
    assert [path.name for path in tmp_path.iterdir()] == ["full"]


@pytest.mark.slow
def test_an_exported_team_is_told_and_plays(team_checkpoint, tmp_path, capsys):
    done = export(team_checkpoint, tmp_path / "team")
    assert (done.folder, done.algorithm, done.environment) == (tmp_path / "team", "QMIX", "predator_prey")
    weights = TeamPolicy.from_checkpoint(done.folder).network.state_dict()
    assert done.arrays >= len(weights)
    assert done.weights >= sum(weight.numel() for weight in weights.values())
    assert playing.evaluate(done.folder, 2)["num_episodes"] == 2
    assert capsys.readouterr().out == ""
