"""How far one side has run ahead of another that it waits for."""


class Backlog:
    """How many batches wait inside a stage, for whoever brings more; `is_over` where it will do nothing more."""

    def __init__(self, batches_max: int = 64) -> None:
        self.batches_max, self.batches, self.is_over = batches_max, 0, False

    def is_full(self) -> bool:
        """Say whether no more batches should be brought for now."""
        return self.batches >= self.batches_max
