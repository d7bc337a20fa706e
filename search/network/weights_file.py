"""Keeps the float weights of a trained network in a file, so that a morph of it can inherit them."""

from pathlib import Path

import torch

from sparse_mcu.search.network.module import Network
from sparse_mcu.search.space.configuration import Configuration
from sparse_mcu.search.space.space import build_architecture
from sparse_mcu.search.space.task import Task


def save_weights(network: Network, configuration: Configuration, path: Path) -> None:
    """Writes the weights and the statistics of a network, and the configuration that it was built from."""
    torch.save({"configuration": configuration.model_dump_json(), "network": network.state_dict()}, path)


def load_weights(path: Path, task: Task) -> Network:
    """Reads what `save_weights` wrote.

    Args:
        path: The file.
        task: The task for which the network was built.

    Returns:
        The network, in evaluation mode, on the CPU.
    """
    stored = torch.load(path, map_location="cpu", weights_only=True)
    network = Network(build_architecture(Configuration.model_validate_json(stored["configuration"]), task))
    network.load_state_dict(stored["network"])
    return network.eval()
