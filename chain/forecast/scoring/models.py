"""The form of what a forecaster puts on record about a model. Nothing here reads state."""

from __future__ import annotations

import re

from blockenergy.forecast.v1 import state_pb2

METRICS_MAX = 16
_HASH_BYTES = 32
_NAME = re.compile(r"[a-z0-9_-]{1,64}")
_METRIC = re.compile(r"[a-z0-9_]{1,32}")


def find_model_error(model: state_pb2.Model) -> str:
    """What is wrong with a model, in a few words; empty if nothing."""
    if _NAME.fullmatch(model.name) is None:
        return "a name has 1 to 64 lower case letters, digits, - and _"
    if len(model.model_hash) != _HASH_BYTES or len(model.data_hash) != _HASH_BYTES:
        return "a hash has 32 bytes"
    names = [metric.name for metric in model.metrics]
    if len(names) > METRICS_MAX or len(set(names)) != len(names):
        return f"at most {METRICS_MAX} metrics, each once"
    if any(_METRIC.fullmatch(name) is None for name in names):
        return "the name of a metric has 1 to 32 lower case letters, digits and _"
    return ""
