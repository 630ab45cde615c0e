"""Training: a discrepancy head and a supervised contrastive loss over operating modes, on one thread, seeded."""

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mumetal.core.errors import BadInputError, UnavailableError
from mumetal.watch.training.examples import WIDTH, Group, by_channels
from mumetal.watch.training.network import CHANNEL, LAYERS, Weights, initial

if TYPE_CHECKING:
    from torch import Tensor

TEMPERATURE = 0.2
RATE, DECAY = 3e-3, 1e-3
BACKGROUNDS, ORDINARY, CHANGED = 8, 10, 10  # per batch, and windows of each
JITTER, SCALE = 0.02, 0.05  # within the noise: what may differ between two views of one mode
BEGUN = 0.1  # share of windows that begin with a repeated row, as the first rows of a stream do
SAY_EVERY = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to train.

    Args:
        seed: All randomness follows from it.
        steps: Batches.
        contrast: Weight of the contrastive loss beside the head's, ≥ 0.
    """

    seed: int
    steps: int = 1_500
    contrast: float = 0.2


def require_torch() -> None:
    """Raise unless PyTorch is installed.

    Raises:
        UnavailableError: It is not.
    """
    if importlib.util.find_spec("torch") is None:
        raise UnavailableError("PyTorch is not installed", hint="pip install 'mumetal[train]'")


def train(
    groups: Sequence[Group], plan: Plan, progress: Callable[[int, float], None] = lambda _step, _loss: None
) -> Weights:
    """Train the network.

    Args:
        groups: Windows to learn from.
        plan: How.
        progress: Told the step and the mean loss since it was last told.

    Returns:
        Weights as :func:`mumetal.watch.training.network.initial` names them.

    Raises:
        BadInputError: Nothing to learn from.
        UnavailableError: PyTorch is not installed.
    """
    require_torch()
    if not groups:
        raise BadInputError("there is nothing to learn from")
    import torch

    torch.set_num_threads(1)
    rng = np.random.default_rng(plan.seed)
    tensors = {k: torch.tensor(v, requires_grad=True) for k, v in initial(rng).items()}
    pool = by_channels(groups)
    counts = sorted(pool)
    odds = np.array([len(pool[c]) for c in counts]) / len(groups)
    optimiser = torch.optim.AdamW(list(tensors.values()), RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=plan.steps)
    lately: list[float] = []
    for step in range(1, plan.steps + 1):
        windows, changed, modes = batch(rng, pool[counts[int(rng.choice(len(counts), p=odds))]])
        head, embedding = forward(tensors, torch.from_numpy(windows))
        loss = torch.nn.functional.binary_cross_entropy_with_logits(head, torch.from_numpy(changed.astype(np.float32)))
        if plan.contrast > 0:
            loss = loss + plan.contrast * contrastive(embedding, torch.from_numpy(modes))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        lately.append(float(loss.detach()))
        if step % SAY_EVERY == 0 or step == plan.steps:
            progress(step, float(np.mean(lately)))
            lately.clear()
    return {k: v.detach().numpy().astype(np.float32) for k, v in tensors.items()}


def batch(
    rng: np.random.Generator, groups: Sequence[Group]
) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.int64]]:
    """Draw windows (b, C, 128, 2), whether each was changed (b,), and its mode (b,): negative for changed ones."""
    windows, changed, modes = [], [], []
    for index in range(BACKGROUNDS):
        one = groups[int(rng.integers(len(groups)))]
        good = rng.choice(len(one.ordinary), min(ORDINARY, len(one.ordinary)), replace=False)
        bad = rng.choice(len(one.changed), min(CHANGED, len(one.changed)), replace=False)
        windows += [one.ordinary[good], one.changed[bad]]
        changed += [np.zeros(good.size, bool), np.ones(bad.size, bool)]
        modes += [index * 1_000 + one.modes[good], np.full(bad.size, -1)]
    out = np.concatenate(windows).astype(np.float32)
    for i in np.flatnonzero(rng.random(len(out)) < BEGUN):
        first = int(rng.integers(0, WIDTH - 16))
        out[i, :, :, :first] = out[i, :, :, first : first + 1]
    out *= np.exp(SCALE * rng.normal(size=(*out.shape[:2], 1, 1))).astype(np.float32)
    out += (JITTER * rng.normal(size=out.shape)).astype(np.float32)
    return np.ascontiguousarray(out.transpose(0, 1, 3, 2)), np.concatenate(changed), np.concatenate(modes)


def forward(tensors: "dict[str, Tensor]", windows: "Tensor") -> "tuple[Tensor, Tensor]":
    """Return log-odds (b,) and embedding (b, k) of windows (b, C, 128, 2), as the ONNX file does."""
    import torch

    def layer(x: "Tensor", name: str) -> "Tensor":
        return torch.relu(x.reshape(-1, LAYERS[name][0]) @ tensors[f"{name}.w"] + tensors[f"{name}.b"])

    channel = layer(layer(layer(windows, "fine"), "coarse"), "channel")
    apart = (channel + layer(channel, "again")).reshape(windows.shape[0], windows.shape[1], CHANNEL)
    window = layer(torch.cat([apart.mean(1), apart.amax(1)], 1), "window")
    head = window @ tensors["head.w"] + tensors["head.b"]
    return head[:, 0], window @ tensors["embedding.w"] + tensors["embedding.b"]


def contrastive(embedding: "Tensor", modes: "Tensor") -> "Tensor":
    """Pull ordinary windows of one mode together, away from all others and from every changed one.

    Khosla et al. 2020, arXiv:2004.11362, with ordinary windows as anchors only: changed ones have nothing in common.
    """
    import torch

    unit = torch.nn.functional.normalize(embedding, dim=1)
    itself = torch.eye(len(unit), dtype=torch.bool)
    alike = (unit @ unit.T / TEMPERATURE).masked_fill(itself, -1e9)
    same = (modes[:, None] == modes[None, :]) & (modes[:, None] >= 0) & ~itself
    anchors = same.any(1)
    log_odds = alike - torch.logsumexp(alike, 1, keepdim=True)
    return -((log_odds * same).sum(1)[anchors] / same.sum(1)[anchors]).mean()
