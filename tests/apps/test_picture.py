"""The README's picture is the flow as it is wired."""

import bytewax.operators as op
import pytest
from bytewax.dataflow import Dataflow
from bytewax.testing import TestingSink, TestingSource

from apps.picture import BEGIN, END, README, NoMarks, desk_flow, drawn, mermaid


def test_the_picture_of_the_readme_is_the_flow_of_the_code():
    page = README.read_text()

    assert page == drawn(page, mermaid(desk_flow())), "the README is not current; run: python -m apps.picture"


def test_every_step_is_drawn_with_the_shape_of_what_it_is_and_its_arrows():
    flow = Dataflow("small")
    numbers = op.input("numbers", flow, TestingSource([1]))
    keyed = op.key_on("keyed", numbers, str)
    counted = op.stateful_map("counted", keyed, lambda state, value: (state, value))
    op.output("kept", op.merge("both", keyed, counted), TestingSink([]))

    lines = mermaid(flow).splitlines()

    assert lines == [
        "flowchart LR",
        "    numbers([numbers])",
        "    keyed(keyed)",
        "    counted(counted)",
        "    both(both)",
        "    kept[(kept)]",
        "    numbers --> keyed",
        "    keyed --> counted",
        "    keyed --> both",
        "    counted --> both",
        "    both --> kept",
    ]


def test_only_what_stands_between_the_marks_is_drawn_anew():
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"

    once = drawn(page, "flowchart LR")

    assert once == f"before\n{BEGIN}\n```mermaid\nflowchart LR\n```\n{END}\nafter\n"
    assert drawn(once, "flowchart LR") == once


@pytest.mark.parametrize("page", ["nothing", BEGIN, f"{END} {BEGIN}", f"{BEGIN} {BEGIN} {END}"])
def test_a_page_without_its_marks_is_refused(page):
    with pytest.raises(NoMarks, match="once each"):
        drawn(page, "flowchart LR")
