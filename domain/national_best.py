"""The national best bid and offer: the highest bid and the lowest ask that exchanges show, and whose they are."""

import numpy as np

NATIONAL_BEST = np.dtype(
    [
        ("event_at", np.int64),
        ("known_at", np.int64),
        ("received_at", np.int64),
        ("sequence", np.int64),
        ("bid", np.float64),
        ("bid_size", np.float64),
        ("ask", np.float64),
        ("ask_size", np.float64),
        ("instrument", np.int32),
        ("bid_venue", np.uint8),
        ("ask_venue", np.uint8),
        ("session", np.int8),
    ],
    align=True,
)
"""The national best of an instrument after a quote that changed it: price, size or exchange of either side.

Instants and `sequence` are the quote's, `venue` is the ASCII code of the exchange letter. A side that nobody shows has
a NaN price, size 0 and venue 0. The size is what that one exchange shows, as the
securities information processors tell it."""
