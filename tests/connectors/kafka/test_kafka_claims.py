"""A unit of the desk has one live process; who is second is refused, and who was silent learns that it is over."""

import signal
import subprocess
import sys
import threading
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic

import msgspec
import pytest

from connectors.kafka.claims import SILENT_SECONDS, Claim, Home, UnitHeld, Word, topic_of
from tests.connectors.deadline import until

pytestmark = pytest.mark.served

KIND = "market-data"
TOPIC = topic_of(KIND)
ROOT = Path(__file__).resolve().parents[3]
HERE = Home("here", "/desk/market-data-0", "1")
THERE = Home("there", "/desk/market-data-0.1", "2")


@pytest.fixture
def claims(broker):
    broker.make(TOPIC)
    return broker


def claim(broker, home, *units, known_dead=lambda _: False, lost=lambda _: None):
    return Claim(broker.cluster, KIND, units, home, known_dead=known_dead, lost=lost)


@contextmanager
def held(broker, home, *units, **settings):
    with closing(claim(broker, home, *units, **settings)) as made:
        made.take()
        yield made


@contextmanager
def elsewhere(broker, *units):
    """Hold units in a process of their own."""
    words = (broker.cluster.client["bootstrap.servers"], broker.cluster.prefix, "elsewhere", KIND, *units)
    command = [sys.executable, "-m", "tests.connectors.kafka.claimant", *words]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def said(broker):
    return [msgspec.json.decode(message.value(), type=Word) for message in broker.messages(TOPIC)]


def test_a_second_process_for_a_unit_is_refused_and_one_for_others_is_not(claims):
    with (
        held(claims, HERE, "market-data.0", "market-data.1"),
        held(claims, THERE, "market-data.2"),
        closing(claim(claims, THERE, "market-data.1", "market-data.3")) as second,
        pytest.raises(UnitHeld) as refused,
    ):
        second.take()

    assert str(refused.value) == (
        "market-data.1 is worked on by a live process on here in /desk/market-data-0; stop that one first (SIGTERM), "
        "or start this one for other shards"
    )


def test_what_was_let_go_is_taken_at_once(claims):
    with held(claims, HERE, "market-data.0"):
        pass
    began = monotonic()

    with held(claims, THERE, "market-data.0"):
        assert monotonic() - began < SILENT_SECONDS


def test_the_same_home_takes_over_at_once_and_the_one_before_it_learns_of_it(claims):
    over = []
    with held(claims, HERE, "market-data.0", lost=over.append):
        began = monotonic()

        with held(claims, HERE, "market-data.0"):
            assert monotonic() - began < SILENT_SECONDS
            until(lambda: over)

    assert over[0].startswith(
        "a process on here in /desk/market-data-0 has taken over market-data.0 while this one"
    )


def test_one_that_is_known_to_be_dead_is_not_waited_for(claims):
    claims.send(
        TOPIC, msgspec.json.encode(Word(says="beat", owner="a", home=THERE, units=("market-data.0",)))
    )
    began = monotonic()

    with held(claims, HERE, "market-data.0", known_dead=lambda home: home == THERE):
        assert monotonic() - began < SILENT_SECONDS


def test_one_that_was_stopped_for_too_long_is_followed_by_another_and_ends_when_it_comes_back(claims):
    with elsewhere(claims, "market-data.0") as stopped:
        stopped.send_signal(signal.SIGSTOP)
        began = monotonic()

        with held(claims, HERE, "market-data.0"):
            waited = monotonic() - began
            stopped.send_signal(signal.SIGCONT)
            words = stopped.stdout.readline()

            assert stopped.wait(30) == 1

    assert waited >= SILENT_SECONDS
    assert words.startswith("lost: a process on here in /desk/market-data-0 has taken over market-data.0")


def test_of_many_that_start_together_one_gets_the_unit(claims):
    rivals = [claim(claims, Home(f"host-{number}", "/desk", str(number)), "book") for number in range(4)]
    refused = []

    def start(rival):
        try:
            rival.take()
        except UnitHeld as words:
            refused.append(words)

    threads = [threading.Thread(target=start, args=(rival,)) for rival in rivals]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for rival in rivals:
        rival.close()

    assert len(refused) == len(rivals) - 1


@pytest.mark.parametrize(("has_read_all", "ends"), [(True, True), (False, False)])
def test_a_claim_over_a_live_process_holds_only_where_it_said_nothing_in_between(claims, has_read_all, ends):
    over = []
    with held(claims, HERE, "book", lost=over.append):
        until(lambda: [word for word in said(claims) if word.says == "beat"])
        words = said(claims)
        rival = Word(
            says="claim",
            owner="rival",
            home=THERE,
            units=("book",),
            over=(words[0].owner,),
            read_to=len(words) + 1_000 if has_read_all else 1,
        )
        claims.send(TOPIC, msgspec.json.encode(rival))
        beats = len([word for word in words if word.says == "beat"])
        if ends:
            until(lambda: over)
        else:
            until(lambda: len([word for word in said(claims) if word.says == "beat"]) > beats + 1)

    assert bool(over) is ends


def test_what_is_no_word_of_ours_is_passed_over(claims):
    claims.send(TOPIC, b"nonsense")

    with held(claims, HERE, "book"):
        assert claims.messages(TOPIC)[0].value() == b"nonsense"
