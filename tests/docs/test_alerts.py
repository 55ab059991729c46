"""The alert rules are well-formed, ask for metrics that there are, and are explained to who is woken by them."""

import re
from pathlib import Path

import pytest
import yaml

from tests.docs.test_operations_page import PAGE, told_by_the_worker

FOLDER = Path(__file__).parents[2] / "infra" / "prometheus"
DURATION = re.compile(r"\d+[smhd]")
PARTS_OF_HISTOGRAMS = re.compile(r"_(bucket|count|sum)$")


def rules():
    (group,) = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    return group["rules"]


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_a_rule_has_a_name_an_expression_a_severity_and_says_what_to_do(rule):
    assert set(rule) - {"for"} == {"alert", "expr", "labels", "annotations"}
    assert re.fullmatch(r"[A-Z][A-Za-z]+", rule["alert"])
    assert rule["labels"]["severity"] in {"page", "warn"}
    assert set(rule["annotations"]) == {"summary", "action"}
    assert DURATION.fullmatch(rule.get("for", "0s"))
    assert rule["expr"].count("(") == rule["expr"].count(")")


def test_every_metric_that_a_rule_asks_for_is_told_by_the_worker():
    asked = {
        PARTS_OF_HISTOGRAMS.sub("", name)
        for rule in rules()
        for name in re.findall(r"\bita_\w+", rule["expr"])
    }

    assert asked
    assert asked <= told_by_the_worker()


def test_no_two_rules_have_one_name_and_the_page_explains_each_with_its_severity_and_no_other():
    named = {rule["alert"]: rule["labels"]["severity"] for rule in rules()}

    explained = re.findall(r"^\| `([A-Z]\w+)` \| (page|warn) \|", PAGE.read_text(), re.MULTILINE)

    assert len(named) == len(rules())
    assert dict(explained) == named
    assert len(explained) == len(named)


def test_prometheus_reads_the_rules():
    settings = yaml.safe_load((FOLDER / "prometheus.yml").read_text())

    assert settings["rule_files"] == ["alerts.yml"]
    assert {job["job_name"] for job in settings["scrape_configs"]} >= {"desk"}
