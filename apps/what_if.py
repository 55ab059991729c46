"""What if the limits or rules had been others: a run replayed as it was, its intents judged by others as well."""

import copy
import shutil
import tempfile
from pathlib import Path
from typing import Any

from apps.assembly import assemble
from apps.kept_run import KeptRun
from apps.local_time import stamp
from apps.run_folder import RunPaths
from apps.running import RunOptions, decision_edges, market_edges, run_flow
from apps.sources import sources_of
from config.settings import Settings, SettingsError, compliance_params, path_of, read_settings
from connectors.source import Commanded
from connectors.tick_input import Stop
from domain.decisions import Check, Outcome
from domain.instruments import Universe
from domain.orders import Intent
from flows import desk
from operators.compliance import Assessment, evaluate, visible
from operators.compliance_rules import ComplianceParams
from operators.compliance_state import ComplianceState, set_weights
from operators.compliance_view import Market
from operators.controls import Before
from operators.decisions import Decisions
from operators.desk import Desk

LIMITS, RULES = "limits.yaml", "compliance.yaml"


class NotThatRun(ValueError):
    """The replay does not come to the intents of the run: its configuration is another one."""


class Judge:
    """Judges each intent of a walk by other rules, in the state in which the desk's own judge it."""

    def __init__(self, rules: ComplianceParams) -> None:
        self._rules = rules
        self.seen: list[str] = []
        self.changed: list[dict[str, Any]] = []

    def __call__(self, walk: Desk, intent: Intent, market: Market) -> None:
        """Compare what is said of an intent with what would be; leaves no trace in the desk."""
        state = walk.state.compliance
        was = evaluate(state, walk.compliance, intent, market)
        if self._rules.facts.version != walk.compliance.facts.version:
            state = self._weighed_anew(walk, market.now_at)
        would_be = evaluate(state, self._rules, intent, market)
        self.seen.append(intent.cl_ord_id)
        if _said(was) != _said(would_be):
            self.changed.append(_row(intent, was, would_be))

    def _weighed_anew(self, walk: Desk, now_at: int) -> ComplianceState:
        """Return a copy of the state in which instruments belong to the groups that the other inputs say."""
        copied = copy.deepcopy(walk.state.compliance)
        for instrument in walk.params.universe.instruments:
            set_weights(copied, instrument.name, self._rules.weights_of(instrument, now_at))
        return copied


def compare(over: Path, limits: Path | None, rules: Path | None, config: Path | None) -> dict[str, Any]:
    """Return how many intents a run had, and each whose verdict would be another one, with the reasons.

    Raises RunFolderError, SettingsError, and NotThatRun where the configuration is not that of the run.
    """
    run = KeptRun(over)
    run.summary()
    settings = read_settings(config)
    source = sources_of((f"lake:{over}",), config=config)
    made = assemble(settings, source, ("0",))
    judge = Judge(_rules(settings, limits, rules, made.universe))
    before = Before(source.controls() if isinstance(source, Commanded) else ())
    stages = made.stages._replace(
        decisions=Decisions(made.stages.decisions.params, before=before, watch=judge)
    )
    folder = Path(tempfile.mkdtemp(prefix="ita-whatif-"))
    try:
        paths, options = RunPaths(folder), RunOptions(durable=False)
        flow = desk.build(
            market_edges(settings, paths, source, made, ("0",), ("0",), options, Stop()),
            decision_edges(settings, paths, options),
            stages._replace(pages=paths.pages("desk")),
        )
        run_flow(flow, paths.recovery("desk"), options.epoch_seconds)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    recorded = set(run.rows("intents").select("ClOrdID").collect()["ClOrdID"].to_list())
    if set(judge.seen) != recorded:
        raise NotThatRun(
            f"the replay comes to {len(set(judge.seen))} intents and {over} holds {len(recorded)}: it was made with "
            f"another configuration ({run.manifest.get('configuration')}; this one is {settings.digest}); give it with "
            "--config"
        )
    return {"over": str(over), "intents": len(recorded), "changed": judge.changed}


def _rules(
    settings: Settings, limits: Path | None, rules: Path | None, universe: Universe
) -> ComplianceParams:
    """Return what is judged by: the files that are given, the run's own where they are not."""
    folder, files = Path(tempfile.mkdtemp(prefix="ita-rules-")), ((LIMITS, limits), (RULES, rules))
    try:
        for name, given in files:
            path = given or path_of(settings.folder, name)
            if not path.is_file():
                raise SettingsError(f"{path} does not exist; give a file as {name} is")
            shutil.copyfile(path, folder / name)
        for name in ("base.yaml", "universe.yaml", "strategies.yaml"):
            shutil.copyfile(path_of(settings.folder, name), folder / name)
        for table in (settings.folder, *(each.parent for each in (rules,) if each is not None)):
            for file in table.glob("*.csv"):
                shutil.copyfile(file, folder / file.name)
        return _read(folder, universe, {name: given for name, given in files if given is not None})
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _read(folder: Path, universe: Universe, given: dict[str, Path]) -> ComplianceParams:
    """Return what a folder of copies says; an error names the files that were given in place of their copies."""
    try:
        return compliance_params(read_settings(folder), universe)
    except SettingsError as failure:
        words = str(failure)
        for name, path in given.items():
            words = words.replace(str(folder / name), str(path))
        raise SettingsError(words) from failure


def _said(assessment: Assessment) -> tuple[Any, ...]:
    return assessment.kind, assessment.codes, assessment.order_qty, assessment.price


def _row(intent: Intent, was: Assessment, would_be: Assessment) -> dict[str, Any]:
    before = {_named(check) for check in visible(was.checks) if check.outcome is not Outcome.PASS}
    after = {_named(check) for check in visible(would_be.checks) if check.outcome is not Outcome.PASS}
    return {
        "ClOrdID": intent.cl_ord_id,
        "at": stamp(intent.known_at),
        "strategy": intent.strategy,
        "asks": f"{intent.side.name.lower()} {intent.order_qty} {intent.symbol} at {intent.price}",
        "was": _outcome(was),
        "would_be": _outcome(would_be),
        "why": [
            *(f"no longer: {each}" for each in sorted(before - after)),
            *(f"now: {each}" for each in sorted(after - before)),
        ],
    }


def _outcome(assessment: Assessment) -> str:
    codes = f" ({', '.join(assessment.codes)})" if assessment.codes else ""
    return f"{assessment.kind.value}{codes}" + (
        f" for {assessment.order_qty}" if assessment.order_qty else ""
    )


def _named(check: Check) -> str:
    whose = f" {check.scope}" if check.scope else ""
    return f"{check.check} {check.code}{whose}: {check.outcome.value}, measured {check.measured}, limit {check.limit}"
