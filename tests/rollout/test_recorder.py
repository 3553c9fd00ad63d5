import numpy as np
import pytest

from rllib_remix.envs.predator_prey import PredatorPrey
from rllib_remix.envs.team_env import TeamSpec, TeamStep, random_actions
from rllib_remix.errors import SettingError
from rllib_remix.rollout.episode import TeamEpisode
from rllib_remix.rollout.recorder import EpisodeRecorder

SPEC = TeamSpec(
    n_agents=2, n_actions=3, obs_dim=1, state_dim=1, episode_limit=4, obs_dtype="uint8", state_dtype="int16"
)


def shown(numbers: list[int], *, rewards=None, terminated=None, truncated=None) -> TeamStep:
    """What copies show whose observations and states all hold the given number."""
    copies = len(numbers)
    nothing = [0] * copies
    return TeamStep(
        obs=np.array(numbers, np.uint8)[:, None, None].repeat(2, axis=1),
        state=np.array(numbers, np.int16)[:, None],
        avail_actions=(np.array(numbers)[:, None, None] + np.arange(3)) % 3 != np.zeros((2, 1)),
        rewards=np.array(rewards or nothing, np.float32),
        terminated=np.array(terminated or nothing, np.bool_),
        truncated=np.array(truncated or nothing, np.bool_),
        info={"score": np.array(numbers) * 10},
    )


def acted(*numbers: int) -> np.ndarray:
    """Actions [N, n], the same for both agents of a copy."""
    return np.array(numbers)[:, None].repeat(2, axis=1)


def began(*flags: int) -> np.ndarray:
    return np.array(flags, np.bool_)


def values(episode: TeamEpisode) -> tuple[list, list, list]:
    return episode.obs[:, 0, 0].tolist(), episode.actions[:, 0].tolist(), episode.rewards.tolist()


def test_an_episode_holds_what_was_shown_and_done_in_order():
    recorder = EpisodeRecorder(SPEC, 1)
    recorder.begin(shown([1]))
    recorder.record(acted(2), shown([3], rewards=[0.5]), began(0))
    last = shown([5], rewards=[-1.5], terminated=[1])
    recorder.record(acted(0), last, began(0))
    episode = recorder.episode(0, last, worker_index=3, env_steps_before=70)
    assert values(episode) == ([1, 3, 5], [2, 0], [0.5, -1.5])
    assert episode.state.tolist() == [[1], [3], [5]]
    # Number 1 leaves action 2 unavailable, 3 action 0, 5 action 1.
    assert episode.avail_actions[:, 0].tolist() == [
        [True, True, False],
        [False, True, True],
        [True, False, True],
    ]
    assert (episode.terminated, episode.truncated) == (True, False)
    assert episode.info == {"score": 50.0}
    assert (episode.worker_index, episode.env_steps_before) == (3, 70)
    assert (len(episode), episode.env_steps(), episode.agent_steps()) == (2, 2, 4)
    assert episode.get_return() == -1.0


def test_the_dtypes_are_those_of_the_environment():
    recorder = EpisodeRecorder(SPEC, 1)
    recorder.begin(shown([1]))
    step = shown([2], truncated=[1])
    recorder.record(acted(1), step, began(0))
    episode = recorder.episode(0, step)
    assert [a.dtype.name for a in (episode.obs, episode.state, episode.avail_actions)] == [
        "uint8",
        "int16",
        "bool",
    ]
    assert [a.dtype.name for a in (episode.actions, episode.rewards)] == ["int16", "float32"]
    assert (episode.terminated, episode.truncated) == (False, True)
    assert type(episode.terminated) is type(episode.truncated) is bool


def test_a_very_large_action_set_gets_wider_actions():
    spec = SPEC._replace(n_actions=2**15, episode_limit=1)
    assert EpisodeRecorder(spec, 1)._actions.dtype == np.int64


def test_copies_begin_and_end_episodes_at_their_own_pace():
    recorder = EpisodeRecorder(SPEC, 2)
    recorder.begin(shown([1, 11]))
    step = shown([2, 12], rewards=[1, 10], terminated=[1, 0])
    recorder.record(acted(0, 1), step, began(0, 0))
    assert values(recorder.episode(0, step)) == ([1, 2], [0], [1])
    # Copy 0 resets on this step; its action is ignored and its reward is 0.
    recorder.record(acted(2, 2), shown([3, 13], rewards=[0, 20]), began(1, 0))
    step = shown([4, 14], rewards=[2, 30], truncated=[0, 1])
    recorder.record(acted(1, 0), step, began(0, 0))
    assert values(recorder.episode(1, step)) == ([11, 12, 13, 14], [1, 2, 0], [10, 20, 30])
    assert values(recorder.episode(0, step)) == ([3, 4], [1], [2])  # cut off where it is


def test_a_new_episode_shows_nothing_of_a_longer_one_before():
    recorder = EpisodeRecorder(SPEC, 1)
    recorder.begin(shown([1]))
    for number in (2, 3, 4, 5):
        recorder.record(acted(1), shown([number], rewards=[1]), began(0))
    recorder.record(acted(1), shown([6]), began(1))
    step = shown([7], rewards=[9], terminated=[1])
    recorder.record(acted(2), step, began(0))
    assert values(recorder.episode(0, step)) == ([6, 7], [2], [9])


def test_begin_drops_what_was_recorded():
    recorder = EpisodeRecorder(SPEC, 1)
    recorder.begin(shown([1]))
    recorder.record(acted(1), shown([2]), began(0))
    recorder.begin(shown([3]))
    step = shown([4], rewards=[5], truncated=[1])
    recorder.record(acted(2), step, began(0))
    assert values(recorder.episode(0, step)) == ([3, 4], [2], [5])


def test_an_episode_may_be_as_long_as_the_limit_and_the_step_after_it_is_recorded_too():
    recorder = EpisodeRecorder(SPEC, 1)
    recorder.begin(shown([1]))
    for number in (2, 3, 4, 5):
        step = shown([number], rewards=[number], truncated=[number == 5])
        recorder.record(acted(0), step, began(0))
    episode = recorder.episode(0, step)
    assert values(episode) == ([1, 2, 3, 4, 5], [0] * 4, [2, 3, 4, 5])
    recorder.record(acted(0), shown([6]), began(1))


def test_an_episode_is_a_copy_that_later_steps_leave_alone():
    recorder = EpisodeRecorder(SPEC, 1)
    recorder.begin(shown([1]))
    step = shown([2], rewards=[1], terminated=[1])
    recorder.record(acted(1), step, began(0))
    episode = recorder.episode(0, step)
    recorder.record(acted(2), shown([8]), began(1))
    recorder.record(acted(2), shown([9], rewards=[7]), began(0))
    step.obs[:] = step.rewards[:] = 0
    assert values(episode) == ([1, 2], [1], [1])


@pytest.mark.parametrize("copies", [1, 5])
def test_recorded_episodes_are_those_that_the_environment_played(copies):
    settings = {"grid_height": 4, "grid_width": 4, "num_predators": 3, "num_prey": 3, "episode_limit": 9}
    env, rng = PredatorPrey(copies, **settings), np.random.default_rng(0)
    recorder = EpisodeRecorder(env.spec, copies)
    step = env.reset(seed=0)
    recorder.begin(step)
    played = [[step.state[copy].tolist()] for copy in range(copies)]
    rewards, over, finished = [[] for _ in range(copies)], np.zeros(copies, bool), 0
    for _ in range(60):
        actions = random_actions(step.avail_actions, rng)
        step = env.step(actions)
        recorder.record(actions, step, over)
        for copy in range(copies):
            if over[copy]:
                played[copy], rewards[copy] = [], []
            else:
                rewards[copy].append(float(step.rewards[copy]))
            played[copy].append(step.state[copy].tolist())
        over = step.terminated | step.truncated
        for copy in np.flatnonzero(over):
            episode = recorder.episode(copy, step)
            assert episode.state.tolist() == played[copy]
            assert episode.rewards.tolist() == rewards[copy]
            assert episode.avail_actions[
                np.arange(len(episode))[:, None], np.arange(3), episode.actions
            ].all()
            assert (
                10 * episode.info["prey_captured"] - 2 * episode.info["lone_catches"] == episode.get_return()
            )
            finished += 1
    assert finished >= 6 * copies


def test_episodes_that_no_memory_can_hold_are_refused_before_it_is_asked_for():
    endless = SPEC._replace(episode_limit=10**9)
    message = (
        r"episode_limit: 8 episodes of 1000000000 steps, .* take \d+\.\d GiB, but this machine has .*allowed here: at "
        r"most \d+ steps with num_envs_per_env_runner 8\. .*team_adapter"
    )
    with pytest.raises(SettingError, match=message):
        EpisodeRecorder(endless, 8)
    with pytest.raises(SettingError, match="episode_limit"):
        EpisodeRecorder(SPEC._replace(episode_limit=10**30), 1)


def test_an_info_value_that_a_copy_does_not_have_is_no_part_of_its_episode():
    recorder = EpisodeRecorder(SPEC, 2)
    recorder.begin(shown([1, 2]))
    last = shown([1, 2], terminated=[1, 1])._replace(info={"won": np.array([np.nan, 1.0])})
    recorder.record(acted(0, 0), last, np.zeros(2, bool))
    assert [recorder.episode(copy, last).info for copy in (0, 1)] == [{}, {"won": 1.0}]
