"""Stand-ins for RLlib's bases of modules and learners, and for its batches: one learner, one module, on one device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gpu.without_ray.metrics import MetricsLogger
from gpu.without_ray.settings import DEFAULT_MODULE_ID, Scheduler, set_seeds

ALL_MODULES, DEFAULT_OPTIMIZER = "__all_modules__", "default_optimizer"


class SampleBatch(dict[str, Any]):
    """Tensors by name."""


class MultiAgentBatch:
    """Batches by module."""

    def __init__(self, policy_batches: dict[str, Any], env_steps: int):
        self.policy_batches, self.count = policy_batches, env_steps

    def __getitem__(self, module_id: str) -> Any:
        return self.policy_batches[module_id]

    def env_steps(self) -> int:
        """Of all episodes."""
        return self.count


def convert_to_torch_tensor(values: Any, device: Any = None, *, pin_memory: bool = False) -> Any:
    """Arrays, numbers and tensors in nested dictionaries as tensors on the device; float64 becomes float32.

    A GPU copies from page-locked memory while the CPU goes on.
    """
    if isinstance(values, Mapping):
        return {
            name: convert_to_torch_tensor(each, device, pin_memory=pin_memory)
            for name, each in values.items()
        }
    tensor = torch.as_tensor(values)
    tensor = tensor.float() if tensor.is_floating_point() else tensor
    is_for_gpu = device is not None and torch.device(device).type == "cuda"
    if is_for_gpu and pin_memory and tensor.device.type == "cpu":
        tensor = tensor.pin_memory()
    return tensor.to(device or "cpu", non_blocking=is_for_gpu)


class TorchRLModule(nn.Module):
    """A module that knows its spaces and its settings; a subclass makes its networks in `setup`."""

    def __init__(
        self, *, observation_space: Any, action_space: Any, inference_only: bool, model_config: dict[str, Any]
    ):
        super().__init__()
        self.observation_space, self.action_space = observation_space, action_space
        self.inference_only, self.model_config = inference_only, model_config
        self.setup()

    def setup(self) -> None:
        """Makes the networks."""
        raise NotImplementedError

    def forward_train(self, batch: dict[str, Any]) -> dict[str, Any]:
        """What the loss needs of a batch."""
        self.train()
        return self._forward_train(batch)  # type: ignore[attr-defined]

    def unwrapped(self) -> Any:
        """Itself."""
        return self

    def get_state(self, *, inference_only: bool = False) -> dict[str, np.ndarray]:
        """Weights and buffers by name; those of acting alone, if these are asked for."""
        state = self.state_dict()
        if inference_only:
            others = tuple(f"{name}." for name in self.get_non_inference_attributes())  # type: ignore[attr-defined]
            state = {name: value for name, value in state.items() if not name.startswith(others)}
        return {name: value.cpu().numpy().copy() for name, value in state.items()}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Takes over what `get_state` of the same module gave, or of one with more networks."""
        self.load_state_dict(convert_to_torch_tensor(state), strict=not self.inference_only)


@dataclass
class RLModuleSpec:
    """What a module is made from."""

    module_class: Any
    model_config: dict[str, Any] = field(default_factory=dict)
    observation_space: Any = None
    action_space: Any = None
    inference_only: bool = False

    def build(self) -> Any:
        """The module."""
        return self.module_class(
            observation_space=self.observation_space,
            action_space=self.action_space,
            inference_only=self.inference_only,
            model_config=self.model_config,
        )


class TorchLearner:
    """One update: forward pass, losses, gradients, their clipping by norm, a step of every optimizer, learning rates."""

    def __init__(self, *, config: Any, module_spec: RLModuleSpec):
        self.config = config.copy(copy_frozen=False)
        set_seeds(self.config.seed)
        self.metrics = MetricsLogger()
        self._module_spec, self._weights_seq_no = module_spec, 0
        self._module: dict[str, Any] | None = None
        self._named_optimizers: dict[str, torch.optim.Optimizer] = {}
        self._weights: dict[str, list[nn.Parameter]] = {}
        self._rates: dict[str, Scheduler] = {}

    @property
    def module(self) -> Any:
        """The modules by their ids; there is one."""
        return self._module

    def build(self) -> None:
        """Makes the module, on the device that is set, and its optimizers."""
        index = self.config.local_gpu_idx
        self._device = (
            torch.device("cuda", index) if self.config.num_gpus_per_learner else torch.device("cpu")
        )
        self._module = {DEFAULT_MODULE_ID: self._module_spec.build().to(self._device)}
        self.configure_optimizers_for_module(DEFAULT_MODULE_ID, config=self.config)

    def get_parameters(self, module: nn.Module) -> list[nn.Parameter]:
        """All weights of the module."""
        return list(module.parameters())

    def configure_optimizers_for_module(self, module_id: str, config: Any = None) -> None:
        """Registers the optimizers."""
        raise NotImplementedError

    def register_optimizer(
        self,
        *,
        module_id: str,
        optimizer_name: str = DEFAULT_OPTIMIZER,
        optimizer: torch.optim.Optimizer,
        params: Any,
        lr_or_lr_schedule: Any,
    ) -> None:
        """Takes an optimizer, the weights that it steps, and its learning rate."""
        name = f"{module_id}_{optimizer_name}"
        self._named_optimizers[name], self._weights[name] = optimizer, list(params)
        self._rates[name] = Scheduler(lr_or_lr_schedule)
        _set_rate(optimizer, self._rates[name].get_current_value())

    def get_optimizers_for_module(self, module_id: str) -> list[tuple[str, torch.optim.Optimizer]]:
        """Its optimizers with their names."""
        return [(name.removeprefix(f"{module_id}_"), each) for name, each in self._named_optimizers.items()]

    def filter_param_dict_for_optimizer(self, gradients: dict[Any, Any], optimizer: Any) -> dict[Any, Any]:
        """Those of the weights that the optimizer steps, if they have one."""
        name = next(name for name, each in self._named_optimizers.items() if each is optimizer)
        return {each: gradients[each] for each in self._weights[name] if gradients.get(each) is not None}

    # The update

    def update(self, batch: MultiAgentBatch, *, timesteps: dict[str, Any] | None = None) -> dict[str, Any]:
        """Learns a batch; returns what was logged."""
        timesteps = timesteps or {}
        self.before_gradient_based_update(timesteps=timesteps)
        tensors = [each for part in batch.policy_batches.values() for each in part.values()]
        if any(tensor.device != self._device for tensor in tensors):
            batch = self._convert_batch_type(batch)
        self._weights_seq_no += 1
        _, losses, _ = self._uncompiled_update(batch.policy_batches)
        self._log_steps_trained_metrics(batch)
        for module_id, loss in losses.items():
            self.metrics.log_value((module_id, "total_loss"), loss, window=1)
        self.after_gradient_based_update(timesteps=timesteps)
        return self.metrics.reduce()

    def _convert_batch_type(self, batch: MultiAgentBatch, *, pin_memory: bool = False) -> MultiAgentBatch:
        moved = convert_to_torch_tensor(batch.policy_batches, self._device, pin_memory=pin_memory)
        return MultiAgentBatch(moved, env_steps=batch.env_steps())

    def _uncompiled_update(
        self, batch: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Tensor], dict[str, Any]]:
        of_modules = {name: self.module[name].forward_train(batch[name]) for name in batch}
        losses = {
            name: self.compute_loss_for_module(
                module_id=name, config=self.config, batch=batch[name], fwd_out=fwd_out
            )  # type: ignore[attr-defined]
            for name, fwd_out in of_modules.items()
        }
        self.apply_gradients(self.postprocess_gradients(self.compute_gradients(losses)))
        return of_modules, losses, {}

    def compute_gradients(self, losses: dict[str, Tensor]) -> dict[Any, Any]:
        """The gradient of every weight, None where the loss has none."""
        for optimizer in self._named_optimizers.values():
            optimizer.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()
        return {weight: weight.grad for weights in self._weights.values() for weight in weights}

    def postprocess_gradients(self, gradients: dict[Any, Any]) -> dict[Any, Any]:
        """Clips and logs them."""
        return self.postprocess_gradients_for_module(
            module_id=DEFAULT_MODULE_ID, config=self.config, module_gradients_dict=gradients
        )

    def postprocess_gradients_for_module(
        self, *, module_id: str, config: Any = None, module_gradients_dict: dict[Any, Any]
    ) -> dict[Any, Any]:
        """Clips those of every optimizer by their norm."""
        if config.grad_clip is None:
            return module_gradients_dict
        if config.grad_clip_by != "global_norm":
            raise NotImplementedError(
                f"grad_clip_by: {config.grad_clip_by!r}; without Ray there is 'global_norm' alone."
            )
        clipped: dict[Any, Any] = {}
        for name, optimizer in self.get_optimizers_for_module(module_id):
            own = self.filter_param_dict_for_optimizer(module_gradients_dict, optimizer)
            norm = torch.stack([gradient.norm() for gradient in own.values()]).norm()
            share = (config.grad_clip / (norm + 1e-6).clamp(min=config.grad_clip)).clamp(max=1.0)
            for gradient in own.values():
                gradient.mul_(share)
            self.metrics.log_value((module_id, f"gradients_{name}_global_norm"), norm, window=1)
            clipped |= own
        return clipped

    def apply_gradients(self, gradients_dict: dict[Any, Any]) -> None:
        """Steps every optimizer with them."""
        for weight, gradient in gradients_dict.items():
            weight.grad = gradient
        for optimizer in self._named_optimizers.values():
            optimizer.step()

    def before_gradient_based_update(self, *, timesteps: dict[str, Any]) -> None:
        """For subclasses."""

    def after_gradient_based_update(self, *, timesteps: dict[str, Any]) -> None:
        """Sets the learning rates of the next update."""
        for name, optimizer in self._named_optimizers.items():
            rate = self._rates[name].update(timesteps.get("num_env_steps_sampled_lifetime", 0))
            _set_rate(optimizer, rate)
            self.metrics.log_value(
                (DEFAULT_MODULE_ID, f"{name.removeprefix(DEFAULT_MODULE_ID + '_')}_learning_rate"), rate
            )

    def _log_steps_trained_metrics(self, batch: MultiAgentBatch) -> None:
        """For subclasses."""


def _set_rate(optimizer: torch.optim.Optimizer, rate: Any) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate
