"""What Feast is told of the features: one entity, one source, one view with a field for each catalogue line.

    objects = declarations()
    store.apply(objects)

Importing Feast takes seconds, so it happens when a declaration is asked for. Paths are relative to the folder that
holds `feature_store.yaml`: a run's folder can be moved.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from features.catalogue import CATALOGUE

VIEW = "bar_features"
ROWS_PATH = "../lake/features"


def declarations(features: Sequence[Any] = CATALOGUE, rows_path: str = ROWS_PATH) -> tuple[Any, Any, Any]:
    """Return entity `instrument`, source `bar_feature_rows` and view `bar_features` of lines of the catalogue.

    The source reads topic `features` of the lake at `rows_path`: `event_at` is Feast's event timestamp and
    `known_at` its created timestamp. Beside the features the view has `sequence` (event time in ns) and `version`
    of the row, which order the rows of an instrument exactly. Nothing expires (`ttl` 0): how old a row may be is
    for its reader to say, because a replay's rows are old by any wall clock.
    """
    from feast import Entity, FeatureView, Field, FileSource, ValueType  # noqa: PLC0415  see above
    from feast.types import Float64, Int32, Int64  # noqa: PLC0415

    instrument = Entity(
        name="instrument",
        join_keys=["instrument"],
        value_type=ValueType.STRING,
        description="a tradable instrument, by its name in the universe",
    )
    rows = FileSource(
        name="bar_feature_rows",
        path=rows_path,
        timestamp_field="event_timestamp",
        created_timestamp_column="created",
        field_mapping={"event_at": "event_timestamp", "known_at": "created"},
        description="topic `features` of the lake: every version of every row",
    )
    fields = [
        Field(name=line.name, dtype=Float64, description=line.meaning, tags=_tags(line)) for line in features
    ]
    fields.append(Field(name="sequence", dtype=Int64, description="event time of the row, ns UTC"))
    fields.append(Field(name="version", dtype=Int32, description="0 at first, one more with each revision"))
    view = FeatureView(
        name=VIEW,
        entities=[instrument],
        ttl=timedelta(0),
        schema=fields,
        source=rows,
        online=True,
        description="features at the close of minute bars",
        tags={"interval_seconds": "60"},
    )
    return instrument, rows, view


def _tags(line: Any) -> dict[str, str]:
    """Return what a field says of its feature beside its meaning."""
    return {
        "unit": line.unit,
        "version": str(line.version),
        "warm_up_bars": str(line.warm_up),
        "source": line.source,
    }
