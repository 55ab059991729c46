"""Answers as plain values whose equality is equality to the last bit; padding between fields does not count."""

from typing import Any

import numpy as np


def bits(value: Any) -> Any:
    """Return arrays as bytes by field, collections of them item by item, and anything else as it is."""
    if isinstance(value, np.ndarray) and value.dtype.names:
        return [(name, bits(value[name])) for name in value.dtype.names]
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.shape, np.ascontiguousarray(value).tobytes())
    if isinstance(value, (tuple, list)):
        return [bits(item) for item in value]
    if isinstance(value, dict):
        return {name: bits(item) for name, item in value.items()}
    return value
