import math
from itertools import permutations, product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from rllib_remix.learning.loss import weighted_squared_error
from rllib_remix.learning.priorities import episode_priorities, profile_weights
from rllib_remix.learning.weighting import SCHEMES, WeightingInputs

MASK = torch.tensor([[True, True, True], [True, True, False], [True, False, False]])
WEIGHTS = torch.tensor([[1.0, 2.0, 3.0], [0.5, 0.0, 0.0], [0.25, 0.0, 0.0]])


# Priorities


def test_the_priority_of_an_episode_is_the_mean_weight_of_its_real_steps():
    # (1 + 2 + 3) / 3; (0.5 + 0) / 2, in which the padding does not count but the real zero does; 0.25 / 1.
    priorities = episode_priorities(WEIGHTS, MASK)
    assert priorities.tolist() == [2.0, 0.25, 0.25]
    assert priorities.dtype == torch.float32


def test_longer_padding_does_not_change_a_priority():
    padded = torch.nn.functional.pad(WEIGHTS, (0, 4)), torch.nn.functional.pad(MASK, (0, 4))
    assert episode_priorities(*padded).tolist() == [2.0, 0.25, 0.25]


def test_an_episode_without_weight_has_priority_zero():
    assert episode_priorities(torch.zeros(3, 3), MASK).tolist() == [0, 0, 0]


def test_a_row_without_real_steps_has_priority_zero():
    assert episode_priorities(torch.zeros(1, 3), torch.zeros(1, 3, dtype=torch.bool)).tolist() == [0]


# Profiles


def test_the_profile_is_each_weight_by_the_mean_of_its_episode():
    # By 2: ½, 1, 1½. By ¼: 2, 0. By ¼: 1. Each has mean 1.
    profile = profile_weights(WEIGHTS, torch.tensor([2.0, 0.25, 0.25]), torch.ones(3))
    assert profile.tolist() == [[0.5, 1.0, 1.5], [2.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
    assert profile.dtype == torch.float32
    assert episode_priorities(profile, MASK).tolist() == [1, 1, 1]


def test_the_importance_scales_the_episodes_as_wholes():
    # The profiles above, times 1, ½ and ¼.
    profile = profile_weights(WEIGHTS, torch.tensor([2.0, 0.25, 0.25]), torch.tensor([1.0, 0.5, 0.25]))
    assert profile.tolist() == [[0.5, 1.0, 1.5], [1.0, 0.0, 0.0], [0.25, 0.0, 0.0]]


def test_an_episode_without_weight_stays_without():
    weights = torch.tensor([[0.0, 0.0, 0.0], [1.0, 3.0, 0.0]])
    profile = profile_weights(weights, torch.tensor([0.0, 2.0]), torch.ones(2))
    assert profile.tolist() == [[0, 0, 0], [0.5, 1.5, 0]]


def test_the_least_floats_there_are_do_not_overflow():
    # 2^-149 is the least float32 above 0, and 1 divided by it is too large for one. With a mean of two of
    # them: ½, 1, 1½. One of them in three steps has a mean that rounds to 0: an episode without weight.
    least = 2.0**-149
    weights = torch.tensor([[least, 2 * least, 3 * least], [least, 0.0, 0.0], [1e-40, 3e-40, 0.0]])
    mask = torch.tensor([[True, True, True], [True, True, True], [True, True, False]])
    priorities = episode_priorities(weights, mask)
    assert priorities[:2].tolist() == [2 * least, 0.0]
    profile = profile_weights(weights, priorities, torch.ones(3))
    assert profile[:2].tolist() == [[0.5, 1.0, 1.5], [0.0, 0.0, 0.0]]
    assert profile[2].tolist() == pytest.approx([0.5, 1.5, 0.0], rel=1e-4)


@given(
    st.lists(st.lists(st.floats(0, 2**100, width=32), min_size=1, max_size=7), min_size=1, max_size=5),
)
def test_priority_times_profile_is_the_weight_again_and_nothing_overflows(episodes):
    longest = max(map(len, episodes))
    weights = torch.tensor([episode + [0.0] * (longest - len(episode)) for episode in episodes])
    mask = torch.tensor([[t < len(episode) for t in range(longest)] for episode in episodes])
    priorities = episode_priorities(weights, mask)
    profile = profile_weights(weights, priorities, torch.ones(len(episodes)))
    assert profile.isfinite().all()
    assert (profile >= 0).all()
    assert (profile <= 2 * longest).all()
    assert (profile[~mask] == 0).all()
    # Next to an episode's greatest weight, and only down to 1e-37: the least floats have few digits.
    difference = (priorities[:, None] * profile - weights).abs()
    assert (difference <= 1e-5 * weights.amax(-1, keepdim=True) + 1e-37).all()
    usual = priorities > 1e-30
    means = episode_priorities(profile, mask)
    torch.testing.assert_close(means[usual], torch.ones_like(means[usual]))


# Both modes have the same expected gradient, up to a constant. A buffer of N episodes, few enough to
# enumerate all batches: Q_t = θ·x_t with θ in R³, everything in float64, the weights held constant.
#
# The gradient of a batch of one episode e, with weights w: g_e = 1/T_e Σ_t w_t ∇(Q_t - y_t)².
#   loss mode:     1/N Σ_e g_e
#   sampling mode: Σ_e P_e · 1/T_e Σ_t (w_t / p_e) ∇(Q_t - y_t)², with P_e = p_e / Σp
#                  = Σ_e g_e / Σp = 1/(N·mean(p)) Σ_e g_e
# so loss mode = mean(p) · sampling mode, whatever the lengths. In a larger batch the loss is divided by the
# steps of all its episodes; with equal lengths its gradient is the mean of its episodes' own, and the same
# holds.

N, STEPS, FEATURES, AGENTS, ACTIONS = 5, 4, 3, 2, 3
EQUAL, DIFFERENT = [4] * 5, [4, 1, 3, 2, 4]
WEIGHTINGS = [(name, {}) for name in SCHEMES] + [
    ("remix", {"range_map": "minmax"}),
    ("macpo", {"normalize": "mean"}),
    ("macpo", {"disable": ["bellman_error"]}),
    ("per", {"alpha": 1.0}),
]


class Buffer:
    """N episodes, and the gradients of batches of them at one θ."""

    def __init__(self, lengths: list[int], seed: int = 0):
        random = torch.Generator().manual_seed(seed)

        def normal(*shape: int) -> Tensor:
            return torch.randn(shape, generator=random, dtype=torch.float64)

        self.mask = torch.arange(STEPS) < torch.tensor(lengths)[:, None]
        self.theta = normal(FEATURES).requires_grad_()
        self.features = normal(N, STEPS, FEATURES) * self.mask[..., None]
        self.targets = normal(N, STEPS)
        q_tot = (self.features @ self.theta).detach()
        self.inputs = WeightingInputs(
            q_tot=q_tot,
            targets=self.targets,
            mask=self.mask,
            utilities=normal(N, STEPS, AGENTS, ACTIONS),
            avail_actions=torch.ones(N, STEPS, AGENTS, ACTIONS, dtype=torch.bool),
            actions=torch.randint(ACTIONS, (N, STEPS, AGENTS), generator=random),
            took_greedy=torch.rand(N, STEPS, generator=random) < 0.5,
            greedy_value=q_tot + normal(N, STEPS),
            q_star=q_tot + normal(N, STEPS),
            mixer_gradient=normal(N, STEPS, AGENTS).abs(),
        )

    def weights(self, scheme: str, config: dict) -> Tensor:
        return SCHEMES[scheme].function(self.inputs, **config).weights.double()

    def gradient(self, batch: tuple[int, ...], weights: Tensor) -> Tensor:
        """[FEATURES]: of the loss of a batch, with weights [len(batch), STEPS]."""
        rows = list(batch)
        loss = weighted_squared_error(
            self.features[rows] @ self.theta,
            self.targets[rows],
            weights,
            self.mask[rows],
            self.mask[rows].sum().double(),
        )
        return torch.autograd.grad(loss, self.theta)[0]

    def loss_mode(self, weights: Tensor, batch_size: int) -> Tensor:
        """Mean over all batches of different episodes, which are equally likely."""
        batches = list(permutations(range(N), batch_size))
        return torch.stack([self.gradient(batch, weights[list(batch)]) for batch in batches]).mean(0)

    def sampling_mode(self, weights: Tensor, draws: list[Tensor], *, correction: str = "none") -> Tensor:
        """Mean over all batches by their probability.

        Args:
            weights: [N, STEPS].
            draws: for each place of the batch the probability [N] of every episode.
            correction: "none" (β = 0), "full" (β = 1), or "scaled" by its greatest in the batch (β = 1 as the
                replay buffer does it).
        """
        priorities = episode_priorities(weights, self.mask)
        total = torch.zeros(FEATURES, dtype=torch.float64)
        for batch in product(range(N), repeat=len(draws)):
            rows = list(batch)
            probability = math.prod(draw[e].item() for draw, e in zip(draws, rows, strict=True))
            if probability == 0:
                continue
            importance = torch.ones(len(rows), dtype=torch.float64)
            if correction != "none":
                importance = 1 / (N * chances(priorities)[rows])
            if correction == "scaled":
                importance = importance / importance.max()
            profile = profile_weights(weights[rows], priorities[rows], importance)
            total += probability * self.gradient(batch, profile)
        return total


def chances(priorities: Tensor) -> Tensor:
    """P_e = p_e / Σp."""
    return priorities / priorities.sum()


def strata(priorities: Tensor, count: int) -> list[Tensor]:
    """For each of `count` equal parts of the sum of priorities how likely it gives each episode."""
    ends = torch.cumsum(chances(priorities), 0)
    begins = ends - chances(priorities)
    shares = [
        (ends.clamp(max=(i + 1) / count) - begins.clamp(min=i / count)).clamp(min=0) for i in range(count)
    ]
    return [share * count for share in shares]


def assert_equal(one: Tensor, other: Tensor) -> None:
    assert one.norm() > 1e-3  # two gradients of nothing would be equal too
    torch.testing.assert_close(one, other, rtol=0, atol=1e-12 * one.norm().item())


@pytest.mark.parametrize("lengths", [EQUAL, DIFFERENT])
@pytest.mark.parametrize(("scheme", "config"), WEIGHTINGS)
def test_with_batches_of_one_episode_both_modes_have_the_same_expected_gradient(scheme, config, lengths):
    buffer = Buffer(lengths)
    weights = buffer.weights(scheme, config)
    priorities = episode_priorities(weights, buffer.mask)
    sampled = buffer.sampling_mode(weights, [chances(priorities)])
    assert_equal(buffer.loss_mode(weights, 1), priorities.mean() * sampled)


@pytest.mark.parametrize(("scheme", "config"), WEIGHTINGS)
def test_with_pairs_of_equally_long_episodes_both_modes_have_the_same_expected_gradient(scheme, config):
    buffer = Buffer(EQUAL)
    weights = buffer.weights(scheme, config)
    priorities = episode_priorities(weights, buffer.mask)
    sampled = buffer.sampling_mode(weights, [chances(priorities)] * 2)
    assert_equal(buffer.loss_mode(weights, 2), priorities.mean() * sampled)


@pytest.mark.parametrize(("scheme", "config"), WEIGHTINGS)
def test_stratified_batches_have_the_same_expected_gradient_too(scheme, config):
    # The parts of a stratified batch add up to the whole: their chances have the mean P_e.
    buffer = Buffer(EQUAL)
    weights = buffer.weights(scheme, config)
    priorities = episode_priorities(weights, buffer.mask)
    draws = strata(priorities, 3)
    torch.testing.assert_close(torch.stack(draws).mean(0), chances(priorities), rtol=0, atol=1e-15)
    assert_equal(buffer.loss_mode(weights, 3), priorities.mean() * buffer.sampling_mode(weights, draws))


def test_an_episode_without_weight_counts_in_neither_mode():
    buffer = Buffer(DIFFERENT)
    weights = buffer.weights("macpo", {})
    weights[2] = 0.0
    priorities = episode_priorities(weights, buffer.mask)
    assert chances(priorities)[2] == 0
    # The mean priority is that of all five, this one's 0 included.
    sampled = buffer.sampling_mode(weights, [chances(priorities)])
    assert_equal(buffer.loss_mode(weights, 1), priorities.sum() / 5 * sampled)


def test_profiles_of_episodes_drawn_uniformly_have_another_expected_gradient():
    # Without this the equalities above would say nothing: the priorities do matter to this buffer.
    buffer = Buffer(EQUAL)
    weights = buffer.weights("macpo", {})
    sampled = buffer.sampling_mode(weights, [torch.full((N,), 1 / N, dtype=torch.float64)])
    assert torch.cosine_similarity(buffer.loss_mode(weights, 1), sampled, dim=0) < 0.995


# β = 1. With the full correction 1/(N·P_e) the drawing cancels, and the profile is all that is left:
#   Σ_e P_e · 1/(N·P_e) · 1/T_e Σ_t (w_t / p_e) ∇(Q_t - y_t)² = 1/N Σ_e h_e,
# with h_e the gradient of episode e under its profile. That is the loss mode with the weights w_t / p_e.


@pytest.mark.parametrize(("scheme", "config"), WEIGHTINGS)
@pytest.mark.parametrize(("lengths", "batch_size"), [(EQUAL, 1), (DIFFERENT, 1), (EQUAL, 2)])
def test_the_full_correction_leaves_the_profile_within_episodes_alone(scheme, config, lengths, batch_size):
    buffer = Buffer(lengths)
    weights = buffer.weights(scheme, config)
    priorities = episode_priorities(weights, buffer.mask)
    sampled = buffer.sampling_mode(weights, [chances(priorities)] * batch_size, correction="full")
    profile = profile_weights(weights, priorities, torch.ones(N))
    assert_equal(buffer.loss_mode(profile, batch_size), sampled)


# Scaled so that its greatest in a batch is 1, as the replay buffer gives it, the correction of e is
# min(p of the batch) / p_e. In a batch of one that is 1, and β makes no difference. For pairs of equal length
#   Σ_ij P_i·P_j · ½·(m_ij/p_i · h_i + m_ij/p_j · h_j), with m_ij = min(p_i, p_j)
#   = Σ_i h_i · P_i/p_i · Σ_j P_j·m_ij = 1/Σp · Σ_i h_i · Σ_j P_j·m_ij
# so episode i counts with the mean of min(p_i, p_j) over its partners, not with p_i: less apart, but not
# equal.


def test_scaled_by_its_greatest_the_correction_does_nothing_to_batches_of_one_episode():
    buffer = Buffer(DIFFERENT)
    weights = buffer.weights("macpo", {})
    draws = [chances(episode_priorities(weights, buffer.mask))]
    assert_equal(
        buffer.sampling_mode(weights, draws), buffer.sampling_mode(weights, draws, correction="scaled")
    )


@pytest.mark.parametrize(("scheme", "config"), WEIGHTINGS)
def test_scaled_by_its_greatest_the_correction_brings_the_episodes_of_pairs_closer(scheme, config):
    buffer = Buffer(EQUAL)
    weights = buffer.weights(scheme, config)
    priorities = episode_priorities(weights, buffer.mask)
    sampled = buffer.sampling_mode(weights, [chances(priorities)] * 2, correction="scaled")
    counts = torch.minimum(priorities[:, None], priorities) @ chances(priorities)
    profile = profile_weights(weights, priorities, torch.ones(N))
    alone = torch.stack([buffer.gradient((e,), profile[e : e + 1]) for e in range(N)])
    assert_equal((counts / priorities.sum()) @ alone, sampled)
    # What an episode counts for is between its own priority and the same for all.
    assert counts.max() / counts.min() <= priorities.max() / priorities.min() + 1e-12
