"""Where PostgreSQL is, in the words of its address; no driver is needed to say so."""

from urllib.parse import quote, urlencode


def postgres_url(
    host: str,
    port: int,
    database: str,
    user: str,
    password: str,
    *,
    tls: str = "prefer",
    ca: str = "",
    schema: str = "",
) -> str:
    """Return the address that everything here takes; `schema` is where the tables are, empty for the role's own."""
    options = {"sslmode": tls}
    if ca:
        options["sslrootcert"] = ca
    if schema:
        options["options"] = f"-csearch_path={schema}"
    signed_in = f"{quote(user, safe='')}:{quote(password, safe='')}"
    return f"postgresql://{signed_in}@{host}:{port}/{quote(database, safe='')}?{urlencode(options, quote_via=quote)}"
