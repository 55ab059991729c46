"""The published schemas are those of the code, and records that the code makes fit them."""

import json

import msgspec
import pyarrow as pa

from apps.schemas import FOLDER, publish, schemas
from connectors.lake.schemas import DECISIONS, MARKET, MARKET_RECORDS, market_schema
from domain.decisions import Check, Outcome, Verdict, VerdictKind
from features.catalogue import CATALOGUE


def definition(topic: str, name: str):
    return json.loads(schemas()[f"{topic}.json"])["$defs"][name]


def test_the_published_schemas_are_those_of_the_code():
    published = {path.name: path.read_text() for path in FOLDER.glob("*.json")}

    assert published == schemas(), "docs/schemas is not current; run: python -m apps.schemas"


def test_every_topic_has_a_schema_and_no_other_name_does():
    named = {name.removesuffix(".json") for name in schemas()}

    assert named == {*DECISIONS, *MARKET, *MARKET_RECORDS, "quarantine.stage"}


def test_every_feature_of_the_catalogue_is_a_column_with_its_meaning():
    columns = {column["name"]: column for column in json.loads(schemas()["features.json"])["columns"]}

    told = {line.name: columns[line.name]["meaning"] for line in CATALOGUE}

    assert told == {line.name: line.meaning for line in CATALOGUE}


def test_columns_stand_in_the_order_of_the_lake():
    told = {
        topic: [column["name"] for column in json.loads(schemas()[f"{topic}.json"])["columns"]]
        for topic in MARKET
    }

    names = tuple(line.name for line in CATALOGUE)
    assert told == {
        topic: market_schema(topic, names if topic == "features" else ()).names for topic in MARKET
    }


def test_the_type_of_a_column_is_that_of_the_lake():
    columns = json.loads(schemas()["market.bars.json"])["columns"]

    told = {column["name"]: column["type"] for column in columns}

    assert (told["open"], told["instrument"]) == (str(pa.float64()), str(pa.string()))
    assert told["close_at"] == "timestamp[ns, tz=UTC]"


def test_a_record_has_the_fields_that_its_schema_asks_for():
    verdict = Verdict(
        event_at=1,
        known_at=1,
        received_at=1,
        source="compliance",
        sequence=1,
        record_id="a",
        decision_id="a",
        cl_ord_id="b",
        account="main",
        strategy="trend",
        symbol="ACMEX",
        kind=VerdictKind.REFUSED,
        checks=(Check(check="PT-13", code="PRICE_COLLAR", outcome=Outcome.REJECT, measured=6.0, limit=5.0),),
        codes=("PRICE_COLLAR",),
        limits_version="1",
    )

    written = json.loads(msgspec.json.encode(verdict))

    wanted = definition("verdicts", "Verdict")
    assert set(wanted["required"]) <= set(written) == set(wanted["properties"])


def test_publishing_takes_away_the_schema_of_a_topic_that_is_no_more(tmp_path):
    (tmp_path / "gone.json").write_text("{}")

    publish(tmp_path)

    assert {path.name for path in tmp_path.iterdir()} == set(schemas())
