"""The served desk with TLS and sign-in on every server gives the embedded answers, and each refusal is plain."""

import io
import re
import shutil
import sys
import uuid

import psycopg
import pyarrow as pa
import pytest
import redis as redis_package
from confluent_kafka import KafkaError, Producer
from dotenv import dotenv_values
from minio.error import S3Error

from apps.cli.main import main
from apps.offers import offers
from apps.stack import certificates
from apps.stack.kafka_accounts import set_up_accounts
from apps.stack.readiness import influx_answer, redis_client_of, why_not_ready
from config.accounts import read_accounts
from config.topics import read_topics
from connectors.feast.store import passes, refused
from connectors.influx.codec import MEASUREMENTS
from connectors.influx.writer import InfluxRefused, LineWriter, RejectedLines
from connectors.kafka import tails
from connectors.kafka.client import KafkaRefused, Place, Watch, producer_of
from connectors.kafka.codec import Message
from connectors.kafka.tails import partition_count
from connectors.kafka.transactions import Transactions
from connectors.lake.s3 import S3Shelf, StoreRefused
from connectors.patience import Patience
from connectors.postgres.connection import PostgresRefused, connected
from tests.connectors.own_server import OwnServer, absent
from tests.served.desk import all_compared, embedded_replay
from tests.served.points import summed_up
from tests.served.secured import SERVERS, SecuredStack, until_listening

pytestmark = [pytest.mark.served, pytest.mark.slow, pytest.mark.xdist_group("secured_desk")]
SOURCE = "simulator:instruments=4,days=1,ticks=6000"
SECONDS = 30.0
ACCOUNTS = read_accounts(read_topics())
WRONG = "not-this-one"


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    out = tmp_path_factory.mktemp("embedded")
    return out, embedded_replay(SOURCE, out)


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    for server, binary in (("InfluxDB", "influxdb/influxd"), ("Kafka", "kafka/classpath")):
        if not OwnServer.is_installed(binary):
            absent(f"{server} is not installed here; `ita stack up --native` installs it")
    made = SecuredStack(tmp_path_factory.mktemp("secured"), SOURCE)
    try:
        made.begin()
        yield made
    finally:
        made.end()


@pytest.fixture(scope="module")
def ran(stack):
    """Return the stack on which every worker has come to its end, each under its own account."""
    stack.desk.start_all()
    stack.desk.wait(300)
    return stack


def test_the_desk_gives_the_embedded_answers_with_each_worker_under_its_own_account(ran, embedded):
    # the points are compared with those of a bucket beside them, which only the operator may make
    operator = ran.servers().influx.token.get_secret_value()
    reading = {"ITA_ENV_FILE": str(ran.tls / "reader.env"), "ITA_INFLUX__TOKEN": operator}
    before = dict(ran.desk.environment)
    ran.desk.environment.update(reading)
    try:
        total = all_compared(ran.desk, embedded[0])
    finally:
        ran.desk.environment = before
    assert total["records"] > 1000
    assert (total["missing"], total["twice"], total["different"]) == (0, 0, 0)


def test_doctor_finds_nothing_in_the_way_of_a_served_run(stack):
    with stack.signed_in_as() as servers:
        findings = list(offers(servers, read_topics(), served=True))

    assert [(finding.health.value, finding.words) for finding in findings if finding.remedy] == []
    assert len(findings) == len(SERVERS)


def test_no_secret_is_readable_by_others_or_in_a_log(stack):
    secrets = {
        line.partition("=")[2]
        for file in (stack.file, *stack.tls.glob("*.env"))
        for line in file.read_text().splitlines()
        if re.search(r"(PASSWORD|TOKEN|_KEY)=", line)
    }
    private = [stack.file, *stack.tls.glob("*.env"), *stack.tls.glob("*.key")]
    logs = [*stack.folder.glob("stack/*/log"), *stack.folder.glob("stack/*/*.log")]
    logs += stack.folder.glob("served/*.log")

    assert len(secrets) > 20
    assert {file.stat().st_mode & 0o077 for file in private} == {0}
    assert len(logs) > len(SERVERS)
    told = {log.name for log in logs for secret in secrets if secret in log.read_text(errors="replace")}
    assert told == set()


# Kafka


def scored_partitions(servers):
    return partition_count(servers.kafka.cluster(), "scored")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"ITA_KAFKA__PASSWORD": WRONG}, "ITA_KAFKA__USERNAME and ITA_KAFKA__PASSWORD have to be a user's"),
        (
            {"ITA_KAFKA__SECURITY": "ssl"},
            "answers, but not as a broker with security ssl; ITA_KAFKA__SECURITY",
        ),
        ({"ITA_KAFKA__SECURITY": "plaintext"}, "answers, but not as a broker with security plaintext"),
    ],
)
def test_kafka_lets_nobody_in_without_the_right_password_over_tls(stack, monkeypatch, settings, said):
    monkeypatch.setattr(tails, "ANSWER_SECONDS", 2.0)

    with pytest.raises(KafkaRefused) as refused:
        scored_partitions(stack.servers("decisions", **settings))

    assert said in str(refused.value)


@pytest.mark.parametrize("account", sorted(set(ACCOUNTS) - {"decisions"}))
def test_no_worker_but_that_of_the_decisions_may_write_orders(stack, account):
    servers, codes = stack.servers(account), []
    producer = Producer({**servers.kafka.client(), "log_level": 0})

    producer.produce(
        f"{servers.kafka.prefix}oms.orders", b"{}", on_delivery=lambda error, _: codes.append(error.code())
    )
    producer.flush(SECONDS)

    assert codes == [KafkaError.TOPIC_AUTHORIZATION_FAILED]


def test_the_decisions_worker_may_write_orders(stack):
    servers, answers = stack.servers("decisions"), []
    name = f"{servers.kafka.prefix}decisions.trial"
    producer = producer_of(servers.kafka.cluster(), Watch("trial"), name)

    producer.init_transactions(SECONDS)
    producer.begin_transaction()
    producer.produce(
        f"{servers.kafka.prefix}oms.orders", b"{}", on_delivery=lambda error, _: answers.append(error)
    )
    left = producer.flush(SECONDS)
    producer.abort_transaction(SECONDS)

    assert (left, answers) == (0, [None])


def test_a_market_data_worker_that_would_write_an_order_is_told_which_rule_forbids_it(stack):
    servers = stack.servers("market-data")
    orders = Transactions(servers.kafka.cluster(), f"{servers.kafka.prefix}market_data.trial", Patience())
    order = Message(b"order", b"{}", [], 0)

    orders.open()
    with pytest.raises(KafkaRefused) as refused:
        orders.write([(Place("oms.orders", 0), order)])
    orders.close()

    assert "TOPIC_AUTHORIZATION_FAILED" in str(refused.value)
    assert "config/accounts.yaml says what each may" in str(refused.value)


def test_nobody_takes_the_writer_of_another_worker_over(stack):
    servers = stack.servers("market-data")

    with pytest.raises(KafkaRefused, match=r"TRANSACTIONAL_ID_AUTHORIZATION_FAILED.*accounts\.yaml"):
        Transactions(servers.kafka.cluster(), f"{servers.kafka.prefix}decisions.book", Patience()).open()


def test_a_right_that_is_no_longer_configured_is_taken_back(stack):
    narrow = {**ACCOUNTS, "reader": ACCOUNTS["reader"].model_copy(update={"reads": ("oms.orders",)})}
    reader = stack.servers("reader").kafka.cluster()

    with stack.signed_in_as() as operator:
        (taken,) = set_up_accounts(operator.kafka, narrow)
        with pytest.raises(KafkaRefused, match="TOPIC_AUTHORIZATION_FAILED"):
            partition_count(reader, "market.bars")
        (given,) = set_up_accounts(operator.kafka, ACCOUNTS)

    others = len(read_topics().topics) - 1
    assert taken.words.endswith(f"rules made 0, taken back {others}")
    assert given.words.endswith(f"rules made {others}, taken back 0")
    assert partition_count(reader, "market.bars") == 4


# PostgreSQL


def desk_connection(stack, account, **settings):
    return connected(stack.servers(account, **settings).postgres.url())


@pytest.mark.parametrize(
    ("account", "statement"),
    [
        ("sinks", "update orders set strategy = 'other'"),
        ("sinks", "delete from orders"),
        ("sinks", "truncate orders"),
        ("sinks", "drop table orders"),
        ("sinks", "alter table orders add column more int"),
        ("sinks", "create table mine (value int)"),
        ("sinks", "set role ita_owner"),
        ("reader", "insert into writers (name, generation, taken_from) values ('reader', 1, 'here')"),
        ("reader", "update orders set strategy = 'other'"),
        ("reader", "create table mine (value int)"),
    ],
)
def test_postgres_keeps_what_was_written_and_lets_readers_read(stack, account, statement):
    with desk_connection(stack, account) as connection:
        assert connection.execute("select count(*) from orders").fetchone() is not None
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"ITA_POSTGRES__PASSWORD": WRONG}, "password authentication failed.*ITA_POSTGRES__PASSWORD"),
        ({"ITA_POSTGRES__TLS": "disable"}, "no pg_hba.conf entry.*no encryption"),
    ],
)
def test_postgres_lets_nobody_in_without_the_right_password_over_tls(stack, settings, said):
    with pytest.raises(PostgresRefused, match=said):
        desk_connection(stack, "sinks", **settings)


# Redis


@pytest.mark.parametrize(
    ("account", "words"),
    [
        ("sinks", ("FLUSHALL",)),
        ("sinks", ("CONFIG", "GET", "*")),
        ("sinks", ("ACL", "LIST")),
        ("sinks", ("KEYS", "*")),
        ("sinks", ("HSET", "of-somebody-else", "field", "1")),
        ("sinks", ("HGET", "of-somebody-else", "field")),
        ("reader", ("HSET", "instrument-X-desk", "field", "1")),
        ("reader", ("DEL", "instrument-X-desk")),
    ],
)
def test_redis_refuses_what_the_features_do_not_need(stack, account, words):
    client = redis_client_of(stack.servers(account).redis)

    with pytest.raises(redis_package.exceptions.NoPermissionError):
        client.execute_command(*words)
    client.close()


def test_a_reader_reads_the_features_that_a_worker_may_write(stack):
    writing, reading = (redis_client_of(stack.servers(name).redis) for name in ("sinks", "reader"))

    writing.hset("instrument-X-desk", "field", "1")
    found = reading.execute_command("HGET", "instrument-X-desk", "field")
    writing.delete("instrument-X-desk")

    assert found == b"1"
    writing.close()
    reading.close()


@pytest.mark.parametrize("settings", [{"ITA_REDIS__PASSWORD": WRONG}, {"ITA_REDIS__USER": ""}])
def test_redis_lets_nobody_in_without_user_and_password(stack, settings):
    said = why_not_ready("redis", stack.servers("sinks", **settings))

    assert "invalid username-password pair or user is disabled" in said


# InfluxDB


def written(server, folder, line="trial value=1i 1\n"):
    """Write a line as the sink does; return what was refused of it."""
    refused = RejectedLines(folder / "refused.jsonl")
    writer = LineWriter(server, refused, Patience())
    try:
        writer.put(pa.array([line]))
        writer.drain()
    finally:
        writer.close([], SECONDS)
    return refused.count


def test_an_influx_token_writes_its_bucket_and_no_other(stack, tmp_path):
    operator, sinks = stack.servers().influx, stack.servers("sinks").influx
    found = influx_answer(operator, f"/api/v2/orgs?org={operator.organisation}")[1]["orgs"][0]
    elsewhere = f"elsewhere-{uuid.uuid4().hex[:6]}"
    made, _ = influx_answer(
        operator, "/api/v2/buckets", {"orgID": found["id"], "name": elsewhere, "retentionRules": []}
    )

    assert made == 201
    assert written(sinks.place(), tmp_path) == 0
    with pytest.raises(InfluxRefused, match=f"bucket {elsewhere} at .* refuses: 40[34].*ITA_INFLUX__TOKEN"):
        written(sinks.place()._replace(bucket=elsewhere), tmp_path)


@pytest.mark.parametrize(
    ("account", "settings", "said"),
    [
        ("reader", {}, "refuses: 40[34]"),
        ("sinks", {"ITA_INFLUX__TOKEN": WRONG}, "refuses: 401"),
    ],
)
def test_influx_takes_points_from_nobody_else(stack, tmp_path, account, settings, said):
    with pytest.raises(InfluxRefused, match=said):
        written(stack.servers(account, **settings).influx.place(), tmp_path)


def test_a_reader_reads_the_points(ran):
    influx = ran.servers("reader").influx

    assert summed_up(influx, influx.bucket, MEASUREMENTS["market.bars"][0].name)


def test_a_plain_word_to_influx_is_a_refusal_and_not_a_bad_line(stack, tmp_path):
    server = stack.servers("sinks").influx.place()

    with pytest.raises(InfluxRefused, match=r"(to an HTTPS server|speaks TLS).*ITA_INFLUX__CA"):
        written(server._replace(url=server.url.replace("https", "http")), tmp_path)


# S3


def put(bucket, tmp_path, mark="trial"):
    made = tmp_path / "made"
    made.write_bytes(b"content")
    shelf = S3Shelf(bucket, Patience())
    shelf.put(made, mark, 1)
    return shelf.rows(mark)


@pytest.fixture(params=["SeaweedFS", "MinIO"])
def store(request, stack):
    """Return the settings that choose an S3 server."""
    if request.param == "SeaweedFS":
        return {}
    if "minio" not in stack.servers_run:
        absent("no MinIO is installed here; `ita stack up --native minio` installs it")
    return {"ITA_S3__ENDPOINT": stack.minio_endpoint}


def test_an_s3_key_writes_below_its_prefix(stack, tmp_path, store):
    assert put(stack.servers("sinks", **store).s3.place(), tmp_path) == 1


def test_a_plain_word_to_s3_is_refused_for_good(stack, tmp_path):
    place = stack.servers("sinks").s3.place()

    with pytest.raises(StoreRefused, match=r"(to an HTTPS server|speaks TLS).*ITA_S3__CA"):
        put(place._replace(endpoint=place.endpoint.replace("https", "http")), tmp_path)


@pytest.mark.parametrize(
    ("account", "settings"),
    [
        ("sinks", {"ITA_S3__PREFIX": "other/"}),
        ("sinks", {"ITA_S3__PREFIX": ""}),
        ("sinks", {"ITA_S3__SECRET_KEY": WRONG}),
        ("reader", {}),
    ],
)
def test_an_s3_key_writes_nowhere_else(stack, tmp_path, store, account, settings):
    with pytest.raises(StoreRefused, match=r"refuses.*ITA_S3__ACCESS_KEY and ITA_S3__SECRET_KEY"):
        put(stack.servers(account, **store, **settings).s3.place(), tmp_path)


def test_an_s3_key_puts_nothing_in_another_place_itself(stack, store):
    place = stack.servers("sinks", **store).s3.place()

    with pytest.raises(S3Error) as refused_put:
        place.client().put_object(place.bucket, "other/trial", io.BytesIO(b"x"), 1)

    assert refused_put.value.code == "AccessDenied"


def test_an_s3_key_reads_no_other_prefix(stack, tmp_path, store):
    put(stack.servers(**store).s3.place()._replace(prefix="other/"), tmp_path)
    shelf = S3Shelf(stack.servers("sinks", **store).s3.place()._replace(prefix="other/"), Patience())

    with pytest.raises(StoreRefused, match="refuses"):
        shelf.fetch("trial", tmp_path / "stolen")


# certificates


@pytest.fixture(scope="module")
def strangers(tmp_path_factory):
    """Return the authority of somebody else."""
    folder = tmp_path_factory.mktemp("strangers")
    certificates.make_certificates(folder)
    return certificates.authority(folder)


@pytest.mark.parametrize("server", SERVERS)
def test_a_server_of_another_authority_is_not_trusted(stack, strangers, server):
    settings = {f"ITA_{server.upper()}__CA": str(strangers)}

    with stack.signed_in_as(**settings) as servers:
        said = why_not_ready(server, servers)

    assert "certificate verify failed" in said


SPOKEN_TO = {
    "kafka": lambda servers, _: scored_partitions(servers),
    "influx": lambda servers, folder: written(servers.influx.place(), folder),
    "s3": lambda servers, folder: put(servers.s3.place(), folder),
    "postgres": lambda servers, _: connected(servers.postgres.url()),
}


@pytest.mark.parametrize("server", SPOKEN_TO)
def test_a_worker_does_not_wait_for_a_certificate_that_it_cannot_trust(stack, strangers, tmp_path, server):
    servers = stack.servers("sinks", **{f"ITA_{server.upper()}__CA": str(strangers)})

    with pytest.raises((KafkaRefused, InfluxRefused, StoreRefused, PostgresRefused)) as refused_for_good:
        SPOKEN_TO[server](servers, tmp_path)

    assert re.search(
        f"certificate.*file that ITA_{server.upper()}__CA names", str(refused_for_good.value), re.DOTALL
    )


@pytest.fixture(scope="module")
def expired(stack, tmp_path_factory):
    """Return a folder of certificates of the same authority that have ended."""
    folder = tmp_path_factory.mktemp("expired")
    for name in ("ca.crt", "ca.key"):
        shutil.copy(stack.tls / name, folder / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(certificates, "SERVER_DAYS", 0)
        certificates.make_certificates(folder)
    return folder


def own_server(name, stack, folder, expired):
    settings = {**dotenv_values(stack.file), "ITA_STACK_TLS": str(expired)}
    return OwnServer(name, folder, settings)


def test_an_influx_whose_certificate_has_expired_gets_no_points(stack, tmp_path, expired):
    server = own_server("influx", stack, tmp_path / "influx", expired)
    server.start()
    try:
        place = stack.servers("sinks").influx.place()._replace(url=f"https://127.0.0.1:{server.port}")
        with pytest.raises(
            InfluxRefused, match=r"certificate has expired.*`ita stack secrets --secure` makes"
        ):
            written(place, tmp_path)
    finally:
        server.remove()


def test_a_postgres_whose_certificate_has_expired_is_not_signed_in_to(stack, tmp_path, expired):
    server = own_server("postgres", stack, tmp_path / "postgres", expired)
    server.start()
    try:
        with pytest.raises(PostgresRefused, match=r"certificate.*`ita stack secrets --secure` makes"):
            desk_connection(stack, "sinks", ITA_POSTGRES__PORT=str(server.port))
    finally:
        server.remove()


def test_a_redis_whose_certificate_has_expired_is_refused_for_good(stack, tmp_path, expired):
    server = own_server("redis", stack, tmp_path / "redis", expired)
    server.start()
    try:
        until_listening(server.port)
        client = redis_client_of(stack.servers("sinks", ITA_REDIS__PORT=str(server.port)).redis)
        with pytest.raises(redis_package.exceptions.ConnectionError) as failed:
            client.ping()
        assert not passes(failed.value)
        assert re.search("certificate has expired.*ITA_REDIS__CA names", str(refused(failed.value)))
    finally:
        server.remove()


# workers


@pytest.mark.usefixtures("ran")
@pytest.mark.parametrize(
    ("worker", "setting", "value", "said"),
    [
        (
            "decisions",
            "KAFKA__PASSWORD",
            WRONG,
            "KafkaRefused: .*ITA_KAFKA__USERNAME and ITA_KAFKA__PASSWORD",
        ),
        ("sinks", "POSTGRES__PASSWORD", WRONG, "PostgresRefused: .*password authentication failed"),
        ("sinks", "INFLUX__TOKEN", WRONG, "InfluxRefused: .*refuses: 401.*ITA_INFLUX__TOKEN"),
        ("sinks", "S3__SECRET_KEY", WRONG, "StoreRefused: .*ITA_S3__ACCESS_KEY and ITA_S3__SECRET_KEY"),
        ("sinks", "REDIS__PASSWORD", WRONG, "OnlineRefused: .*ITA_REDIS__USER and ITA_REDIS__PASSWORD"),
        ("sinks", "REDIS__TLS", "false", "OnlineRefused: .*cannot be spoken to.*ITA_REDIS__CA"),
    ],
)
def test_a_worker_that_is_refused_says_so_and_ends(
    stack, tmp_path, monkeypatch, capsys, worker, setting, value, said
):
    words = ["ita", "run", worker, "--out", str(tmp_path), "--metrics-port", "0"]
    monkeypatch.setattr(sys, "argv", words)

    with stack.signed_in_as(**{f"ITA_{setting}": value}), pytest.raises(SystemExit) as left:
        main()

    assert left.value.code == 1
    assert re.search(said, capsys.readouterr().err)
