"""The audit of an order from end to end, in the forms that others read, with the proof of each record."""
