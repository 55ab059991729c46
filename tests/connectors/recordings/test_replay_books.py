"""The books that a replay venue keeps: differences before and after a snapshot, older and newer than it."""

from connectors.recordings.manners import ASKS, BIDS, BookChange, ReplayBooks, rows_of


def change(number, bid, *, whole=False, ask=None):
    levels = [(BIDS, *bid)] + ([(ASKS, *ask)] if ask else [])
    return BookChange("BTCUSDT", levels, whole, mark=number, number=number)


SNAPSHOT = change(10, ("9", ["9", "1"]), whole=True, ask=("11", ["11", "1"]))


def after(*changes):
    books = ReplayBooks(None)
    for each in changes:
        books.take(each)
    book = books.get("BTCUSDT")
    return None if book is None else (book.mark, rows_of(book, BIDS), rows_of(book, ASKS))


def test_a_difference_that_came_before_the_snapshot_and_is_newer_follows_it():
    assert after(change(9, ("8", ["8", "5"])), change(12, ("9", None)), SNAPSHOT) == (12, [], [["11", "1"]])


def test_a_difference_that_is_older_than_the_snapshot_changes_nothing():
    assert after(SNAPSHOT, change(9, ("9", None))) == (10, [["9", "1"]], [["11", "1"]])


def test_a_snapshot_that_is_older_than_the_book_changes_nothing():
    newer = change(15, ("9", ["9", "7"]))

    assert after(SNAPSHOT, newer, SNAPSHOT) == (15, [["9", "7"]], [["11", "1"]])


def test_a_book_without_a_snapshot_does_not_stand():
    assert after(change(12, ("9", ["9", "1"]))) is None


def test_changes_without_numbers_are_taken_as_they_come():
    unnumbered = [each._replace(number=-1) for each in (SNAPSHOT, change(3, ("9", ["9", "2"])))]

    assert after(*unnumbered) == (3, [["9", "2"]], [["11", "1"]])
