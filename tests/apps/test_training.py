"""Training: rows as they were first known, folds that do not leak, and a file that a strategy reads or refuses."""

import json

import numpy as np
import polars as pl
import pytest
import skops.io
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import FunctionTransformer

from apps.cli.main import app
from apps.garch_fit import fit
from apps.kept_run import KeptRun
from apps.replaying import Request, replayed
from apps.training import Asked, Rows, TrainingRefused, train, training_rows, walk_forward
from config.settings import SettingsError, read_settings
from domain.market import SECOND
from features.reference import UnknownFeature
from operators.model_file import Model, ModelRefused, read_model, sha256_of, write_model
from operators.strategies import model
from operators.strategy import params_of
from tests.operators.bits import bits

SPEC = "simulator:seed=7,instruments=2,days=1,ticks=24000"
READ = ("rsi_14", "roc_10", "adx_14")
MINUTE = 60 * SECOND


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("training") / "run"
    replayed(Request((SPEC,), None, None, None, 1, 4_096, None), folder)
    return KeptRun(folder)


@pytest.fixture(scope="module")
def trained(run, tmp_path_factory):
    target = tmp_path_factory.mktemp("models") / "first.skops"
    return target, train(run, Asked(READ, horizon=5, embargo=3, folds=3), target)


def test_rows_are_the_first_that_were_known_with_the_return_to_the_close_of_later(run):
    rows = training_rows(run, ("rsi_14",), 5)

    bars = run.rows("market.bars").filter(pl.col("interval") == 60, pl.col("version") == 0).collect()
    closes = {
        (str(name), int(at)): close
        for name, at, close in bars.select(
            "instrument", pl.col("event_at").cast(pl.Int64), "close"
        ).iter_rows()
    }
    first = run.rows("features").filter(pl.col("version") == 0).collect()
    held = {
        (str(name), int(at)): value
        for name, at, value in first.select(
            "instrument", pl.col("event_at").cast(pl.Int64), "rsi_14"
        ).iter_rows()
    }
    names = sorted({name for name, _ in closes})
    expected = []
    for at in np.unique(rows.close_at).tolist():
        for name in names:
            now, later = closes.get((name, at)), closes.get((name, at + 5 * MINUTE))
            value = held.get((name, at), np.nan)
            if now is not None and later is not None and np.isfinite([now, later, value]).all():
                expected.append((at, value, np.log(later / now)))
    got = list(zip(rows.close_at.tolist(), rows.inputs[:, 0].tolist(), rows.returns.tolist(), strict=True))
    within = [each for each in expected if each in got]
    assert len(got) > 200
    assert got == within
    assert len(expected) - len(got) <= 20  # those whose later close is outside the session
    assert (rows.ends_at - rows.close_at == 5 * MINUTE).all()


@pytest.mark.parametrize("embargo", [0, 3, 10])
def test_no_label_that_is_trained_on_reaches_into_what_is_tested(embargo):
    close_at = np.repeat(np.arange(100), 2) * MINUTE
    rows = Rows(np.zeros((200, 1)), np.zeros(200), close_at, close_at + 5 * MINUTE)

    folds = walk_forward(rows, 4, embargo * MINUTE)

    assert len(folds) == 4
    for trained, tested in folds:
        begin = rows.close_at[tested].min()
        assert rows.ends_at[trained].max() + embargo * MINUTE == begin
        assert len(np.intersect1d(trained, tested)) == 0
    joined = np.concatenate([tested for _, tested in folds])
    assert joined.tolist() == list(range(40, 200))


def test_a_report_tells_the_folds_and_stands_beside_the_model(trained):
    target, report = trained

    assert json.loads(target.with_suffix(".json").read_text()) == report
    assert report["features"] == ["rsi_14@1", "roc_10@1", "adx_14@1"]
    assert report["sha256"] == sha256_of(target)
    assert [set(fold) >= {"auc", "log_loss", "ic", "purged"} for fold in report["folds"]] == [True] * 3
    assert all(fold["purged"] > 0 for fold in report["folds"])
    assert 0.0 <= report["mean"]["auc"] <= 1.0


def opinion_of(target, inputs, **more):
    params = params_of("model", {"path": str(target), "sha256": sha256_of(target), **more})
    columns = dict(zip(model.features(params), inputs.T, strict=True))
    return model.score(params, columns)


def test_the_strategy_scores_the_probability_and_is_not_ready_where_an_input_is_missing(trained):
    target, _ = trained
    inputs = np.array([[50.0, 0.1, 20.0], [70.0, np.nan, 20.0], [30.0, -0.3, 40.0]])

    opinion = opinion_of(target, inputs, strength_full=2.0)

    estimator = read_model(str(target), sha256_of(target)).estimator
    expected = [(2 * estimator.predict_proba(row[None])[0, 1] - 1) / 2 for row in inputs[[0, 2]]]
    assert [opinion.score[0], opinion.score[2]] == expected
    assert np.isnan(opinion.score[1])
    assert opinion.gate.tolist() == [True, False, True]


def test_scores_do_not_depend_on_how_many_rows_come_together(trained):
    target, _ = trained
    inputs = np.random.default_rng(1).normal(size=(300, 3)) * [20, 1, 10] + [50, 0, 25]

    whole = opinion_of(target, inputs).score

    parts = [opinion_of(target, part).score for part in np.split(inputs, [1, 2, 50, 299])]
    assert bits(np.concatenate(parts)) == bits(whole)


def test_a_regressor_gives_its_prediction(tmp_path):
    inputs = np.arange(10.0)[:, None]
    target = tmp_path / "line.skops"
    write_model(target, Model(("rsi_14@1",), LinearRegression().fit(inputs, 2 * inputs[:, 0])))

    opinion = opinion_of(target, np.array([[0.25], [9.0]]), strength_full=1.0)

    np.testing.assert_allclose(opinion.score, [0.5, 1.0])


def test_a_model_trades_in_a_run_that_is_given_its_line(trained, tmp_path):
    target, report = trained
    params = f"{{path: {target}, sha256: {report['sha256'][:12]}, strength_full: 0.2}}"
    (tmp_path / "strategies.yaml").write_text(
        f"strategies: [{{name: trend, kind: model, enter: 0.3, params: {params}}}]"
    )

    summary = replayed(Request((SPEC,), None, None, None, 1, 4_096, tmp_path), tmp_path / "run")

    assert summary["counts"]["oms.orders"] > 0


def test_a_feature_that_is_not_there_or_of_another_version_keeps_the_desk_from_starting(tmp_path):
    estimator = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
    for number, (feature, words) in enumerate(
        [
            ("rsi_15@1", "no feature is named 'rsi_15'"),
            ("rsi_14@2", "made in version 1; version 2 was asked for"),
        ]
    ):
        folder = tmp_path / str(number)
        digest = write_model(folder / "m.skops", Model((feature,), estimator))
        line = f"{{name: m, kind: model, params: {{path: {folder / 'm.skops'}, sha256: {digest[:16]}}}}}"
        (folder / "strategies.yaml").write_text(f"strategies: [{line}]")
        with pytest.raises(SettingsError, match=words):
            read_settings(folder)


def test_a_file_that_is_not_the_one_that_was_named_or_holds_what_is_not_trusted_is_refused(trained, tmp_path):
    target, report = trained
    stranger, words = tmp_path / "stranger.skops", tmp_path / "words.skops"
    held = {"format": 1, "features": ["rsi_14@1"], "estimator": FunctionTransformer(func=json.dumps)}
    skops.io.dump(held, stranger)
    words.write_text("no archive")

    with pytest.raises(
        ModelRefused, match=f"has the SHA-256 {report['sha256']}; a model is named by 12 digits"
    ):
        read_model(str(target), "")
    with pytest.raises(ModelRefused, match="'0123456789ab' was given"):
        read_model(str(target), "0123456789ab")
    with pytest.raises(ModelRefused, match=r"holds types that are not trusted: json\.dumps"):
        read_model(str(stranger), sha256_of(stranger))
    with pytest.raises(ModelRefused, match="is no skops archive"):
        read_model(str(words), sha256_of(words))
    with pytest.raises(ModelRefused, match="cannot be read: No such file"):
        read_model(str(tmp_path / "none"), "0123456789ab")


@pytest.mark.parametrize(
    ("asked", "error", "words"),
    [
        (
            Asked(("RSI(7)",)),
            TrainingRefused,
            r"has no column 'RSI\(7\)'; list it under features\.indicators",
        ),
        (Asked(("rsi_15",)), UnknownFeature, "no feature is named 'rsi_15'; the nearest are rsi_14"),
        (
            Asked(READ, kind="deep"),
            TrainingRefused,
            "a model is logistic or boosting .* deep, 15, 15 and 4 were given",
        ),
        (Asked(READ, horizon=385), TrainingRefused, "a model needs at least 200: run longer"),
    ],
)
def test_what_cannot_be_trained_is_refused(run, tmp_path, asked, error, words):
    with pytest.raises(error, match=words):
        train(run, asked, tmp_path / "none.skops")


def test_garch_is_fitted_to_what_a_run_has_kept_and_names_a_feature(run):
    report = fit(run)

    assert set(report["instruments"]) <= {"ACMEX", "BOREA"}
    assert report["feature"] == f"garch({report['alpha']:.4g},{report['beta']:.4g})"
    assert 0 < report["alpha"] + report["beta"] < 1


def test_the_command_is_hung():
    from apps.cli import main  # noqa: PLC0415  the commands are hung when asked for

    main._register()
    assert "train" in {group.name for group in app.registered_groups}
