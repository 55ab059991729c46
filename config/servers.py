"""Where the servers of a served run are, and how to sign in: servers.yaml, the environment, and the file .env.

The environment goes before the file .env, and that before servers.yaml. Secrets are never read from YAML. A worker
that has a file of secrets of its own, `.env.d/<worker>.env`, reads that one in place of .env.
"""

import os
from pathlib import Path
from typing import Any, Literal

import pydantic
from pydantic_settings import BaseSettings, DotEnvSettingsSource, EnvSettingsSource, SettingsConfigDict

from config.sections import Section
from config.settings import SettingsError, path_of, refusal, yaml_values
from connectors.influx.server import InfluxServer
from connectors.kafka.client import KafkaCluster
from connectors.lake.bucket import Bucket
from connectors.postgres.address import postgres_url

FILE = "servers.yaml"
ENVIRONMENT_FILE = "ITA_ENV_FILE"
PREFIX = "ITA_"
SECRETS = frozenset({"password", "token", "access_key", "secret_key"})


class Server(Section):
    """A part of servers.yaml; the environment gives text, which is read as what the field needs."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, strict=False)

    @pydantic.field_validator("ca", check_fields=False)
    @classmethod
    def _there(cls, ca: Path | None) -> Path | None:
        if ca is not None and not ca.is_file():
            raise ValueError(
                "this file of the authority is not there; `ita stack secrets --secure` makes one"
            )
        return ca


class Kafka(Server):
    """The broker; `username` and `password` sign in by SCRAM-SHA-512, `ca` names the file of the issuer."""

    bootstrap: str = "127.0.0.1:19092"
    security: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = "plaintext"
    prefix: str = ""
    username: str = ""
    password: pydantic.SecretStr = pydantic.SecretStr("")
    ca: Path | None = None

    def client(self) -> dict[str, Any]:
        """Return what every librdkafka client of this broker is configured with."""
        made: dict[str, Any] = {"bootstrap.servers": self.bootstrap, "security.protocol": self.security}
        if self.ca is not None:
            made["ssl.ca.location"] = str(self.ca)
        if self.security.startswith("sasl"):
            made |= {
                "sasl.mechanism": "SCRAM-SHA-512",
                "sasl.username": self.username,
                "sasl.password": self.password.get_secret_value(),
            }
        return made

    def cluster(self) -> KafkaCluster:
        """Return the cluster as its connector takes it."""
        return KafkaCluster(self.client(), self.prefix)


class Influx(Server):
    """The time series store."""

    url: str = "http://127.0.0.1:18086"
    organisation: str = "ita"
    bucket: str = "desk"
    token: pydantic.SecretStr = pydantic.SecretStr("")
    ca: Path | None = None

    def place(self) -> InfluxServer:
        """Return the server as its connector takes it."""
        ca = "" if self.ca is None else str(self.ca)
        return InfluxServer(self.url, self.organisation, self.bucket, self.token.get_secret_value(), ca)


class S3(Server):
    """The object store of the lake."""

    endpoint: str = "http://127.0.0.1:19000"
    region: str = "us-east-1"
    bucket: str = "ita-lake"
    prefix: str = ""
    access_key: pydantic.SecretStr = pydantic.SecretStr("")
    secret_key: pydantic.SecretStr = pydantic.SecretStr("")
    ca: Path | None = None

    def place(self) -> Bucket:
        """Return the bucket as the lake's connector takes it."""
        return Bucket(
            self.endpoint,
            self.bucket,
            self.access_key.get_secret_value(),
            self.secret_key.get_secret_value(),
            self.region,
            self.prefix,
            self.ca,
        )


class Postgres(Server):
    """The relational store."""

    host: str = "127.0.0.1"
    port: int = 15432
    database: str = "ita"
    user: str = "ita_desk"
    password: pydantic.SecretStr = pydantic.SecretStr("")
    tls: Literal["disable", "prefer", "require", "verify-full"] = "prefer"
    ca: Path | None = None

    def url(self, user: str = "", password: str = "") -> str:
        """Return the address as its connector takes it, for the desk's role unless another one is named."""
        return postgres_url(
            self.host,
            self.port,
            self.database,
            user or self.user,
            password if user else self.password.get_secret_value(),
            tls=self.tls,
            ca="" if self.ca is None else str(self.ca),
        )


class Redis(Server):
    """The online feature store."""

    host: str = "127.0.0.1"
    port: int = 16379
    database: int = 0
    user: str = ""
    password: pydantic.SecretStr = pydantic.SecretStr("")
    tls: bool = False
    ca: Path | None = None


class VenueAddress(Server):
    """Where a venue of market data is, in place of its own address; REST is at the same place unless told."""

    url: str = ""
    rest_url: str = ""


class Servers(BaseSettings):
    """Every server of a served run."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", extra="ignore", frozen=True, case_sensitive=False
    )

    kafka: Kafka = Kafka()
    influx: Influx = Influx()
    s3: S3 = S3()
    postgres: Postgres = Postgres()
    redis: Redis = Redis()
    venues: dict[str, VenueAddress] = pydantic.Field(default_factory=dict)


def environment_file() -> Path:
    """Return the file of secrets: `ITA_ENV_FILE`, or `.env` where the program was started."""
    return Path(os.environ.get(ENVIRONMENT_FILE) or ".env")


def secured_folder() -> Path:
    """Return where certificates and the secrets of single workers lie: beside the file of secrets, `.env.d`."""
    file = environment_file()
    return file.with_name(f"{file.name}.d").absolute()


def account_file(account: str) -> Path:
    """Return the file of secrets of one worker."""
    return secured_folder() / f"{account}.env"


def sign_in_as(account: str) -> None:
    """Have this process read the account's own file of secrets, where there is one."""
    file = account_file(account)
    if file.exists():
        os.environ[ENVIRONMENT_FILE] = str(file)


def read_servers(folder: Path | None = None) -> Servers:
    """Return where the servers are; raises SettingsError with the place, what was given, and what is allowed."""
    path = path_of(folder, FILE)
    values = yaml_values(path)
    for name, section in values.items():
        for secret in SECRETS & set(section if isinstance(section, dict) else ()):
            raise SettingsError(
                f"{path}: {name}.{secret} is a secret and is not read from YAML; "
                f"set {PREFIX}{name.upper()}__{secret.upper()} in the environment or in {environment_file()}"
            )

    class Read(Servers):
        """The same, with the file that was asked for as the last place to look."""

        @classmethod
        def settings_customise_sources(cls, settings_cls: Any, *_: Any, **__: Any) -> tuple[Any, ...]:
            """Return where values are looked for, the first that has one wins."""
            return (
                EnvSettingsSource(settings_cls),
                DotEnvSettingsSource(settings_cls, env_file=environment_file(), env_file_encoding="utf-8"),
                lambda: values,
            )

    try:
        return Read()
    except pydantic.ValidationError as error:
        raise refusal(path, error) from error
