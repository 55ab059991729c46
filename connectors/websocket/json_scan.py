"""Kernels that read JSON where it stands: where wanted values begin and end, and what numbers and instants they are.

A scan reads a value whole by the grammar of RFC 8259 and notes the places of the values that a tree of paths names, and
nothing else: no text is copied and no object is made. Numbers are read from their digits: exact where digits and scale
allow it (W. D. Clinger, How to Read Floating Point Numbers Accurately, 1990), and left to the caller where they do not.
"""

import numpy as np
from numba import njit

DEPTH_MAX = 64
FINE, LONG, WRONG = 0, 1, 2
"""A number was read; it has too many digits or an exponent; it is none."""
_EXACT = 2**53
_DIGITS_MAX = 18
_POWERS = np.array([10**power for power in range(19)], np.int64)
_TENS = np.array([10.0**power for power in range(23)])
_SECOND = 10**9
_LATEST = 2**63 - 1


CHILD, SIBLING, KEY_START, KEY_STOP, INDEX, SLOT, ROW, LIST = range(8)
"""Columns of a tree of wanted paths, one node a row: its first child and next sibling (-1: none), where its key stands
among the letters of all keys, the same key as an index of an array (-1: it is none, -2: of any), the slot of
its value (-1: none), 1 where that is one of a row's, and the number of the list whose elements are rows (-1: none)."""


@njit(cache=True, nogil=True, error_model="numpy")
def _past_space(text, at, stop):  # type: ignore[no-untyped-def]
    while at < stop and text[at] in (32, 9, 10, 13):
        at += 1
    return at


@njit(cache=True, nogil=True, error_model="numpy")
def _past_string(text, at, stop):  # type: ignore[no-untyped-def]
    """Return the place after the string that begins at a quotation mark, -1 where it does not end."""
    at += 1
    while at < stop:
        letter = text[at]
        at += 1
        if letter == 34:
            return at
        if letter == 92:
            at += 1
        elif letter < 32:
            return -1
    return -1


@njit(cache=True, nogil=True, error_model="numpy")
def _past_digits(text, at, stop):  # type: ignore[no-untyped-def]
    while at < stop and 48 <= text[at] <= 57:
        at += 1
    return at


@njit(cache=True, nogil=True, error_model="numpy")
def _past_number(text, at, stop):  # type: ignore[no-untyped-def]
    """Return the place after a number, -1 where none is there."""
    if at < stop and text[at] == 45:
        at += 1
    begin = at
    at = _past_digits(text, at, stop)
    if at == begin or (text[begin] == 48 and at > begin + 1):
        return -1
    if at < stop and text[at] == 46:
        begin = at + 1
        at = _past_digits(text, begin, stop)
        if at == begin:
            return -1
    if at < stop and text[at] in (69, 101):
        at += 1
        if at < stop and text[at] in (43, 45):
            at += 1
        begin = at
        at = _past_digits(text, begin, stop)
        if at == begin:
            return -1
    return at


@njit(cache=True, nogil=True, error_model="numpy")
def _past_word(text, at, stop):  # type: ignore[no-untyped-def]
    """Return the place after true, false or null, -1 where another word is there."""
    if (
        stop - at >= 4
        and text[at] == 116
        and text[at + 1] == 114
        and text[at + 2] == 117
        and text[at + 3] == 101
    ):
        return at + 4
    if (
        stop - at >= 4
        and text[at] == 110
        and text[at + 1] == 117
        and text[at + 2] == 108
        and text[at + 3] == 108
    ):
        return at + 4
    if (
        stop - at >= 5
        and text[at] == 102
        and text[at + 1] == 97
        and text[at + 2] == 108
        and text[at + 3] == 115
    ):
        return at + 5 if text[at + 4] == 101 else -1
    return -1


@njit(cache=True, nogil=True, error_model="numpy")
def _past_plain(text, at, stop):  # type: ignore[no-untyped-def]
    """Return the place after a value that is neither object nor array, -1 where none is there."""
    letter = text[at]
    if letter == 34:
        return _past_string(text, at, stop)
    if letter == 45 or 48 <= letter <= 57:
        return _past_number(text, at, stop)
    return _past_word(text, at, stop)


@njit(cache=True, nogil=True, error_model="numpy")
def _named(text, start, stop, tree, keys, node):  # type: ignore[no-untyped-def]
    """Return the child of a node by the key at a place of the text, else that of any key, -1 where it has none."""
    if node < 0:
        return -1
    child, other = tree[node, CHILD], -1
    while child >= 0:
        if tree[child, INDEX] == -2:
            other = child
        begin, at = tree[child, KEY_START], start
        if tree[child, KEY_STOP] - begin == stop - start:
            while at < stop and keys[begin + at - start] == text[at]:
                at += 1
            if at == stop:
                return child
        child = tree[child, SIBLING]
    return other


@njit(cache=True, nogil=True, error_model="numpy")
def _numbered(tree, node, index):  # type: ignore[no-untyped-def]
    """Return the child of a node by its index in an array, -1 where it has none."""
    if node < 0:
        return -1
    child = tree[node, CHILD]
    while child >= 0 and tree[child, INDEX] != index:
        child = tree[child, SIBLING]
    return child


@njit(cache=True, nogil=True, error_model="numpy")
def _past_key(text, at, stop):  # type: ignore[no-untyped-def]
    """Return where a key begins and ends, and the place of its value; -1 where there is no key."""
    at = _past_space(text, at, stop)
    if at >= stop or text[at] != 34:
        return -1, -1, -1
    after = _past_string(text, at, stop)
    if after < 0:
        return -1, -1, -1
    colon = _past_space(text, after, stop)
    if colon >= stop or text[colon] != 58:
        return -1, -1, -1
    return at + 1, after - 1, colon + 1


@njit(cache=True, nogil=True, error_model="numpy")
def _begin_row(rows, owners, stack, frame, number):  # type: ignore[no-untyped-def]
    """Begin a row, an element of a list; return the index by which a tree names elements."""
    count = stack[3, 0]
    owners[0, count], owners[1, count] = frame, number
    for slot in range(rows.shape[1]):
        rows[0, slot, count] = -1
    stack[3, 0] = count + 1
    return -2


# Apart and with fewer arguments it takes twice as long: what numba does not inline hands on every array in full.
@njit(cache=True, nogil=True, error_model="numpy")
def _value(text, at, stop, tree, keys, stack, places, rows, owners, frame):  # type: ignore[no-untyped-def] # noqa: PLR0912, PLR0913, PLR0917
    """Read one value; return the place after it, -1 where there is none.

    `stack` (4, DEPTH_MAX) holds node, begin, and the count of elements (-1 of an object) of what is open; how many rows
    there are stands in its last row.
    """
    depth, node = 0, 0
    while at >= 0:
        at = _past_space(text, at, stop)
        if at >= stop:
            return -1
        begin, letter = at, text[at]
        if letter in (123, 91):
            at = _past_space(text, at + 1, stop)
            if depth == DEPTH_MAX or at >= stop:
                return -1
            if text[at] != letter + 2:
                stack[0, depth], stack[1, depth], stack[2, depth] = node, begin, -1 if letter == 123 else 0
                depth += 1
                if letter == 123:
                    start, end, at = _past_key(text, at, stop)
                    node = _named(text, start, end, tree, keys, node)
                    continue
                element = 0
                if node >= 0 and tree[node, LIST] >= 0:
                    if text[at] not in (123, 91):
                        return -1
                    element = _begin_row(rows, owners, stack, frame, tree[node, LIST])
                node = _numbered(tree, node, element)
                continue
            at += 1
        else:
            at = _past_plain(text, at, stop)
        while at >= 0:
            if node >= 0 and tree[node, SLOT] >= 0:
                slot, last = tree[node, SLOT], stack[3, 0] - 1
                if tree[node, ROW]:
                    rows[0, slot, last], rows[1, slot, last] = begin, at
                else:
                    places[0, slot, frame], places[1, slot, frame] = begin, at
            if depth == 0:
                return at
            at = _past_space(text, at, stop)
            if at < stop and text[at] == 44:
                break
            if at >= stop or text[at] != (125 if stack[2, depth - 1] < 0 else 93):
                return -1
            depth -= 1
            at, node, begin = at + 1, stack[0, depth], stack[1, depth]
        if at < 0:
            return -1
        node, element = stack[0, depth - 1], stack[2, depth - 1] + 1
        if element == 0:
            start, end, at = _past_key(text, at + 1, stop)
            node = _named(text, start, end, tree, keys, node)
            continue
        stack[2, depth - 1] = element
        at = _past_space(text, at + 1, stop)
        if node >= 0 and tree[node, LIST] >= 0:
            if at >= stop or text[at] not in (123, 91):
                return -1
            element = _begin_row(rows, owners, stack, frame, tree[node, LIST])
        node = _numbered(tree, node, element)
    return -1


@njit(cache=True, nogil=True, error_model="numpy")
def scan(text, begin, end, tree, keys, places, rows, owners, whole):  # type: ignore[no-untyped-def] # noqa: PLR0913, PLR0917  arrays
    """Scan a value from each `begin` to its `end`; return how many rows there are.

    `places` (2, slots, frames) is where wanted values begin (-1: there is none) and end, `rows` (2, slots, rows) the
    same of the elements of lists, which are objects or arrays, `owners` (2, rows) names the frame and the list of each,
    `whole` says which frame is JSON.
    """
    stack = np.zeros((4, DEPTH_MAX), np.int64)
    for frame in range(len(begin)):
        for slot in range(places.shape[1]):
            places[0, slot, frame] = -1
        at = _value(text, begin[frame], end[frame], tree, keys, stack, places, rows, owners, frame)
        whole[frame] = at >= 0 and _past_space(text, at, end[frame]) == end[frame]
    return stack[3, 0]


@njit(cache=True, nogil=True, error_model="numpy")
def _bare(text, start, stop):  # type: ignore[no-untyped-def]
    """Return a place without its quotation marks."""
    if start >= 0 and stop - start >= 2 and text[start] == 34:
        return start + 1, stop - 1
    return start, stop


@njit(cache=True, nogil=True, error_model="numpy")
def _decimal(text, start, stop):  # type: ignore[no-untyped-def]
    """Return the digits of a decimal as a whole number with its sign, how many follow the point, and how it is."""
    at, sign = start, 1
    if at < stop and text[at] == 45:
        sign, at = -1, at + 1
    first, digits, count, point = at, 0, 0, -1
    while at < stop:
        letter = text[at]
        if 48 <= letter <= 57:
            count += digits > 0 or letter > 48
            if count <= _DIGITS_MAX:
                digits = digits * 10 + (letter - 48)
        elif letter == 46 and point < 0 and at > first:
            point = at
        elif letter in (69, 101, 43, 45):
            return 0, 0, LONG
        else:
            return 0, 0, WRONG
        at += 1
    if start < 0 or at == first or point == at - 1:
        return 0, 0, WRONG
    return sign * digits, (at - point - 1 if point >= 0 else 0), LONG if count > _DIGITS_MAX else FINE


@njit(cache=True, nogil=True, error_model="numpy")
def decimals(text, starts, stops, values, digits, how):  # type: ignore[no-untyped-def]
    """Read decimals, quoted or not: set the value, the digits without a point, and FINE, LONG or WRONG of each.

    What is WRONG is NaN. Of a LONG one value and digits are the caller's to read. Return whether every one is FINE, and
    whether it is a whole number as well.
    """
    fine, integral = True, True
    for row in range(len(starts)):
        start, stop = _bare(text, starts[row], stops[row])
        whole, scale, state = _decimal(text, start, stop)
        values[row], digits[row] = np.nan, whole
        if state == FINE and (abs(whole) > _EXACT or scale > 22):
            state = LONG
        elif state == FINE:
            values[row] = whole / _TENS[scale]
        how[row] = state
        fine &= state == FINE
        integral &= scale == 0
    return fine, fine and integral


@njit(cache=True, nogil=True, error_model="numpy")
def _days(year, month, day):  # type: ignore[no-untyped-def]
    """Return days since 1970 of a date of the Gregorian calendar (H. Hinnant, days_from_civil)."""
    year -= month <= 2
    era = year // 400
    of_era = year - era * 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


@njit(cache=True, nogil=True, error_model="numpy")
def _whole(text, start, stop):  # type: ignore[no-untyped-def]
    """Return the number that digits alone write, -1 where other letters are among them."""
    number = 0
    for at in range(start, stop):
        if not 48 <= text[at] <= 57:
            return -1
        number = number * 10 + (text[at] - 48)
    return number


@njit(cache=True, nogil=True, error_model="numpy")
def _iso(text, start, stop):  # type: ignore[no-untyped-def]
    """Return the instant (ns UTC) of `YYYY-MM-DDTHH:MM:SS[.digits]Z`, -1 where it is none; digits past nine are cut."""
    if stop - start < 20 or text[stop - 1] != 90:
        return -1
    marks = (text[start + 4], text[start + 7], text[start + 10], text[start + 13], text[start + 16])
    if marks != (45, 45, 84, 58, 58):
        return -1
    year, month = _whole(text, start, start + 4), _whole(text, start + 5, start + 7)
    day, hour = _whole(text, start + 8, start + 10), _whole(text, start + 11, start + 13)
    minute, second = _whole(text, start + 14, start + 16), _whole(text, start + 17, start + 19)
    if min(year, hour, minute, second) < 0 or hour > 23 or minute > 59 or second > 59:
        return -1
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return -1
    rest, digits = 0, min(stop - 1, start + 29)
    if stop - start > 20:
        rest = _whole(text, start + 20, digits)
        if text[start + 19] != 46 or digits == start + 20 or rest < 0:
            return -1
        rest *= _POWERS[9 - (digits - start - 20)]
    return (((_days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second) * _SECOND + rest


@njit(cache=True, nogil=True, error_model="numpy")
def instants(text, starts, stops, unit, found):  # type: ignore[no-untyped-def]
    """Read instants (ns UTC) of whole or decimal numbers of a unit (ns), or ISO 8601 where it is 0; -1: none.

    Return the least of them.
    """
    least = np.int64(_LATEST)
    for row in range(len(starts)):
        start, stop = _bare(text, starts[row], stops[row])
        if unit == 0:
            found[row] = _iso(text, start, stop) if start >= 0 else -1
            least = min(least, found[row])
            continue
        whole, scale, state = _decimal(text, start, stop)
        while scale > 9:
            whole, scale = whole // 10, scale - 1
        seconds, rest = whole // _POWERS[scale], whole % _POWERS[scale]
        large = whole < 0 or seconds > 2**62 // unit
        found[row] = -1 if state != FINE or large else seconds * unit + rest * unit // _POWERS[scale]
        least = min(least, found[row])
    return least


@njit(cache=True, nogil=True, error_model="numpy")
def words(text, starts, stops, found):  # type: ignore[no-untyped-def]
    """Read words of up to eight letters as one number each, the first letter lowest; 0 where there is none."""
    for row in range(len(starts)):
        start, stop = _bare(text, starts[row], stops[row])
        found[row] = 0
        if start >= 0 and stop - start <= 8:
            for at in range(stop - 1, start - 1, -1):
                found[row] = (found[row] << np.uint64(8)) | np.uint64(text[at])
