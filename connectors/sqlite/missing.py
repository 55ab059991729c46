"""What is said where no journal is: for those who answer to it without loading what reads one."""


class NoJournal(FileNotFoundError):
    """There is no journal to read."""
