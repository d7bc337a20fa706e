"""The divergences are those of the papers."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from sparse_mcu.search.network.stages.pruning.divergence import (
    THRESHOLD,
    log_alpha,
    log_uniform_divergence,
    normal_divergence,
)


def sampled(log_alphas: torch.Tensor) -> torch.Tensor:
    """The divergence from a log-uniform prior by its definition, up to a constant: E log|1 + sqrt(alpha) e| - ..."""
    noise = torch.randn(400_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return torch.stack([(1 + (a / 2).exp() * noise).abs().log().mean() - a / 2 for a in log_alphas.double()])


def test_the_approximation_is_close_to_what_sampling_gives() -> None:
    log_alphas = torch.linspace(-8, 8, 17)
    approximated = torch.stack([log_uniform_divergence(each) for each in log_alphas]).double()
    exact = sampled(log_alphas)
    assert (approximated - approximated[-1]) - (exact - exact[-1]) == pytest.approx(torch.zeros(17).numpy(), abs=0.03)


def test_noise_costs_nothing_and_certainty_half_a_nat_for_each_unit() -> None:
    assert float(log_uniform_divergence(torch.tensor([10.0, 10.0]))) == pytest.approx(0.0, abs=1e-4)
    sure, surer = (float(log_uniform_divergence(torch.tensor([each]))) for each in (-8.0, -9.0))
    assert surer - sure == pytest.approx(0.5, abs=0.01)


def test_the_divergence_from_a_normal_prior_is_exact() -> None:
    means, log_variance = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(1))
    ours = normal_divergence(means, log_variance)
    theirs = kl_divergence(Normal(means, (log_variance / 2).exp()), Normal(0.0, 1.0)).sum()
    assert float(ours) == pytest.approx(float(theirs), rel=1e-5)


def test_a_variance_of_20_squares_is_the_threshold() -> None:
    values = torch.tensor([0.5, -0.5])
    variance = values.square() * torch.tensor([20.0, 20.2])
    below, above = log_alpha(values, variance.log()).tolist()
    assert below < THRESHOLD < above
