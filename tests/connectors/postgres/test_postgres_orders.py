"""Everything about orders is kept in PostgreSQL as it is in SQLite, and comes back as it was, to the last digit."""

import pytest

from apps.orders import KeptOrders
from apps.reconciling import reconcile
from connectors.postgres.journal import PostgresJournal
from connectors.postgres.sink import PostgresPartition
from connectors.relational.models import TABLES
from flows.stages import EXPOSURES
from tests.operators import lying_desk
from tests.operators.lying_desk import items, params, run

pytestmark = pytest.mark.served


def test_the_records_of_a_lying_venue_come_back_and_the_orders_stand_as_they_did(database):
    records = {topic: many for topic, many in run(params(), items()).items() if topic != EXPOSURES}
    writer = PostgresPartition(database.desk)
    for many in records.values():
        if many:
            writer.write_batch([list(many)])
    writer.close()

    with PostgresJournal(database.desk) as journal:
        for many in records.values():
            if many:
                kept = {each.record_id: each for each in journal.all(type(many[0]))}
                assert kept == {each.record_id: each for each in many}
        orders = KeptOrders(journal)
        lines = [orders.line(name) for name in orders.orders]
        done = reconcile(journal, None, lying_desk.TOLERANCE)

    assert len(lines) == len(records["oms.orders"])
    assert {type(many[0]) for many in records.values() if many} <= TABLES.keys()
    assert {each.kind for each in done.differences} <= {"amended_after_end"}
