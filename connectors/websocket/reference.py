"""What a venue says of the instruments that are asked for, over REST."""

import logging
from collections.abc import Mapping

from connectors.recordings.recorder import Recorder
from connectors.websocket.listing import instruments_of
from connectors.websocket.rest import RequestFailed, Requests
from connectors.websocket.venue import Venue
from domain.instruments import Instrument

_log = logging.getLogger("ita.connectors")


def listed_instruments(
    venue: Venue, symbols: Mapping[str, str], requests: Requests, recorder: Recorder | None = None
) -> tuple[Instrument, ...]:
    """Return the instruments that `symbols` names; what is answered is kept by the recorder.

    Where the venue says nothing that can be read, any price is on tick. Raises SourceError where it has one of them
    not, RequestFailed where it does not answer.
    """
    try:
        steps = venue.listing.steps(requests.get(venue.listing.path, recorder))
    except (RequestFailed, ValueError, ArithmeticError) as failure:
        if isinstance(failure, RequestFailed) and not failure.status:
            raise
        _log.warning("%s does not say in which steps it trades: %s", venue.name, failure)
        return instruments_of(venue.name, symbols, None)
    return instruments_of(venue.name, symbols, steps)
