"""REST requests to a venue: paced, repeated while the venue is busy, and kept as they were answered."""

import urllib3
from urllib3.exceptions import HTTPError

from connectors.recordings.recorder import Recorder
from connectors.recordings.session_lines import Traffic
from connectors.websocket.backoff import Allowance, Backoff
from connectors.websocket.clock import Clock

TIMEOUT_SECONDS = 10.0
ATTEMPTS = 6
RETRY_AFTER_SECONDS_MAX = 300.0
TOO_MANY = 429
BANNED = 418
BUSY = frozenset({TOO_MANY, BANNED, 500, 502, 503, 504})
ANSWER_BYTES_MAX = 64 * 2**20


class RequestFailed(RuntimeError):
    """A request that the venue did not answer with what was asked for; `status` is 0 where it did not answer at all."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Requests:
    """Asks one venue. `requests_per_second` is kept to, and what the venue says in Retry-After on top of it."""

    def __init__(self, url: str, requests_per_second: float, clock: Clock, seed: int = 0) -> None:
        self.url = url.rstrip("/")
        self._clock, self._seed = clock, seed
        self._allowance = Allowance(requests_per_second, max(1, int(requests_per_second)), clock)
        self._pool = urllib3.PoolManager(num_pools=1, maxsize=1, retries=False)
        self.limited = 0

    def get(self, path: str, recorder: Recorder | None = None) -> bytes:
        """Return the answer to a path with its query; it is kept by the recorder first.

        Raises RequestFailed where the venue refuses, or is busy after six attempts.
        """
        address = self.url + path
        backoff = Backoff(0.25, 8.0, self._seed)
        said, status = "", 0
        for _ in range(ATTEMPTS):
            if not self._allowance.take():
                break
            try:
                answer = self._pool.request("GET", address, timeout=TIMEOUT_SECONDS, decode_content=True)
            except HTTPError as failure:
                said = " ".join(str(failure).split())
            else:
                if answer.status == 200:
                    return self._kept(address, answer.data, recorder)
                status = answer.status
                said = f"status {status}: {answer.data[:200].decode(errors='replace')}"
                if answer.status not in BUSY:
                    break
                self._heed(answer.headers.get("Retry-After", ""), answer.status)
            if self._clock.wait(backoff.next_seconds()):
                break
        raise RequestFailed(
            f"{address} was not answered ({said or 'stopped'}); see whether it is there", status
        )

    def _kept(self, address: str, body: bytes, recorder: Recorder | None) -> bytes:
        if len(body) > ANSWER_BYTES_MAX:
            raise RequestFailed(
                f"{address} was answered with {len(body)} bytes; {ANSWER_BYTES_MAX} are allowed"
            )
        if recorder is not None:
            recorder.keep(Traffic.ANSWERED, address, body)
        return body

    def _heed(self, retry_after: str, status: int) -> None:
        """Pause for as long as the venue has asked for."""
        self.limited += status in {TOO_MANY, BANNED}
        if retry_after.strip().isdecimal():
            self._allowance.pause(min(float(retry_after), RETRY_AFTER_SECONDS_MAX))

    def close(self) -> None:
        """Let the connections go."""
        self._pool.clear()
