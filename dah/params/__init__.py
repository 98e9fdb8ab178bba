"""The parameters of a run: ``params.yaml``, read and checked once, frozen afterwards.

``Params`` holds a section for each part of the pipeline.
"""

from dah.params.json_schema import defaults, json_schema, leaves
from dah.params.reading import load, parse
from dah.params.sections import (
    Adapt,
    Augment,
    Backbone,
    Dah,
    Params,
    PseudoLabels,
    Softmax,
    Train,
)
from dah.params.yaml_file import read_yaml

__all__ = [
    "Adapt",
    "Augment",
    "Backbone",
    "Dah",
    "Params",
    "PseudoLabels",
    "Softmax",
    "Train",
    "defaults",
    "json_schema",
    "leaves",
    "load",
    "parse",
    "read_yaml",
]
