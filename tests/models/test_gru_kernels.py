import numpy as np
import pytest

from rllib_remix.models.kernels.gru import step_kernels


def arrays(rows: int, hidden: int, low: type = np.float32) -> dict[str, np.ndarray]:
    """Arguments of `forward_step`, all zeros."""
    return {
        "products": np.zeros((rows, 6 * hidden), low),
        "bias": np.zeros(6 * hidden, np.float32),
        "hidden": np.zeros((rows, hidden), np.float32),
        "gates": np.zeros((rows, 4 * hidden), low),
        "new_hidden": np.zeros((rows, hidden), np.float32),
        "new_hidden_low": np.zeros((rows, hidden), low),
    }


def bfloat16(numbers: list[float]) -> np.ndarray:
    """Their upper halves; for numbers that bfloat16 has exactly."""
    return (np.array(numbers, np.float32).view(np.uint32) >> 16).astype(np.uint16)


def test_one_step_worked_by_hand():
    # h = 2, W·x = (0, ln 3, 1), U·h = (0, 0, 4), bias of n 1 on the input's side: r = σ(0) = ½, z = σ(ln 3) = ¾,
    # n = tanh(1 + 1 + ½·4) = tanh(4), h' = n + ¾·(2 - n).
    forward, _ = step_kernels(1)
    given = arrays(1, 1)
    given["products"][0] = [0, np.log(3), 1, 0, 0, 4]
    given["bias"][2], given["hidden"][0, 0] = 1, 2
    forward(*given.values())
    n = np.tanh(4)
    assert given["gates"][0].tolist() == pytest.approx([n, 0.5, 0.75, 4], rel=1e-6)
    assert given["new_hidden"].item() == pytest.approx(n + 0.75 * (2 - n), rel=1e-6)
    assert given["new_hidden_low"].item() == given["new_hidden"].item()


def test_gradients_of_that_step_worked_by_hand():
    # As above but n = 0.6, h_n = 4, ∂L/∂h' = 1 from outside and 3 from the next step. ∂h'/∂n = 1 - z = ¼, so the
    # gradient of n's sum is 4·¼·(1 - 0.36) = 0.64; of h_n r·0.64 = 0.32; of r's sum 0.64·4·½·½ = 0.64; of z's sum
    # 4·¾·¼·(2 - 0.6) = 1.05. What goes past the gates is 4·¾ = 3.
    _, backward = step_kernels(1)
    gates = np.array([[0.6, 0.5, 0.75, 4.0]], np.float32)
    d_hidden, d_bias = np.full((1, 1), 3, np.float32), np.ones(4, np.float32)
    backward(np.ones((1, 1), np.float32), np.full((1, 1), 2, np.float32), gates, d_hidden, d_bias)
    expected = [0.64, 0.64, 1.05, 0.32]
    assert gates[0].tolist() == pytest.approx(expected, rel=1e-6)
    assert d_bias.tolist() == pytest.approx([1 + part for part in expected], rel=1e-6)
    assert d_hidden.item() == pytest.approx(3)


def test_bfloat16_is_read_exactly_and_rounded_to_nearest_even():
    forward, _ = step_kernels(1)
    given = arrays(3, 1, np.uint16)
    # h' = n + z·(h - n) = h if z = 1, that is with a large sum of z.
    given["products"][:, 1] = bfloat16([128.0])
    given["products"][:, 5] = bfloat16([-3.5])
    # Between the neighbours 1 and 1 + 2^-7 of bfloat16: below, at (to even) and above the middle.
    given["hidden"][:, 0] = [1 + 2**-9, 1 + 2**-8, 1 + 2**-8 + 2**-12]
    forward(*given.values())
    assert given["new_hidden_low"][:, 0].tolist() == bfloat16([1.0, 1.0, 1 + 2**-7]).tolist()
    assert given["gates"][:, 3].tolist() == bfloat16([-3.5] * 3).tolist()


@pytest.mark.parametrize("sum_of_gate", [-1e30, -100.0, -20.0, 0.0, 20.0, 100.0, 1e30])
def test_gates_saturate_and_never_overflow(sum_of_gate):
    forward, _ = step_kernels(1)
    given = arrays(1, 1)
    given["products"][0, :3] = sum_of_gate
    forward(*given.values())
    n, r, z, _ = given["gates"][0]
    with np.errstate(over="ignore"):
        sigmoid = 1 / (1 + np.exp(-np.float64(sum_of_gate)))
    assert r == z == pytest.approx(sigmoid, abs=1e-7)
    assert n == pytest.approx(np.tanh(sum_of_gate), abs=1e-6)


def test_what_was_compiled_is_found_again_on_disk():
    for _ in range(2):
        forward, _ = step_kernels.__wrapped__(3)
        forward(*arrays(1, 3).values())
    assert sum(forward.stats.cache_hits.values()) == 1
