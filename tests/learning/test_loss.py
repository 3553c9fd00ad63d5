import pytest
import torch

from rllib_remix.learning.loss import masked_mean, masked_sum, weighted_squared_error

NAN, INF = float("nan"), float("inf")
MASK = torch.tensor([[True, True, True], [True, False, False]])
PREDICTION = torch.tensor([[1.0, 2.0, 3.0], [4.0, 0.0, 0.0]])
TARGETS = torch.tensor([[0.0, 4.0, 3.0], [1.0, 0.0, 0.0]])  # errors 1, -2, 0 and 3
WEIGHTS = torch.tensor([[1.0, 0.5, 7.0], [0.1, 0.0, 0.0]])


def with_padding(values: torch.Tensor, *, garbage: float) -> torch.Tensor:
    return values.masked_fill(~MASK, garbage)


def test_the_masked_sum_and_mean_are_those_of_the_real_steps():
    values = torch.tensor([[1.0, 2.0, 3.0], [6.0, NAN, INF]])
    assert masked_sum(values, MASK).item() == 12.0
    assert masked_mean(values, MASK).item() == 3.0  # 12 / 4


def test_the_mean_of_no_steps_is_zero():
    assert masked_mean(torch.full((2, 3), NAN), torch.zeros(2, 3, dtype=torch.bool)).item() == 0.0


def test_the_loss_is_the_weighted_sum_of_squared_errors_divided_by_the_number_of_steps():
    # 1·1 + 0.5·4 + 7·0 + 0.1·9 = 3.9; by 4 real steps 0.975, by the 8 of a whole batch half of it.
    loss = weighted_squared_error(PREDICTION, TARGETS, WEIGHTS, MASK, torch.tensor(4.0))
    assert loss.item() == pytest.approx(0.975)
    shard = weighted_squared_error(PREDICTION, TARGETS, WEIGHTS, MASK, torch.tensor(8.0))
    assert shard.item() == pytest.approx(0.4875)


def test_without_weights_every_step_counts_once():
    # (1 + 4 + 0 + 9) / 4
    assert weighted_squared_error(PREDICTION, TARGETS, None, MASK, torch.tensor(4.0)).item() == 3.5


def test_no_weights_and_weights_of_one_are_the_same():
    ones = torch.ones_like(PREDICTION)
    loss = weighted_squared_error(PREDICTION, TARGETS, ones, MASK, torch.tensor(4.0))
    assert loss == weighted_squared_error(PREDICTION, TARGETS, None, MASK, torch.tensor(4.0))


@pytest.mark.parametrize("garbage", [NAN, INF, -INF, 1e30])
@pytest.mark.parametrize("weights", [WEIGHTS, None])
def test_padding_reaches_neither_the_loss_nor_its_gradient(garbage, weights):
    prediction = with_padding(PREDICTION, garbage=garbage).requires_grad_()
    targets = with_padding(TARGETS, garbage=garbage)
    garbage_weights = None if weights is None else with_padding(weights, garbage=garbage)
    loss = weighted_squared_error(prediction, targets, garbage_weights, MASK, torch.tensor(4.0))
    loss.backward()
    assert loss == weighted_squared_error(PREDICTION, TARGETS, weights, MASK, torch.tensor(4.0))
    assert prediction.grad[~MASK].eq(0).all()


def test_the_gradient_is_twice_the_weighted_error_per_step():
    prediction = PREDICTION.clone().requires_grad_()
    weighted_squared_error(prediction, TARGETS, WEIGHTS, MASK, torch.tensor(4.0)).backward()
    # 2·w·(Q - y) / 4: 2·1·1, 2·0.5·(-2), 0, and 2·0.1·3, each by 4.
    expected = torch.tensor([[0.5, -0.5, 0.0], [0.15, 0.0, 0.0]])
    torch.testing.assert_close(prediction.grad, expected)


def test_shards_add_up_to_the_loss_of_the_whole_batch():
    # The mean over two learners of their parts, each divided by the whole's 4 steps over 2 learners.
    parts = [
        weighted_squared_error(
            PREDICTION[i : i + 1], TARGETS[i : i + 1], WEIGHTS[i : i + 1], MASK[i : i + 1], torch.tensor(2.0)
        )
        for i in range(2)
    ]
    assert (sum(parts) / 2).item() == pytest.approx(0.975)
