"""The loop that all algorithms share: what is collected, drawn, and told to the learner. Nothing starts Ray here."""

import numpy as np
import pytest
from ray.rllib.core import DEFAULT_MODULE_ID
from ray.rllib.utils.metrics import NUM_ENV_STEPS_SAMPLED_LIFETIME, NUM_EPISODES_LIFETIME

from tests.algorithms.games import tiny


class Recorded:
    """What an algorithm does from now on.

    Attributes:
        rounds: of every round what the env runner plays with: its agents' weights, the learner's, ε, and the env steps
            sampled before.
        updates: of every update the batch, the time steps that the learner is told, the episodes collected and the env
            steps sampled before it, and what the replay buffer was asked for.
    """

    def __init__(self, algorithm):
        self.rounds, self.updates = [], []
        self._algorithm, self._episodes, self._env_steps = algorithm, 0, 0
        self._play, self._update = algorithm.env_runner.sample, algorithm.learner_group.update
        self._sample, self._asked = algorithm.replay_buffer.sample, {}
        algorithm.env_runner.sample = self.play
        algorithm.learner_group.update = self.update
        algorithm.replay_buffer.sample = self.sample

    def play(self, *arguments, **named):
        runner = self._algorithm.env_runner
        learner = self._algorithm.learner_group._learner.module[DEFAULT_MODULE_ID].unwrapped()
        before = self._env_steps
        weights = [arrays(module.agent) for module in (runner.module, learner)]
        episodes = self._play(*arguments, **named)
        self._episodes += len(episodes)
        self._env_steps += sum(map(len, episodes))
        self.rounds.append((*weights, runner.epsilon, before))
        return episodes

    def sample(self, *arguments, **named):
        self._asked = {"arguments": arguments, **named}
        return self._sample(*arguments, **named)

    def update(self, *, batch, timesteps):
        self.updates.append(
            (batch[DEFAULT_MODULE_ID], timesteps, self._episodes, self._env_steps, self._asked)
        )
        return self._update(batch=batch, timesteps=timesteps)


def arrays(network):
    return np.concatenate([p.detach().numpy().ravel() for p in network.parameters()])


def test_rounds_and_updates_go_by_what_was_collected(build):
    algorithm = build(tiny("ReMIX", recent_episodes_capacity=8, epsilon=[[0, 1.0], [400, 0.2]]))
    recorded = Recorded(algorithm)
    for _ in range(6):
        algorithm.training_step()
    # 4 copies, one episode each a round; the first update when 8 are there, then one per 4.
    assert [episodes for *_, episodes, _, _ in recorded.updates] == [8, 12, 16, 20, 24]
    for batch, told, episodes, env_steps, asked in recorded.updates:
        assert told == {NUM_EPISODES_LIFETIME: episodes, NUM_ENV_STEPS_SAMPLED_LIFETIME: env_steps}
        assert asked["arguments"] == (8,)
        assert asked["num_recent"] == 2  # a quarter
        assert len(batch["lengths"]) == 8
        assert (batch["num_steps"] == batch["lengths"].sum()).all()
    for played_with, learners, epsilon, env_steps in recorded.rounds:
        assert np.array_equal(played_with, learners)
        assert epsilon == pytest.approx(max(0.2, 1 - 0.8 * env_steps / 400))
    assert (
        len({weights.tobytes() for weights, *_ in recorded.rounds}) == 5
    )  # of which the first two played before it


@pytest.mark.parametrize(("episodes", "updates"), [(1, 17), (4, 5), (8, 3), (5, 4)])
def test_an_update_is_made_per_so_many_episodes(build, episodes, updates):
    algorithm = build(tiny("VDN", rollout_episodes_per_update=episodes))
    recorded = Recorded(algorithm)
    for _ in range(6):
        algorithm.training_step()
    # 24 episodes: the first update with 8, and 16 more.
    assert len(recorded.updates) == updates == 1 + 16 // episodes


def test_the_targets_are_copied_by_the_episodes_that_were_collected(build):
    algorithm = build(tiny("QMIX", target_network_update_episodes=12))
    module = algorithm.learner_group._learner.module[DEFAULT_MODULE_ID].unwrapped()
    copied_at = []
    for step in range(8):
        before = arrays(module.target_agent)
        algorithm.training_step()
        if not np.array_equal(before, arrays(module.target_agent)):
            copied_at.append(4 * (step + 1))
            assert np.array_equal(arrays(module.target_agent), arrays(module.agent))
            assert np.array_equal(arrays(module.target_mixer), arrays(module.mixer))
    assert copied_at == [12, 24]


def test_in_mode_sampling_priorities_and_beta_reach_the_replay_buffer(build):
    schedule = [[0, 0.0], [400, 1.0]]
    algorithm = build(tiny("OWQMIX", weighting_mode="sampling", prioritized_replay_beta=schedule))
    recorded = Recorded(algorithm)
    refreshed = []
    refresh = algorithm.replay_buffer.update_priorities
    algorithm.replay_buffer.update_priorities = lambda *them: refreshed.append(them) or refresh(*them)
    for _ in range(4):
        algorithm.training_step()
    assert len(refreshed) == len(recorded.updates) == 3
    for (batch, _, _, env_steps, asked), (numbers, priorities) in zip(
        recorded.updates, refreshed, strict=True
    ):
        assert asked["beta"] == pytest.approx(min(1.0, env_steps / 400))
        assert numbers.tolist() == batch["numbers"].tolist()
        # Means of weights that are 1 or 0.1.
        ones = (priorities - 0.1) / 0.9 * batch["lengths"].numpy()
        np.testing.assert_allclose(ones, ones.round(), atol=1e-4)
    assert min(map(np.min, (priorities for _, priorities in refreshed))) < 1


def test_an_update_that_was_not_made_changes_no_priority_and_is_counted(build):
    algorithm = build(tiny("MACPO", weighting_mode="sampling"))
    algorithm.training_step()
    before = algorithm.replay_buffer.priorities.copy()
    sample = algorithm.replay_buffer.sample

    def poisoned(*arguments, **named):
        batch = sample(*arguments, **named)
        batch["rewards"][0, 0] = np.nan
        return batch

    algorithm.replay_buffer.sample = poisoned
    algorithm.training_step()
    assert (algorithm.replay_buffer.priorities[:4] == before).all()
    assert sum(algorithm._weight_histogram.counts) == 0
    algorithm.replay_buffer.sample = sample
    result = algorithm.train()["learners"]["default_policy"]
    assert result["num_nonfinite_updates_lifetime"] == 1
    assert np.isfinite(result["td_loss"])
    assert (algorithm.replay_buffer.priorities[:8] != 1).any()
