"""`ita train`: models and volatility processes from what a run has kept, for strategies to read."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Train what strategies read, on what a run has kept.")

Out = Annotated[Path, typer.Option(help="output folder of the run to train on")]
Target = Annotated[Path, typer.Option(help="model file to write; its report stands beside it as .json")]
Features = Annotated[str, typer.Option(help="features that the model reads, separated by semicolons")]
Horizon = Annotated[int, typer.Option(min=1, help="bars from a row to the close that it is judged by")]
Embargo = Annotated[
    int, typer.Option(min=0, help="bars left out between what is trained on and what is tested")
]
Folds = Annotated[int, typer.Option(min=2, help="stretches of time that are tested")]
Kind = Annotated[str, typer.Option(help="logistic or boosting")]
Interval = Annotated[int, typer.Option(min=1, help="seconds of the bars whose returns are fitted")]
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object")]


@app.command("model")
def model(
    out: Out,
    features: Features,
    target: Target = Path("model.skops"),
    horizon: Horizon = 15,
    embargo: Embargo = 15,
    folds: Folds = 4,
    kind: Kind = "logistic",
    json: AsJson = False,
) -> None:
    """Train a scikit-learn model that says whether the price rises, and test it on time that it has not seen.

    Example: ita train model --out out/demo --features 'rsi_14;roc_10;adx_14' --target models/first.skops
    """
    import msgspec

    from apps.cli.main import WrongUse
    from apps.kept_run import KeptRun
    from apps.training import Asked, TrainingRefused, train
    from connectors.feast.history import HistoryError
    from features.reference import UnknownFeature

    names = tuple(dict.fromkeys(part.strip() for part in features.split(";") if part.strip()))
    try:
        report = train(KeptRun(out), Asked(names, horizon, embargo, folds, kind), target)
    except (TrainingRefused, HistoryError, UnknownFeature) as failure:
        raise WrongUse(str(failure)) from failure
    if json:
        typer.echo(msgspec.json.encode(report).decode())
        return
    typer.echo(
        f"{report['rows']} rows, {report['rises']:.1%} of them rise; {target} and its report are written"
    )
    typer.echo("fold   trained  purged  tested    auc  accuracy  log loss  (base)      ic")
    for number, fold in enumerate(report["folds"], 1):
        typer.echo(
            f"{number:4}  {fold['trained']:8}  {fold['purged']:6}  {fold['tested']:6}  {fold['auc']:5.3f}"
            f"  {fold['accuracy']:8.3f}  {fold['log_loss']:8.4f}  {fold['base_log_loss']:6.4f}  {fold['ic']:+6.3f}"
        )
    typer.echo(
        f"strategies.yaml: {{name: model, kind: model, params: {{path: {target}, sha256: {report['sha256'][:12]}}}}}"
    )


@app.command("garch")
def garch(out: Out, interval: Interval = 60, json: AsJson = False) -> None:
    """Fit GARCH(1,1) to the bars of a run and print the feature that a strategy may read, filter or be sized by.

    Example: ita train garch --out out/demo
    """
    import msgspec

    from apps.cli.main import WrongUse
    from apps.garch_fit import fit
    from apps.kept_run import KeptRun
    from apps.training import TrainingRefused

    try:
        report = fit(KeptRun(out), interval)
    except TrainingRefused as failure:
        raise WrongUse(str(failure)) from failure
    if json:
        typer.echo(msgspec.json.encode(report).decode())
        return
    for name, each in report["instruments"].items():
        typer.echo(
            f"{name:12} alpha {each['alpha']:.4f}  beta {each['beta']:.4f}  of {each['returns']} returns"
            f"{'' if each['converged'] else ', not converged'}"
        )
    typer.echo(f"read it as {report['feature']}")
