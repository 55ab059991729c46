"""The command line: one door, one command for each thing that a person wants of the desk."""

import os
import sys
from typing import Any

import typer

app = typer.Typer(
    name="ita",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Institutional Trading Assistant: market data in; decided orders, positions and proofs out.",
)
WORK_FAILED = 1
WRONG_USE = 2


class WrongUse(Exception):
    """The command was called with something that it cannot work with."""


def main() -> None:
    """Run the command line; exit code 0 done, 1 the work failed, 2 wrong use."""
    os.environ.setdefault("RUST_BACKTRACE", "0")
    _register()
    try:
        code = app(standalone_mode=False)
    except (typer.Exit, SystemExit) as left:
        sys.exit(getattr(left, "exit_code", getattr(left, "code", 0)))
    except Exception as failure:  # noqa: BLE001  the last door: everything becomes a message and a code
        sys.exit(_explain(failure))
    sys.exit(code if isinstance(code, int) else 0)


def _explain(failure: Exception) -> int:
    """Say what went wrong in a line; return the exit code."""
    from apps.failures import described
    from apps.run_folder import RunFolderError
    from config.settings import SettingsError
    from connectors.source import SourceError
    from connectors.sqlite.missing import NoJournal

    if isinstance(failure, typer.Abort):
        return WORK_FAILED
    usage = getattr(failure, "format_message", None)
    wrong_use: tuple[type[Any], ...] = (WrongUse, RunFolderError, SettingsError, SourceError, NoJournal)
    if usage is not None:
        print(f"ita: {usage()}; see ita --help", file=sys.stderr)
        return WRONG_USE
    if isinstance(failure, wrong_use):
        print(f"ita: {failure}", file=sys.stderr)
        return WRONG_USE
    print(f"ita: {described(failure)}", file=sys.stderr)
    return WORK_FAILED


def _register() -> None:
    """Hang the commands; each imports what it needs when it is called."""
    from apps.cli import (
        adjust,
        audit,
        audit_retention,
        bars,
        commands,
        demo,
        doctor,
        explain,
        features,
        holds,
        indicators,
        instruments,
        lake,
        limits,
        orders,
        parity,
        replay,
        risk,
        run,
        sanctions,
        screen,
        serve_recording,
        stack,
        train,
        whatif,
    )

    app.command("demo")(demo.demo)
    app.command("replay")(replay.replay)
    app.command("run")(run.run)
    app.command("serve-recording")(serve_recording.serve_recording)
    app.command("parity")(parity.parity)
    app.command("screen")(screen.screen)
    app.command("adjust")(adjust.adjust)
    app.command("bars")(bars.bars)
    app.command("explain")(explain.explain)
    app.command("orders")(orders.orders)
    app.command("positions")(orders.positions)
    app.command("reconcile")(orders.reconcile)
    app.command("doctor")(doctor.doctor)
    app.command("kill")(commands.kill)
    app.command("release")(commands.release)
    app.command("verify-audit")(audit.verify_audit)
    app.command("override")(holds.override)
    app.command("whatif")(whatif.whatif)
    app.add_typer(audit.app, name="audit")
    audit.app.command("retention")(audit_retention.retention)
    audit.app.command("archive")(audit_retention.archive)
    audit.app.command("dispose")(audit_retention.dispose)
    app.add_typer(holds.app, name="holds")
    app.add_typer(limits.app, name="limits")
    app.add_typer(features.app, name="features")
    app.add_typer(indicators.app, name="indicators")
    app.add_typer(instruments.app, name="instruments")
    app.add_typer(lake.app, name="lake")
    app.add_typer(risk.app, name="risk")
    app.add_typer(sanctions.app, name="sanctions")
    app.add_typer(stack.app, name="stack")
    app.add_typer(train.app, name="train")


if __name__ == "__main__":
    main()
