"""Scenarios of a desk: each instrument by its own column, and one without by its beta with the others."""

import numpy as np
import pytest

from apps.risk_scenarios import scenarios_of
from config.settings import SettingsError, read_settings
from domain.instruments import Instrument, Universe


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "base.yaml").write_text("risk: {scenarios: r.csv, var_confidence: 0.95}\n")
    (tmp_path / "r.csv").write_text("date,AA,BB\n2024-01-01,0.01,0.03\n2024-01-02,-0.02,0.04\n")
    return read_settings(tmp_path)


def test_an_instrument_without_a_column_moves_with_the_mean_of_the_others(settings):
    universe = Universe(tuple(Instrument(name=name, beta=2.0) for name in ("AA", "BB", "CC")))

    given = scenarios_of(settings, universe)

    assert given.returns == pytest.approx(np.array([[0.01, -0.02], [0.03, 0.04], [0.04, 0.02]]))
    assert (given.var_confidence, given.es_confidence) == (0.95, 0.975)


def test_a_file_that_knows_no_instrument_is_refused_and_no_file_is_none(settings):
    with pytest.raises(SettingsError, match="has no column of an instrument of this run, such as ZZ"):
        scenarios_of(settings, Universe((Instrument(name="ZZ"),)))
    assert scenarios_of(read_settings(), Universe((Instrument(name="ZZ"),))) is None


def test_stress_scenarios_move_every_instrument_by_its_beta_and_sector(settings):
    tmp_path = settings.folder
    rows = "scenarios: [{name: crash, equity: -0.2, sectors: {tech: -0.1}}]\nhypothetical: {equity: [-0.3]}\n"
    (tmp_path / "s.yaml").write_text(rows)
    (tmp_path / "base.yaml").write_text("risk: {scenarios: r.csv, stress: s.yaml}\n")
    universe = Universe((Instrument(name="AA", beta=2.0), Instrument(name="BB", sector="tech")))

    given = scenarios_of(read_settings(tmp_path), universe).stress

    assert {name: moves.tolist() for name, moves in given.items()} == {
        "crash": pytest.approx([-0.4, -0.3]),
        "equity -30%": pytest.approx([-0.6, -0.3]),
    }


def test_stress_without_returns_is_refused(tmp_path):
    (tmp_path / "base.yaml").write_text("risk: {stress: stress.yaml}\n")

    with pytest.raises(SettingsError, match=r"needs risk\.scenarios"):
        scenarios_of(read_settings(tmp_path), Universe((Instrument(name="AA"),)))
