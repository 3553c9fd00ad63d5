"""A small convolutional network: from images, kept as flat rows of numbers, to the features that agents read."""

from __future__ import annotations

import math
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from rllib_remix.errors import SettingError
from rllib_remix.models.normalizer import RunningNormalizer

ENCODERS = ("auto", "mlp", "cnn")

_CHANNELS = (16, 32, 32)
_SIDE = 7  # that every axis comes near to
_MOST_CHANNELS = 4  # of a first axis that holds channels
_CHUNK_BYTES = 2**27  # of float32 that one part of a batch takes on its way


class Images(NamedTuple):
    """Images of many agents and steps, and how they are scaled."""

    pixels: Tensor  # [R, O], any real dtype, as the environment shows them
    normalizer: RunningNormalizer | None  # without one uint8 is divided by 255, and others stay as they are


def encoded_shape(encoder: str, obs_shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of the images that convolutions encode; () if observations are read as flat vectors.

    Args:
        encoder: the setting, one of ENCODERS.
        obs_shape: of a TeamSpec.

    Raises:
        SettingError: "cnn" without images.
    """
    if encoder == "cnn" and not obs_shape:
        raise SettingError(
            "encoder: 'cnn' is not possible, as the agents see flat vectors, no images (H, W, C); allowed: auto, mlp. "
            "An environment shows images if all agents have the same three-dimensional Box, or by `obs_shape`."
        )
    return () if encoder == "mlp" else tuple(obs_shape)


def channels_are_first(shape: tuple[int, ...]) -> bool:
    """Whether an image is (C, H, W): its first axis is 4 at most and its last is more. Otherwise it is (H, W, C)."""
    return shape[0] <= _MOST_CHANNELS < shape[2]


class ImageEncoder(nn.Module):
    """Three convolutions with 16, 32 and 32 channels, with a ReLU after each; their output is flat.

    Each axis is halved as often as brings it nearest to 7, log2(side / 7) rounded; earlier layers halve more. A kernel
    is twice as wide as its stride, 3 where that is 1. Along one axis:

    ====== ============ ============ ===========
    pixels kernels      strides      then
    ====== ============ ============ ===========
    7      3, 3, 3      1, 1, 1      7
    15     4, 3, 3      2, 1, 1      7
    84     8, 4, 4      4, 2, 2      5
    120    8, 4, 4      4, 2, 2      7
    457    8, 8, 8      4, 4, 4      7
    ====== ============ ============ ===========

    So 84×84×3 gives 5·5·32 = 800 features, and nothing more than 9·9·32 = 2,592. The first layers are those of Mnih et
    al. 2013 (8×8 with stride 4, 4×4 with stride 2; 16 and 32 channels), whose input is of that size. Weights begin as in
    He et al. 2015.

    Large batches pass in parts, and what a backward pass needs is computed anew for each, so that memory is bounded.

    Args:
        shape: of an image, (H, W, C), or (C, H, W) as `channels_are_first` tells.

    Attributes:
        features: F, numbers that come out.
    """

    def __init__(self, shape: tuple[int, ...]):
        super().__init__()
        self.shape, self._channels_first = tuple(shape), channels_are_first(shape)
        channels = shape[0] if self._channels_first else shape[2]
        sides = list(shape[1:] if self._channels_first else shape[:2])
        strides = list(zip(*map(_strides, sides), strict=True))
        self.convolutions = nn.ModuleList()
        self.floats = math.prod(shape)  # of one image, on its way through all layers
        for out, stride in zip(_CHANNELS, strides, strict=True):
            (down, right) = stride
            kernel, padding = (max(3, 2 * down), max(3, 2 * right)), (max(1, down // 2), max(1, right // 2))
            layer = nn.Conv2d(channels, out, kernel, stride, padding)
            # PyTorch's own beginning lets what differs between images fade from layer to layer.
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(cast(Tensor, layer.bias))
            self.convolutions.append(layer)
            sides = [side // step for side, step in zip(sides, stride, strict=True)]
            channels = out
            self.floats += out * math.prod(sides)
        self.features = channels * math.prod(sides)

    def forward(
        self, pixels: Tensor, normalizer: RunningNormalizer | None = None, dtype: torch.dtype = torch.float32
    ) -> Tensor:
        """[R, O] of any real dtype → [R, F] of `dtype`, float32 or bfloat16, in which it computes."""
        chunks = pixels.split(max(1, _CHUNK_BYTES // (4 * self.floats)))
        if len(chunks) == 1:
            return self._encode(pixels, normalizer, dtype)
        if not torch.is_grad_enabled():
            return torch.cat([self._encode(chunk, normalizer, dtype) for chunk in chunks])
        encoded = [
            checkpoint(self._encode, chunk, normalizer, dtype, use_reentrant=False, preserve_rng_state=False)
            for chunk in chunks
        ]
        return torch.cat(cast(list[Tensor], encoded))

    def _encode(self, pixels: Tensor, normalizer: RunningNormalizer | None, dtype: torch.dtype) -> Tensor:
        if normalizer is not None:
            scaled = normalizer(pixels)
        else:
            scaled = pixels.float() / 255 if pixels.dtype == torch.uint8 else pixels
        images = scaled.to(dtype).unflatten(-1, self.shape)
        if not self._channels_first:
            images = images.permute(0, 3, 1, 2)
        for layer in cast("list[nn.Conv2d]", self.convolutions):
            weight, bias = layer.weight.to(dtype), cast(Tensor, layer.bias).to(dtype)
            stride, padding = cast(tuple[int, int], layer.stride), cast(tuple[int, int], layer.padding)
            images = torch.relu(functional.conv2d(images, weight, bias, stride, padding))
        return images.flatten(1)


def _strides(side: int) -> list[int]:
    """Of the three layers along an axis: 2 to the power of its share of the halvings, the first layers' being larger."""
    halvings, layers = max(0, round(math.log2(side / _SIDE))), len(_CHANNELS)
    return [2 ** len(range(layer, halvings, layers)) for layer in range(layers)]
