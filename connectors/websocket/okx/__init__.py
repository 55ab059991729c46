"""OKX: channels of instruments over a websocket, books whose messages name the one before."""
