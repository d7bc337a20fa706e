"""Imports what we use of botorch and gpytorch, without a deprecation warning that is not ours to mend.

linear_operator, which both depend on, calls torch.jit.script when it is imported. torch deprecates that function.
"""

import warnings

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message=".*torch.jit.script.*", category=DeprecationWarning)
    from botorch.acquisition.multi_objective import logei
    from botorch.acquisition.multi_objective.logei import qLogNoisyExpectedHypervolumeImprovement
    from botorch.models import SingleTaskGP
    from botorch.models.model_list_gp_regression import ModelListGP
    from botorch.sampling.normal import SobolQMCNormalSampler
    from gpytorch.kernels import Kernel, LinearKernel, MaternKernel, ScaleKernel
    from linear_operator.utils.warnings import NumericalWarning

# botorch would compile a C++ extension for this very processor when the acquisition is made. That takes half a minute,
# needs a compiler, and gives other last bits than its Python code. Our pools are small, so they gain nothing from it.
logei._load_attempted = True  # noqa: SLF001

__all__ = [
    "Kernel",
    "LinearKernel",
    "MaternKernel",
    "ModelListGP",
    "NumericalWarning",
    "ScaleKernel",
    "SingleTaskGP",
    "SobolQMCNormalSampler",
    "qLogNoisyExpectedHypervolumeImprovement",
]
