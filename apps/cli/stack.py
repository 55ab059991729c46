"""`ita stack`: the servers of a served run, with Docker or without."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="The servers of a served run: start, look at, set up, stop.")

Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[SERVER]...", help="kafka, influx, s3, minio, postgres, redis; all but minio if none"
    ),
]
Name = Annotated[str, typer.Argument(metavar="SERVER", help="kafka, influx, s3, minio, postgres or redis")]
Native = Annotated[bool, typer.Option("--native", help="without Docker, also where an engine answers")]
MakeSecure = Annotated[bool, typer.Option("--secure", help="TLS and sign-in for every server")]
Secure = Annotated[bool, typer.Option("--secure", help="only if all are configured with TLS and sign-in")]
AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object")]
Lines = Annotated[int, typer.Option(min=1, help="how many lines of the end")]


@app.command("secrets")
def secrets(secure: MakeSecure = False) -> None:
    """Write the file .env with random passwords, for its owner alone; what is there stays as it is.

    With --secure also the folder .env.d: a private authority, a certificate for each server, a file of secrets for each
    worker; and .env asks for TLS and sign-in everywhere. Certificates that end within a month are made again.

    Examples: ita stack secrets; ita stack secrets --secure
    """
    from apps.stack.passwords import make_secrets, read_secrets
    from apps.stack.secured import make_secured
    from config.accounts import read_accounts
    from config.servers import environment_file, read_servers
    from config.topics import read_topics

    with _told():
        made = make_secrets(environment_file())
        read_secrets()
        more = make_secured(read_servers(), read_accounts(read_topics())) if secure else []
    print(f"{environment_file()} {'made' if made else 'was there, and stays as it is'}")
    for name in more:
        print(f"{environment_file().parent / name} made or added to")


@app.command("up")
def up(servers: Names = None, native: Native = False, secure: Secure = False) -> None:
    """Start what does not run, wait until it does its work, and print the addresses.

    Each server starts as it is configured, with TLS and sign-in or without; see `ita stack secrets --secure`.

    Examples: ita stack up; ita stack up --native kafka postgres; ita stack up --native --secure
    """
    from apps.stack import lifecycle
    from apps.stack.places import chosen, places
    from apps.stack.secured import all_secured
    from config.servers import read_servers

    with _told():
        known = read_servers()
        asked = chosen(servers or [], places(known))
        if secure:
            all_secured([place.name for place in asked], known)
        for place, started in lifecycle.up(asked, known, native):
            print(f"{place.name:<9}{place.address:<18}{'started' if started else 'was running'}", flush=True)


@app.command("down")
def down(servers: Names = None) -> None:
    """Stop what `ita stack up` started, MinIO too; their data stay.

    Example: ita stack down
    """
    from apps.stack import lifecycle
    from apps.stack.places import chosen, places
    from config.servers import read_servers

    with _told():
        known = places(read_servers())
        for place, ended in lifecycle.down(chosen(servers or list(known), known)):
            print(f"{place.name:<9}{'stopped' if ended else 'was not started from here'}", flush=True)


@app.command("status")
def status(servers: Names = None, json: AsJson = False) -> None:
    """Print for each server whether it does its work, and who runs it; exit code 1 where one does not.

    Example: ita stack status --json
    """
    import msgspec

    from apps.stack import lifecycle
    from apps.stack.places import chosen, places
    from config.servers import read_servers

    with _told():
        known = read_servers()
        found = [lifecycle.status(place, known) for place in chosen(servers or [], places(known))]
    if json:
        print(msgspec.json.encode({"servers": found}).decode())
    else:
        for one in found:
            run_by = f"{one.way.value}{'' if one.pid is None else f', process {one.pid}'}"
            print(
                f"{one.name:<9}{one.address:<18}{'ready' if one.ready else 'not ready':<11}{run_by}  {one.reason}"
            )
    if not all(one.ready for one in found):
        raise typer.Exit(1)


@app.command("logs")
def logs(server: Name, lines: Lines = 50) -> None:
    """Print the last words of a server.

    Example: ita stack logs kafka --lines 200
    """
    from apps.stack import lifecycle
    from apps.stack.places import chosen, places
    from config.servers import read_servers

    with _told():
        (place,) = chosen([server], places(read_servers()))
        print(lifecycle.last_words(place, lines), end="")


@app.command("kill")
def kill(server: Name) -> None:
    """End a server as a crash does, by SIGKILL: to see what the desk does without it.

    Example: ita stack kill kafka
    """
    from apps.stack import lifecycle
    from apps.stack.places import chosen, places
    from config.servers import read_servers

    with _told():
        (place,) = chosen([server], places(read_servers()))
        print(f"{place.name:<9}process {lifecycle.kill(place)} killed")


@app.command("init")
def init(servers: Names = None) -> None:
    """Make what the servers need before the first record: topics, bucket, organisation, roles, database, tables.

    What is there stays, and may be asked for again at any time. Example: ita stack init
    """
    from apps.stack.places import chosen, places
    from apps.stack.readiness import NotReady, why_not_ready
    from apps.stack.set_up import set_up
    from config.servers import read_servers

    with _told():
        known = read_servers()
        for place in chosen(servers or [], places(known)):
            reason = why_not_ready(place.name, known)
            if reason is not None:
                raise NotReady(
                    f"{place.title} at {place.address} is not ready: {reason}; `ita stack up {place.name}` starts it"
                )
            for finding in set_up(place.name, known):
                print(f"{place.name:<9}{finding.words}", flush=True)
                if finding.remedy:
                    print(f"{'':<9}{finding.remedy}", flush=True)


@contextmanager
def _told() -> Iterator[None]:
    """Say in a line what a server cannot do, and make what cannot be asked for wrong use of the command."""
    from apps.cli.main import WORK_FAILED, WrongUse
    from apps.stack.native import ServerFailed
    from apps.stack.passwords import SecretsMissing
    from apps.stack.places import UnknownServer
    from apps.stack.readiness import NotReady
    from apps.stack.secured import NotSecured
    from apps.stack.set_up import SetUpFailed
    from apps.stack.store_accounts import AccountRefused
    from apps.stack.topic_setup import TopicsFailed

    try:
        yield
    except (NotSecured, SecretsMissing, UnknownServer) as error:
        raise WrongUse(str(error)) from error
    except (AccountRefused, NotReady, ServerFailed, SetUpFailed, TopicsFailed) as error:
        print(f"ita: {error}", file=sys.stderr)
        raise typer.Exit(WORK_FAILED) from error
