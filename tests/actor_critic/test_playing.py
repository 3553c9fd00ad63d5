"""A trained actor-critic is played and exported as every team is: greedily, by its logits alone."""

import numpy as np
import torch

from rllib_remix import TeamPolicy, playing
from rllib_remix.checkpoints.exporting import export
from rllib_remix.checkpoints.portable import read_weights
from rllib_remix.checkpoints.team import read_metadata
from rllib_remix.envs.registry import make_team_env
from tests.algorithms.games import TINY, equal, tiny, weights


def test_it_plays_its_most_probable_actions_from_a_checkpoint_and_from_an_export(build, tmp_path):
    trained = build(tiny("VDAC"))
    trained.train()
    checkpoint = trained.save_to_path(tmp_path / "checkpoint")
    exported = export(checkpoint, tmp_path / "out").folder
    assert equal(read_weights(exported), weights(trained))
    networks = read_metadata(exported)["networks"]
    assert (networks["stochastic_policy"], networks["agent_extra_outputs"]) == (True, 1)
    step = make_team_env("predator_prey", dict(TINY), num_envs=3).reset(seed=0)
    agent = trained.learner_group._learner.module[
        "default_policy"
    ].agent  # env runners get it with the next round
    with torch.no_grad():
        rows = 3 * agent.n_agents
        logits, _ = agent.step(
            torch.from_numpy(step.obs),
            torch.full((3, agent.n_agents), -1),
            torch.zeros(rows, agent.hidden_dim),
        )
    expected = np.where(step.avail_actions, logits.numpy(), -np.inf).argmax(-1)
    for folder in (checkpoint, exported):
        policy = TeamPolicy.from_checkpoint(folder)
        policy.reset(num_envs=3)
        assert (policy.act(step) == expected).all()
    greedy = [playing.evaluate(folder, 4) for folder in (checkpoint, exported)]
    assert greedy[0]["episodes"] == greedy[1]["episodes"]
