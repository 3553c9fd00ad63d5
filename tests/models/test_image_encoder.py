"""Convolutions over images that are kept as flat rows."""

import numpy as np
import pytest
import torch

from rllib_remix.errors import SettingError
from rllib_remix.models import image_encoder
from rllib_remix.models.image_encoder import ImageEncoder, channels_are_first, encoded_shape
from rllib_remix.models.normalizer import RunningNormalizer


def encoder(shape, seed=0):
    torch.manual_seed(seed)
    return ImageEncoder(shape)


def pixels(count, shape, dtype=np.uint8, seed=0):
    rng = np.random.default_rng(seed)
    numbers = rng.integers(256, size=(count, int(np.prod(shape))))
    return torch.from_numpy(numbers.astype(dtype))


def plain(network, images):
    """The features of images [R, C, H, W] in float64, by the definition of a convolution."""
    for layer in network.convolutions:
        weight, bias = layer.weight.detach().double().numpy(), layer.bias.detach().double().numpy()
        (down, right), (top, left) = layer.stride, layer.padding
        padded = np.pad(images, ((0, 0), (0, 0), (top, top), (left, left)))
        height = (padded.shape[2] - weight.shape[2]) // down + 1
        width = (padded.shape[3] - weight.shape[3]) // right + 1
        images = np.zeros((len(images), len(weight), height, width))
        for y, x in np.ndindex(height, width):
            seen = padded[:, :, y * down :, x * right :][:, :, : weight.shape[2], : weight.shape[3]]
            images[:, :, y, x] = np.maximum(np.tensordot(seen, weight, ([1, 2, 3], [1, 2, 3])) + bias, 0)
    return images.reshape(len(images), -1)


@pytest.mark.parametrize(
    ("shape", "kernels", "strides", "features"),
    [
        ((7, 7, 3), [(3, 3)] * 3, [(1, 1)] * 3, 7 * 7 * 32),
        # log2(15 / 7) = 1.1: one halving, 15 → 7
        ((15, 15, 3), [(4, 4), (3, 3), (3, 3)], [(2, 2), (1, 1), (1, 1)], 7 * 7 * 32),
        # log2(84 / 7) = 3.6: four halvings, 84 → 21 → 10 → 5
        ((84, 84, 3), [(8, 8), (4, 4), (4, 4)], [(4, 4), (2, 2), (2, 2)], 5 * 5 * 32),
        # log2(457 / 7) = 6.03: six, 457 → 114 → 28 → 7; log2(120 / 7) = 4.1: four, 120 → 30 → 15 → 7
        ((457, 120, 3), [(8, 8), (8, 4), (8, 4)], [(4, 4), (4, 2), (4, 2)], 7 * 7 * 32),
        ((3, 210, 160), [(8, 8), (8, 8), (4, 4)], [(4, 4), (4, 4), (2, 2)], 6 * 5 * 32),
        ((13, 13, 5), [(4, 4), (3, 3), (3, 3)], [(2, 2), (1, 1), (1, 1)], 6 * 6 * 32),
        ((1, 3, 3), [(3, 3)] * 3, [(1, 1)] * 3, 3 * 32),
    ],
)
def test_kernels_and_strides_follow_from_the_size(shape, kernels, strides, features):
    network = encoder(shape)
    assert [layer.kernel_size for layer in network.convolutions] == kernels
    assert [layer.stride for layer in network.convolutions] == strides
    assert network(pixels(2, shape)).shape == (2, features)
    assert network.features == features


@pytest.mark.parametrize("side", [3, 9, 10, 19, 20, 39, 64, 127, 500, 1023])
def test_no_image_has_more_than_9_by_9_places_in_the_end(side):
    assert 0 < encoder((side, 5, 1)).features <= 9 * 5 * 32


@pytest.mark.parametrize(
    ("shape", "first"),
    [((3, 84, 84), True), ((84, 84, 3), False), ((4, 4, 4), False), ((3, 5, 3), False), ((5, 7, 7), False)],
)
def test_channels_are_first_if_the_first_axis_is_4_at_most_and_the_last_is_more(shape, first):
    assert channels_are_first(shape) is first


@pytest.mark.parametrize("shape", [(15, 15, 3), (40, 20, 2), (3, 18, 11)])
def test_features_are_those_of_plain_convolutions(shape):
    network, rows = encoder(shape), pixels(3, shape)
    images = rows.numpy().reshape(3, *shape) / 255
    images = images if shape[0] <= 4 else images.transpose(0, 3, 1, 2)
    np.testing.assert_allclose(network(rows).detach(), plain(network, images), rtol=1e-4, atol=1e-5)


def test_of_a_hand_worked_image_uint8_is_divided_by_255():
    network = encoder((3, 3, 1))
    with torch.no_grad():
        for layer in network.convolutions:
            layer.weight.zero_()
            layer.bias.zero_()
        network.convolutions[0].weight[0, 0] = 1.0  # the sum of a pixel and its neighbours
        network.convolutions[0].bias[0] = -1.0
        network.convolutions[1].weight[0, 0, 1, 1] = 2.0  # twice as much
        network.convolutions[2].weight[0, 0, 1, 0] = 1.0  # what is left of it
    image = torch.tensor([[255, 0, 0, 0, 255, 0, 0, 0, 255]], dtype=torch.uint8)
    # Sums of 1s: corners 2, 1 | edges 2 | centre 3; less 1; twice: rows 2 2 0, 2 4 2, 0 2 2; moved right by one.
    expected = [[0, 2, 2], [0, 2, 4], [0, 0, 2]]
    assert network(image).view(32, 3, 3)[0].tolist() == expected
    assert network(image.float() / 255).view(32, 3, 3)[0].tolist() == expected


def test_floats_stay_as_they_are_and_a_normalizer_comes_before_the_layers():
    network, rows = encoder((8, 8, 2)), pixels(5, (8, 8, 2))
    assert not torch.allclose(network(rows), network(rows.float()))
    normalizer = RunningNormalizer(128)
    normalizer.update(rows)
    torch.testing.assert_close(network(rows, normalizer), network(normalizer(rows)))


def test_a_large_batch_passes_in_parts_with_the_same_features_and_gradients(monkeypatch):
    network, rows = encoder((9, 9, 3)), pixels(11, (9, 9, 3))
    results = []
    for images_in_a_part in (11, 4):
        monkeypatch.setattr(image_encoder, "_CHUNK_BYTES", images_in_a_part * 4 * network.floats)
        network.zero_grad()
        features = network(rows)
        features.square().sum().backward()
        results.append([features.detach(), *(parameter.grad.clone() for parameter in network.parameters())])
        with torch.no_grad():
            torch.testing.assert_close(network(rows), features)
    for whole, in_parts in zip(*results, strict=True):
        torch.testing.assert_close(in_parts, whole, rtol=1e-4, atol=1e-4)


def test_in_bfloat16_features_are_about_the_same():
    network, rows = encoder((15, 15, 3)), pixels(3, (15, 15, 3))
    features = network(rows, dtype=torch.bfloat16)
    assert features.dtype == torch.bfloat16
    torch.testing.assert_close(features.float(), network(rows), rtol=0.05, atol=0.02)


def test_auto_takes_convolutions_for_images_and_cnn_is_refused_without():
    assert encoded_shape("auto", (5, 5, 3)) == encoded_shape("cnn", (5, 5, 3)) == (5, 5, 3)
    assert encoded_shape("mlp", (5, 5, 3)) == encoded_shape("auto", ()) == encoded_shape("mlp", ()) == ()
    with pytest.raises(SettingError, match=r"encoder: 'cnn' is not possible.*flat vectors.*auto, mlp"):
        encoded_shape("cnn", ())
