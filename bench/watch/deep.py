"""The deep peer: a convolutional forecaster, the network that led published rankings of deep detectors on several channels.

DeepAnT (Munir et al. 2019, doi:10.1109/ACCESS.2018.2886457) with the settings of the TSB-AD ranking (Liu and
Paparrizos 2024) for several channels: 50 rows foretell the next one; two convolutions of 3 rows, 32 and
40 wide, each halved by its maximum; Adam at 0.0008, down to 3/4 every 5 epochs; at most 50 epochs of batches of 128, ended
by 3 epochs without gain on the last fifth of the history; the score is the mean squared error over channels. Written anew:
the ranking's own package does not allow numpy 2.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.watch.peers import Plain
from mumetal.watch.detectors.windowed import Trailing

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

Array = NDArray[np.float64]
PAST, BATCH, EPOCHS, PATIENCE = 50, 128, 50, 3
FIRST, SECOND, HALVED = 32, 40, 0.75
RATE, DROPPED, HELD = 8e-4, 0.25, 0.2
LEAST_GAIN = 1e-4
PIECE = 4_096


class ConvolutionalForecast(Plain):
    """Mean squared error of a convolutional forecast; needs PyTorch.

    Args:
        seed: Of the weights and the order of batches.
        epochs: At most.
    """

    def __init__(self, seed: int = 0, epochs: int = EPOCHS) -> None:
        self._seed, self._epochs = seed, epochs

    def learn(self, z: Array) -> None:
        """Train on four fifths of the history, stop by the last fifth, and keep the best epoch."""
        import torch

        torch.set_num_threads(1)
        generator = torch.Generator().manual_seed(self._seed)
        past, now = self._pairs(z)
        cut = int(len(past) * (1 - HELD))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._seed)
            self._network = _network(z.shape[1])
            optimiser = torch.optim.Adam(self._network.parameters(), RATE)
            schedule = torch.optim.lr_scheduler.StepLR(optimiser, 5, HALVED)
            best, since = np.inf, 0
            kept = {k: v.clone() for k, v in self._network.state_dict().items()}
            for _ in range(self._epochs):
                self._network.train()
                for part in torch.randperm(cut, generator=generator).split(BATCH):
                    loss = ((self._network(past[part]) - now[part]) ** 2).mean()
                    optimiser.zero_grad()
                    loss.backward()
                    optimiser.step()
                schedule.step()
                held = float(self._error(past[cut:], now[cut:]).mean())
                if held < best - LEAST_GAIN:
                    best, since = held, 0
                    kept = {k: v.clone() for k, v in self._network.state_dict().items()}
                else:
                    since += 1
                    if since >= PATIENCE:
                        break
            self._network.load_state_dict(kept)

    def rate(self, z: Array) -> Array:
        """Mean squared error of each row's forecast; before the first row stands the first row."""
        return self._error(*self._pairs(z))

    def _pairs(self, z: Array) -> "tuple[Tensor, Tensor]":
        import torch

        windows = torch.from_numpy(np.ascontiguousarray(Trailing(PAST + 1).push(z), np.float32))
        return windows[:, :, :-1], windows[:, :, -1]

    def _error(self, past: "Tensor", now: "Tensor") -> Array:
        import torch

        self._network.eval()
        with torch.no_grad():
            found = [
                ((self._network(past[i : i + PIECE]) - now[i : i + PIECE]) ** 2).mean(dim=1)
                for i in range(0, len(past), PIECE)
            ]
        return np.asarray(torch.cat(found).numpy(), np.float64)


def _network(channels: int) -> "Module":
    from torch import nn

    return nn.Sequential(
        nn.Conv1d(channels, FIRST, 3),
        nn.ReLU(),
        nn.MaxPool1d(2),
        nn.Conv1d(FIRST, SECOND, 3),
        nn.ReLU(),
        nn.MaxPool1d(2),
        nn.AdaptiveAvgPool1d(1),
        nn.Flatten(),
        nn.Linear(SECOND, SECOND),
        nn.ReLU(),
        nn.Dropout(DROPPED),
        nn.Linear(SECOND, channels),
    )
