"""Trains a small torch model under a budget of bytes: hard thresholding, then eight bits for each number.

Bonsai and ProtoNN both minimise a loss under limits on the non-zero numbers of each matrix, by gradient steps that are
each followed by a projection: all but the largest numbers become zero. That is iterative hard thresholding (Blumensath
and Davies, 2009). A matrix that is stored sparse is a list of entries of two bytes: the gap from the entry before, and
the number.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from sparse_mcu.search.baselines.fitted import FLOAT_BYTES, Fitted, Pixels, ProgressCallback, error_of, pixels_of
from sparse_mcu.search.data.dataset import Images, Labels, Split

EPOCHS = (12, 60)
"""The fewest and the most passes over the images; between them, as many as show 240,000 images."""
_SHOWN = 240_000
_BATCH = 128
_LARGEST_CODE = 127
_WIDEST_GAP = 256
_ENTRY_BYTES = 2
_RESERVE = 64
"""Bytes of a budget that are left for scales, and for entries that bridge wide gaps."""


class BudgetedModel(nn.Module, ABC):
    """A model whose matrices may each have a limited number of numbers that are not zero.

    Attributes:
        limits: The most non-zero numbers of each parameter, by its name.
    """

    limits: dict[str, int]

    @property
    @abstractmethod
    def ram_bytes(self) -> int:
        """Returns the bytes of the input and of the largest intermediate results."""

    @abstractmethod
    def loss(self, pixels: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Returns the mean loss of a batch."""

    def set_progress(self, share: float) -> None:
        """Tells the model which share of its training is done; most do not care."""


def numbers_within(budget: int, matrix: int) -> int:
    """Returns how many non-zero numbers of a matrix of `matrix` numbers take at most `budget` bytes.

    That is all of them if they fit as they are, at a byte each; otherwise those of a sparse list.
    """
    return matrix if matrix <= budget else min(matrix, max(0, budget) // _ENTRY_BYTES)


def stored_bytes(limit: int, matrix: int) -> int:
    """Returns the bytes that a matrix with at most `limit` non-zero numbers is planned to take."""
    return min(matrix, _ENTRY_BYTES * limit)


def share_out(budget: int, matrices: Mapping[str, int], parts: Mapping[str, float]) -> dict[str, int]:
    """Divides a budget of bytes among matrices; what one does not need, the next ones get.

    Args:
        budget: The bytes of all of them.
        matrices: The number of numbers of each, in the order in which they are served.
        parts: The largest share of the budget that each may take.

    Returns:
        The most non-zero numbers of each matrix.
    """
    left, limits = budget - _RESERVE, {}
    for name, matrix in matrices.items():
        limits[name] = numbers_within(min(left, int(parts[name] * budget)), matrix)
        left -= stored_bytes(limits[name], matrix)
    return limits


def hard_threshold(values: torch.Tensor, count: int) -> torch.Tensor:
    """Returns the `count` numbers of largest size; all others become zero."""
    if count >= values.numel():
        return values
    kept = torch.zeros(values.numel(), dtype=values.dtype, device=values.device)
    largest = values.abs().flatten().topk(count).indices
    kept[largest] = values.flatten()[largest]
    return kept.reshape(values.shape)


def train(model: BudgetedModel, data: Split, *, seed: int, learning_rate: float, on_progress: ProgressCallback) -> None:
    """Trains a model in three phases, as Kumar et al. (2017) do.

    In the first sixth of the epochs all numbers may change. Up to two thirds, each step ends with the hard threshold,
    whose limits fall to the model's own. In the rest, the numbers that are zero stay zero, and the others are trained
    on. Adam takes the steps; its learning rate falls along half a cosine.

    Args:
        model: The model.
        data: The training images.
        seed: The seed of the order of the images.
        learning_rate: That of the first step.
        on_progress: Called with the share that is done.
    """
    pixels, labels = torch.from_numpy(pixels_of(data.images)), torch.from_numpy(data.labels)
    optimiser = torch.optim.Adam(model.parameters(), lr=learning_rate)
    epochs = min(max(_SHOWN // len(labels), EPOCHS[0]), EPOCHS[1])
    dense, settled = epochs // 6, 2 * epochs // 3
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, epochs)
    generator = torch.Generator().manual_seed(seed)
    support: dict[str, torch.Tensor] = {}
    model.train()
    for epoch in range(epochs):
        model.set_progress(epoch / epochs)
        for batch in torch.split(torch.randperm(len(labels), generator=generator), _BATCH):
            optimiser.zero_grad()
            model.loss(pixels[batch], labels[batch]).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            if epoch >= settled:
                _keep(model, support)
            elif epoch >= dense:
                support = _threshold(model, (epoch + 1 - dense) / (settled - dense))
        schedule.step()
        on_progress((epoch + 1) / epochs)
    model.eval()


def _threshold(model: BudgetedModel, share: float) -> dict[str, torch.Tensor]:
    """Applies limits between the sizes of the matrices (share 0) and the model's own (share 1).

    Returns:
        Where each parameter is not zero.
    """
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            size, limit = parameter.numel(), model.limits[name]
            parameter.copy_(hard_threshold(parameter, limit + int((size - limit) * (1 - share) ** 3)))
    return {name: parameter != 0 for name, parameter in model.named_parameters()}


def _keep(model: BudgetedModel, support: Mapping[str, torch.Tensor]) -> None:
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.mul_(support[name])


def round_to_bytes(model: BudgetedModel) -> None:
    """Rounds each matrix to 255 levels: whole multiples, from -127 to 127, of one scale of its own."""
    with torch.no_grad():
        for parameter in model.parameters():
            scale = max(parameter.abs().flatten().tolist(), default=0.0) / _LARGEST_CODE
            if scale > 0:
                parameter.copy_((parameter / scale).round() * scale)


def matrix_bytes(values: npt.NDArray[np.generic]) -> int:
    """Returns the bytes of a matrix at a byte a number: as it is or sparse, whichever is less, and 4 for its scale.

    A sparse entry is a gap of 1 to 256 and a number. Entries of the number 0 bridge wider gaps.
    """
    if not values.size:
        return 0
    places = np.flatnonzero(values)
    gaps = np.diff(places, prepend=-1)
    entries = len(places) + int(((gaps - 1) // _WIDEST_GAP).sum())
    return min(values.size, _ENTRY_BYTES * entries) + FLOAT_BYTES


def fit_best(
    candidates: Mapping[str, BudgetedModel],
    train_part: Split,
    validation: Split,
    *,
    seed: int,
    learning_rate: float,
    on_progress: ProgressCallback,
) -> Fitted:
    """Trains all candidates, rounds them to bytes, and returns the one of least validation error.

    Args:
        candidates: The models with initial numbers, each with its description.
        train_part: The training images.
        validation: The images that choose.
        seed: The seed of the order of the images.
        learning_rate: That of the first step.
        on_progress: Called with the share that is done.
    """
    checked, errors = pixels_of(validation.images), {}
    for number, (setting, model) in enumerate(candidates.items()):
        before = number / len(candidates)
        train(
            model,
            train_part,
            seed=seed,
            learning_rate=learning_rate,
            on_progress=lambda share, before=before: on_progress(before + share / len(candidates)),  # type: ignore[misc]
        )
        round_to_bytes(model)
        errors[setting] = error_of(validation.labels, _classes(model, checked))
    best = min(errors, key=lambda setting: errors[setting])
    model = candidates[best]
    matrices = [parameter.detach().numpy() for parameter in model.parameters()]

    def predict(images: Images) -> Labels:
        return _classes(model, pixels_of(images))

    return Fitted(
        predict=predict,
        numbers=sum(int(np.count_nonzero(matrix)) for matrix in matrices),
        size_bytes=sum(map(matrix_bytes, matrices)),
        ram_bytes=model.ram_bytes,
        setting=best,
        trained_on=len(train_part.labels),
    )


def _classes(model: BudgetedModel, pixels: Pixels) -> Labels:
    with torch.no_grad():
        answers: Labels = model(torch.from_numpy(pixels)).argmax(dim=1).numpy()
    return answers
