"""Prices networks by their plans, and keeps the prices in a file, since plans take most of a comparison's time."""

import json
from pathlib import Path

from sparse_mcu.benchmarks.lines import Lines
from sparse_mcu.costmodel.devices import load_board
from sparse_mcu.search.evaluation.objectives import Objectives
from sparse_mcu.search.evaluation.pricing import Level, Price, Pricer
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.description import describe
from sparse_mcu.search.space.task import Task
from sparse_mcu.simulation.execution.target import Target
from sparse_mcu.simulation.firmware.options import DEFAULTS


class KeptPrices:
    """Prices configurations for a board. What a plan predicts counts as exact at the levels after it.

    Args:
        task: The shape of the images and the number of classes.
        board: The name of the board.
        path: The file of the prices, a line each. It is read if it exists, and grows. None keeps them in memory.
    """

    def __init__(self, task: Task, board: str, path: Path | None = None) -> None:
        self._pricer = Pricer(task, Target(load_board(board)), DEFAULTS)
        self._where, self._lines = f"{board} {'x'.join(map(str, task.shape))} {task.classes}", Lines(path)
        self._kept: dict[str, Price] = {}
        for line in self._lines.kept:
            self._keep(*json.loads(line))

    def __call__(self, configuration: Configuration, level: Level) -> Price:
        """Returns a price."""
        if level == "shape":
            return self._pricer.price(configuration, level)
        price = self._planned(configuration.model_copy(update={"augmentation": None}))
        if level == "plan":
            return price
        exact = {name: objective.value for name, objective in price.objectives.root.items()}
        return Price(level=level, least=exact, objectives=price.objectives)

    def _planned(self, configuration: Configuration) -> Price:
        text = describe(configuration)
        if text not in self._kept:
            price = self._pricer.price(configuration, "plan")
            line = [self._where, text, dict(price.least), price.objectives.model_dump(mode="json")]
            self._keep(*line)
            self._lines.append([json.dumps(line)])
        return self._kept[text]

    def _keep(self, where: str, text: str, least: dict[str, float], objectives: dict[str, object]) -> None:
        if where == self._where:
            read = Objectives.model_validate(objectives)
            self._kept[text] = Price(level="plan", least=least, objectives=read)
