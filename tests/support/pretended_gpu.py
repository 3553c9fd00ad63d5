"""A GPU that is none: tensors stay on the CPU, but say that they are on a GPU, and what would mix the two is refused.

Everything is computed, so that what depends on numbers goes its way too. PyTorch's own FakeTensorMode has no numbers: it stops
where steps are packed by lengths, and PyTorch's CPU build (2.13) lets no modules be made on its GPU.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

GPU, CPU = torch.device("cuda", 0), torch.device("cpu")
_ROOT = Path(__file__).resolve().parents[2]
_CODE = (str(_ROOT / "rllib_remix"), str(_ROOT / "scripts"))

_TO_CPU = {"cpu", "numpy", "tolist", "item", "__bool__", "__int__", "__float__", "__index__"}
# The GPU has to say how large the result is, or what is in it, before the CPU can go on.
_SIZED_BY_NUMBERS = {"nonzero", "masked_select", "bincount", "unique", "equal", "argwhere"}
_TAKE_BOTH = {
    "copy_",
    "gru",
    "_has_compatible_shallow_copy_type",
}  # a GRU takes the sizes of its steps on the CPU


class PretendedGpu(TorchFunctionMode):
    """While it lasts, `device="cuda"` works; a storage is on the GPU or on the CPU, and so are all views of it.

    Attributes:
        waits: how often the CPU would have waited for the GPU, by file, function and what it called.
    """

    def __init__(self) -> None:
        super().__init__()
        self.waits: Counter[str] = Counter()
        # Kept, so that no other storage gets their place in memory.
        self._storages: dict[int, Any] = {}

    def is_on_gpu(self, tensor: Tensor) -> bool:
        """Whether it says so."""
        return tensor.untyped_storage().data_ptr() in self._storages

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        name = _name_of(func)
        tensors = list(_tensors_in((args, kwargs)))
        on_gpu = [tensor for tensor in tensors if self.is_on_gpu(tensor)]
        if name == "device.__get__":
            return GPU if on_gpu else CPU
        if name in ("is_cuda.__get__", "is_cpu.__get__"):
            return bool(on_gpu) == (name == "is_cuda.__get__")
        if name == "to":
            return self._move(func, args, kwargs)
        if name == "pin_memory":
            return self._page_locked(args[0])
        if name.endswith(".__set__"):
            return func(*args, **kwargs)
        self._note_wait(name, args, on_gpu)
        if name in _TO_CPU:
            if name == "numpy" and on_gpu:
                raise TypeError("can't convert a tensor of the GPU to numpy; use .cpu() first")
            result = func(*args, **kwargs)
            return result.clone() if isinstance(result, Tensor) and on_gpu else result
        if on_gpu and name not in _TAKE_BOTH:
            self._refuse_both(name, [each for each in tensors if not self.is_on_gpu(each)])
        wanted = kwargs.get("device")
        if wanted is not None and torch.device(wanted).type == "cuda":
            return self._marked(func(*args, **{**kwargs, "device": CPU}))
        result = func(*args, **kwargs)
        return self._marked(result) if on_gpu and wanted is None else result

    def _move(self, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """`Tensor.to`: to another place a copy, which is on it; a dtype alone leaves it where it is."""
        tensor, *others = args
        device = next(
            (torch.device(each) for each in (*others, kwargs.get("device")) if _is_device(each)), None
        )
        dtype = next((each for each in (*others, kwargs.get("dtype")) if isinstance(each, torch.dtype)), None)
        was_on_gpu = self.is_on_gpu(tensor)
        result = tensor if dtype is None else tensor.to(dtype)
        if device is None or (device.type == "cuda") == was_on_gpu:
            return self._marked(result) if was_on_gpu else result
        if device.type == "cuda":
            return self._marked(result.clone())
        self._note_wait("cpu", args, [tensor])
        return result.clone()

    def _page_locked(self, tensor: Tensor) -> Tensor:
        """As `Tensor.pin_memory`: a copy with the same strides, which cannot be if several entries are one number."""
        if self.is_on_gpu(tensor):
            raise RuntimeError("only memory of the CPU can be page-locked")
        size = 1 + sum((n - 1) * step for n, step in zip(tensor.shape, tensor.stride(), strict=True))
        storage = torch.empty(max(size, 0), dtype=tensor.dtype).untyped_storage()
        return (
            torch.empty(0, dtype=tensor.dtype).set_(storage, 0, tensor.shape, tensor.stride()).copy_(tensor)
        )

    def _marked(self, result: Any) -> Any:
        for tensor in _tensors_in(result):
            storage = tensor.untyped_storage()
            if storage.data_ptr():
                self._storages[storage.data_ptr()] = storage
        return result

    def _refuse_both(self, name: str, others: list[Tensor]) -> None:
        """A single number of the CPU goes with the GPU's tensors; nothing else does."""
        if any(each.dim() and each.numel() for each in others):
            raise RuntimeError(f"{name}: tensors of the GPU and of the CPU, at {_place()}")

    def _note_wait(self, name: str, args: Any, on_gpu: list[Tensor]) -> None:
        by_mask = name in ("__getitem__", "__setitem__") and any(
            each.dtype == torch.bool and each.dim() for each in _tensors_in(args[1])
        )
        if on_gpu and (name in _TO_CPU or name in _SIZED_BY_NUMBERS or by_mask):
            self.waits[f"{_place()} {name}"] += 1


def _name_of(func: Any) -> str:
    owner = getattr(func, "__self__", None)
    if func.__name__ in ("__get__", "__set__"):
        return f"{getattr(owner, '__name__', '')}.{func.__name__}"
    return func.__name__


def _is_device(value: Any) -> bool:
    return isinstance(value, (torch.device, str))


def _tensors_in(values: Any) -> Iterator[Tensor]:
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, Mapping):
        yield from _tensors_in(list(values.values()))
    elif isinstance(values, (list, tuple)):
        for value in values:
            yield from _tensors_in(value)


def _place() -> str:
    """The innermost function of this repository that is being called, without those of this file."""
    frame: Any = sys._getframe(1)
    while frame is not None and not frame.f_code.co_filename.startswith(_CODE):
        frame = frame.f_back
    if frame is None:
        return "?"
    return f"{Path(frame.f_code.co_filename).relative_to(_ROOT)}:{frame.f_code.co_qualname}"
