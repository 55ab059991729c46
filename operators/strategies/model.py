"""Model: what a trained scikit-learn model expects, made by `ita train model` of the features that its file names."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from domain.market import Float64
from operators.model_file import read_model
from operators.strategy import Opinion


@dataclass(frozen=True)
class Params:
    """The model file, the SHA-256 that it must have (12 digits or more), and the expectation that is a full score.

    `strength_full` is of 2 p - 1 of a classifier (0.1: a probability of 55 %), of the prediction of a regressor.
    """

    path: str = ""
    sha256: str = ""
    strength_full: float = 0.1

    def __post_init__(self) -> None:
        """Refuse a file that is not the one that was named, and a strength that divides by nothing."""
        if not self.strength_full > 0:
            raise ValueError(f"model needs strength_full above 0; {self.strength_full} was given")
        read_model(self.path, self.sha256)


def features(params: Params) -> tuple[str, ...]:
    """Return the features that the model reads, by name and version."""
    return read_model(params.path, params.sha256).features


def score(params: Params, columns: Mapping[str, Float64]) -> Opinion:
    """Return the model's expectation in [-1, 1] for each row; the gate is open where it has one."""
    model = read_model(params.path, params.sha256)
    inputs = np.stack([columns[name] for name in model.features], axis=1)
    scores = np.clip(model.strengths(inputs) / params.strength_full, -1.0, 1.0)
    return Opinion(scores, ~np.isnan(scores))
