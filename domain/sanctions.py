"""Names of parties that an authority has put on a list."""

from typing import NamedTuple


class Listed(NamedTuple):
    """One name of a listed party.

    `kind` is primary, aka, fka, nka or weak; `party_type` individual, entity, vessel or aircraft.
    """

    list_name: str
    entry_id: str
    name: str
    kind: str = "primary"
    party_type: str = "entity"
    programs: str = ""
