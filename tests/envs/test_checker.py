import numpy as np
import pytest

from rllib_remix.envs.checker import TeamEnvError, check_step, check_team_env
from rllib_remix.envs.team_env import MAX_BROKEN_IN_A_ROW, BrokenEnvironment, TeamEnv, TeamStep


class Walk(TeamEnv):
    """Three steps with random observations; a test breaks one thing by `damage(step, moment) -> TeamStep`.

    `moment` counts the calls of `step` since `reset`; the episode is over at moments 3, 7, 11, …
    """

    num_envs, n_agents, n_actions, obs_dim, state_dim, episode_limit = 2, 3, 4, 5, 6, 3
    state_dtype = np.dtype(np.uint8)

    def __init__(self, damage=lambda step, moment: step):
        self.damage = damage
        self.rng = np.random.default_rng()

    def reset(self, seed=None):
        if seed is not None:
            self.rng = np.random.default_rng(seed)
        self.moment = 0
        return self._show()

    def step(self, actions):
        self.moment += 1
        return self._show()

    def _show(self):
        age = self.moment % 4
        step = TeamStep(
            obs=self.rng.random((2, 3, 5), np.float32),
            state=np.full((2, 6), age, np.uint8),
            avail_actions=np.arange(4) >= np.full((2, 3, 1), age),
            rewards=np.full(2, float(age), np.float32),
            terminated=np.array([age == 3, False]),
            truncated=np.array([False, age == 3]),
            info={"steps": np.full(2, age)},
        )
        return self.damage(step, self.moment)


def replaced(name, value, at=None):
    """A damage: one array of the step replaced, at one moment or always."""
    return lambda step, moment: step._replace(**{name: value}) if at in (None, moment) else step


def entry_set(name, index, value, at):
    """A damage: one entry of one array set, at one moment."""

    def damage(step, moment):
        if moment == at:
            getattr(step, name)[index] = value
        return step

    return damage


def test_a_sound_environment_passes():
    check_team_env(Walk(), episodes=3)


def test_observations_in_the_same_array_every_time_are_allowed():
    class Reusing(Walk):
        buffer = np.zeros((2, 3, 5), np.float32)

        def _show(self):
            step = super()._show()
            self.buffer[:] = step.obs
            return step._replace(obs=self.buffer)

    check_team_env(Reusing())


@pytest.mark.parametrize(
    "name", ["num_envs", "n_agents", "n_actions", "obs_dim", "state_dim", "episode_limit"]
)
@pytest.mark.parametrize("value", [None, "4", 4.0, True, 0])
def test_a_size_that_is_no_positive_integer_is_named(name, value):
    env = Walk()
    setattr(env, name, value)
    with pytest.raises(TeamEnvError, match=f"Walk: {name} is {value!r}; it must be an integer"):
        check_team_env(env)


def test_a_missing_size_is_named():
    class Sizeless(TeamEnv):
        def reset(self, seed=None): ...
        def step(self, actions): ...

    with pytest.raises(TeamEnvError, match="Sizeless: attribute num_envs is missing"):
        check_team_env(Sizeless())


NAN_OBS = np.full((2, 3, 5), np.nan, np.float32)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (replaced("obs", np.zeros((2, 3, 4), np.float32)), r"reset: obs has shape \(2, 3, 4\), expected \(2, 3, 5\) = "),
        (replaced("state", np.zeros(6, np.uint8), at=2), r"step 2 after reset: state has shape \(6,\), expected \(2, 6\)"),
        (replaced("rewards", [0.0, 0.0]), r"rewards is a list, expected an array of shape \(2,\)"),
        (replaced("rewards", np.zeros(2)), "rewards is float64, expected float32"),
        (replaced("rewards", np.zeros((2, 3), np.float32)), r"rewards has shape \(2, 3\), expected \(2,\)"),
        (replaced("avail_actions", np.ones((2, 3, 4), np.int8)), "avail_actions is int8, expected bool"),
        (replaced("terminated", np.zeros(2, int)), "terminated is int64, expected bool"),
        (replaced("truncated", np.zeros(2)), "truncated is float64, expected bool"),
        (replaced("obs", np.zeros((2, 3, 5), object)), "obs is object, expected bool, integer or float"),
        (replaced("info", {"steps": 3}), r"info\['steps'\] is a int, expected an array of shape \(2,\)"),
        (replaced("info", {"steps": np.zeros(3)}), r"info\['steps'\] has shape \(3,\), expected \(2,\)"),
        (replaced("info", None), "info is a NoneType, expected a dict"),
        (replaced("obs", NAN_OBS, at=1), "step 1 after reset: obs is nan at copy 0, agent 0, entry 0"),
        (entry_set("obs", (1, 2, 4), np.inf, at=2), "step 2 after reset: obs is inf at copy 1, agent 2, entry 4"),
        (entry_set("rewards", 1, np.nan, at=2), "step 2 after reset: rewards is nan at copy 1;"),
        (entry_set("avail_actions", (1, 2), False, at=2), "step 2 .* leaves agent 2 of copy 1 no action"),
        (entry_set("truncated", 0, True, at=3), "step 3 .*: copy 0 is both terminated and truncated"),
        (entry_set("rewards", 0, 1, at=0), "reset: copy 0 starts a new episode with reward 1.0"),
        (entry_set("rewards", 1, 2, at=4), "step 4 .*: copy 1 starts a new episode with reward 2.0"),
        (entry_set("terminated", 0, True, at=4), "step 4 .*: copy 0 did not reset"),
        (entry_set("terminated", 0, False, at=3), r"the episode of copy 0 goes on after 3 steps; at episode_limit \(3\)"),
        (replaced("broken", np.array([True, False]), at=2), "step 2 .*: copy 0 is broken but not truncated"),
        (replaced("broken", np.zeros(2, int)), "broken is int64, expected bool"),
        (replaced("broken", np.zeros(3, bool)), r"broken has shape \(3,\), expected \(2,\)"),
        (replaced("state", np.zeros((2, 6), np.int64), at=1), "step 1 .*: state is int64, but the attribute state_dtype says uint8"),
    ],
)  # fmt: skip
def test_a_broken_step_is_named_with_its_place(damage, message):
    with pytest.raises(TeamEnvError, match=f"^Walk, .*{message}"):
        check_team_env(Walk(damage))


def broken_at(*moments):
    """A damage: the episodes of both copies break at these moments."""

    def damage(step, moment):
        at = np.full(2, moment in moments)
        return step._replace(truncated=step.truncated | at, terminated=step.terminated & ~at, broken=at)

    return damage


def test_broken_episodes_are_allowed_and_do_not_count():
    env = Walk(broken_at(3, 7, 11))
    check_team_env(env, episodes=2)
    assert env.moment == 4 * (3 + 2) - 1


def test_what_follows_a_broken_episode_need_not_repeat():
    class Unrepeatable(Walk):
        def _show(self):
            if self.moment == 4:
                self.rng = np.random.default_rng()
            return super()._show()

    check_team_env(Unrepeatable(broken_at(3)))
    with pytest.raises(TeamEnvError, match="step 4 after reset: obs of copy 0 differs"):
        check_team_env(Unrepeatable())


def test_an_environment_that_breaks_every_time_is_given_up_with_its_reason():
    class Crashing(Walk):
        def fault(self, copy):
            return f"the game of copy {copy} crashed"

    always = broken_at(*range(3, 100, 4))
    with pytest.raises(
        BrokenEnvironment,
        match=f"{MAX_BROKEN_IN_A_ROW} episodes of copy 0 .* the last: the game of copy 0 crashed",
    ):
        check_team_env(Crashing(always))
    with pytest.raises(BrokenEnvironment, match="it does not say why"):
        check_team_env(Walk(always))


def test_something_else_than_a_team_step_is_named():
    with pytest.raises(TeamEnvError, match="got a tuple, expected a TeamStep"):
        check_team_env(Walk(lambda step, moment: tuple(step)))


def test_a_first_step_that_ignores_the_seed_is_named():
    class Unseeded(Walk):
        def reset(self, seed=None):
            return super().reset()

    with pytest.raises(TeamEnvError, match=r"Unseeded, reset: obs of copy 0 differs .* seed=7"):
        check_team_env(Unseeded(), seed=7)


def test_a_later_step_that_ignores_the_seed_is_named():
    def damage(step, moment):
        return step._replace(rewards=np.random.default_rng().random(2, np.float32)) if moment == 2 else step

    with pytest.raises(TeamEnvError, match="step 2 after reset: rewards of copy 0 differs"):
        check_team_env(Walk(damage))


def test_one_step_can_be_checked_alone():
    env = Walk()
    step = env.reset(seed=0)
    check_step(env, step)
    with pytest.raises(TeamEnvError, match="Walk, a step: obs has shape"):
        check_step(env, step._replace(obs=step.obs[:1]))
