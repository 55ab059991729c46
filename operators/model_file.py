"""A trained model as a file: a skops archive without pickle that names the features it reads, by name and version.

The archive holds a dictionary of `format`, `features` (`rsi_14@1`, in the order of the model's inputs) and `estimator`,
a scikit-learn classifier of two classes (1: the price rises) or a regressor. Types that skops does not trust by itself
are refused, so that opening a file runs no code of its maker.
"""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import skops.io

from domain.market import Float64

FORMAT = 1


class ModelRefused(ValueError):
    """A model file that is not there, not the one that was named, or not to be trusted."""


class Model(NamedTuple):
    """What a file holds: the features in the order of the inputs, and the estimator."""

    features: tuple[str, ...]
    estimator: Any

    def strengths(self, inputs: Float64) -> Float64:
        """Return what the model expects of inputs (rows, features): 2 p - 1 of a classifier, else its prediction.

        Missing where an input is. Rows are put to the model one by one: in blocks the last bit of an answer could
        depend on how many rows came together.
        """
        made = np.full(len(inputs), np.nan)
        classifies = hasattr(self.estimator, "predict_proba")
        for row in np.flatnonzero(np.isfinite(inputs).all(axis=1)):
            one = inputs[row : row + 1]
            made[row] = (
                2.0 * self.estimator.predict_proba(one)[0, -1] - 1.0
                if classifies
                else self.estimator.predict(one)[0]
            )
        return made


def sha256_of(path: str | Path) -> str:
    """Return the SHA-256 of a file; raises ModelRefused where it cannot be read."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError as error:
        raise ModelRefused(
            f"model file {path} cannot be read: {error.strerror}; make one with ita train model"
        ) from error


@cache
def read_model(path: str, sha256: str) -> Model:
    """Return the model of a file whose SHA-256 begins with `sha256`; raises ModelRefused."""
    found = sha256_of(path)
    if len(sha256) < 12 or not found.startswith(sha256.lower()):
        raise ModelRefused(
            f"model file {path} has the SHA-256 {found}; a model is named by 12 digits of it or more, "
            f"{sha256!r} was given"
        )
    held = _trusted(path)
    if not isinstance(held, dict) or held.get("format") != FORMAT or not held.get("features"):
        raise ModelRefused(f"model file {path} is not of format {FORMAT}; make one with ita train model")
    return Model(tuple(held["features"]), held["estimator"])


def _trusted(path: str) -> Any:
    """Return what an archive holds; raises ModelRefused where it holds more than skops trusts, or is none."""
    try:
        unknown = skops.io.get_untrusted_types(file=Path(path))
    except Exception as error:
        raise ModelRefused(f"model file {path} is no skops archive: {error}") from error
    if unknown:
        raise ModelRefused(
            f"model file {path} holds types that are not trusted: {', '.join(sorted(unknown))}"
        )
    try:
        return skops.io.load(Path(path), trusted=[])
    except Exception as error:
        raise ModelRefused(f"model file {path} is not of this version of scikit-learn: {error}") from error


def write_model(path: Path, model: Model) -> str:
    """Write a model, whole; return the SHA-256 of the file."""
    making = path.with_name(f".{path.name}.making")
    path.parent.mkdir(parents=True, exist_ok=True)
    skops.io.dump({"format": FORMAT, "features": list(model.features), "estimator": model.estimator}, making)
    making.replace(path)
    return sha256_of(path)
