"""The transition table of standards.md 5.1, written out: what each event makes of an order in each state.

A state is an OrdStatus(39) and how much of 100 units is filled: none, part (20 and 10), whole (30 and 70); `unknown`
is an order of which nothing was heard. An event is ExecType/OrdStatus in FIX values, with the quantities that are true
then. Behind the answer stand the events that get it; after `applied`, `early` and `overfilled` the order has the status
of the report, after `late_fill` and `amended_after_end` its own, and `early` behind an end its own too. What is in no
line is refused and changes nothing. A `refusal` of a replace (35=9) is status said:status after, and the gap it opens.

Where the catalogue shows a step from A to B and one from B to C, there is one from A to C, because the report of B may
be lost ("absence of a scenario is not a prohibition"); New, PendingNew and Rejected need an order of which nothing is
filled, PartFilled and Filled the quantity that they say. Of several statuses that hold at once the highest is said, so
a replace may be accepted with a later one still pending (Appendix D, D.2.b). Canceled, Rejected and Expired are left by
a restatement alone (group E), Rejected by none.
"""

TABLE = """
PENDING_NEW unknown
  applied A/A 0/0 3/3 4/4 5/0 5/2 5/6 5/E 6/6 7/7 8/8 9/9 B/B C/C D/A D/0 D/3 D/4 D/6 D/7 D/8 D/9 D/B
  + D/C D/E E/6 E/E F/1 F/2 F/6 F/E I/A I/0 I/3 I/4 I/6 I/7 I/8 I/9 I/B I/C I/E L/0 L/6 L/E
  early G/1 G/3 G/4 G/6 G/C G/E H/0 H/3 H/4 H/6 H/C H/E
  refusal A:A 0:0 1:1+1 2:2+100 3:3 4:4 6:6 7:7 8:8 9:9 B:B C:C E:E
PENDING_NEW none
  applied A/A 0/0 3/3 4/4 5/0 5/2 5/6 5/E 6/6 7/7 8/8 9/9 B/B C/C D/A D/0 D/3 D/4 D/6 D/7 D/8 D/9 D/B
  + D/C D/E E/6 E/E F/1 F/2 F/6 F/E I/A I/0 I/3 I/4 I/6 I/7 I/8 I/9 I/B I/C I/E L/0 L/6 L/E
  early G/1 G/3 G/4 G/6 G/C G/E H/0 H/3 H/4 H/6 H/C H/E
  refusal A:A 0:0 1:1+1 2:2+100 3:3 4:4 6:6 7:7 8:8 9:9 B:B C:C E:E
NEW none
  applied 0/0 3/3 4/4 5/0 5/2 5/6 5/E 6/6 7/7 8/8 9/9 B/B C/C D/0 D/3 D/4 D/6 D/7 D/8 D/9 D/B D/C D/E
  + E/6 E/E F/1 F/2 F/6 F/E I/0 I/3 I/4 I/6 I/7 I/8 I/9 I/B I/C I/E L/0 L/6 L/E
  early G/1 G/3 G/4 G/6 G/C G/E H/0 H/3 H/4 H/6 H/C H/E
  refusal A:0 0:0 1:1+1 2:2+100 3:3 4:4 6:6 7:7 9:9 B:B C:C E:E
PARTIALLY_FILLED part
  applied 3/3 4/4 5/1 5/2 5/6 5/E 6/6 7/7 9/9 B/B C/C D/1 D/3 D/4 D/6 D/7 D/9 D/B D/C D/E E/6 E/E F/1
  + F/2 F/6 F/E G/1 G/3 G/4 G/6 G/C G/E H/1 H/3 H/4 H/6 H/C H/E I/1 I/3 I/4 I/6 I/7 I/9 I/B I/C I/E L/6
  + L/E
  refusal A:1-30 0:1-30 1:1 2:2+70 3:3 4:4 6:6 7:7 9:9 B:B C:C E:E
FILLED whole
  applied 5/1 5/2 5/6 5/E 6/6 B/B D/2 D/6 D/B D/E E/6 E/E G/1 G/2 G/3 G/4 G/6 G/C G/E H/1 H/3 H/4 H/6
  + H/C H/E I/2 I/6 I/B I/E L/6 L/E
  overfilled F/2 F/6 F/E
  refusal A:2-100 0:2-100 1:2-1 2:2 3:2 6:6 7:2 9:2 B:B E:E
DONE_FOR_DAY none
  applied 0/0 3/3 4/4 5/0 5/2 5/6 5/E 6/6 7/7 9/9 B/B C/C D/0 D/3 D/4 D/6 D/7 D/9 D/B D/C D/E E/6 E/E
  + F/1 F/2 F/6 F/E I/0 I/3 I/4 I/6 I/7 I/9 I/B I/C I/E L/0 L/6 L/E
  early G/1 G/3 G/4 G/6 G/C G/E H/0 H/3 H/4 H/6 H/C H/E
  refusal A:3 0:0 1:1+1 2:2+100 3:3 4:4 6:6 7:7 9:9 B:B C:C E:E
DONE_FOR_DAY part
  applied 3/3 4/4 5/1 5/2 5/6 5/E 6/6 7/7 9/9 B/B C/C D/1 D/3 D/4 D/6 D/7 D/9 D/B D/C D/E E/6 E/E F/1
  + F/2 F/6 F/E G/1 G/3 G/4 G/6 G/C G/E H/1 H/3 H/4 H/6 H/C H/E I/1 I/3 I/4 I/6 I/7 I/9 I/B I/C I/E L/6
  + L/E
  refusal A:3-30 0:0-30 1:1 2:2+70 3:3 4:4 6:6 7:7 9:9 B:B C:C E:E
PENDING_CANCEL none
  applied 0/0 3/3 4/4 5/0 5/2 5/6 5/E 6/6 7/7 8/8 9/9 B/B C/C D/0 D/3 D/4 D/6 D/7 D/8 D/9 D/B D/C D/E
  + E/6 E/E F/1 F/2 F/6 F/E I/0 I/3 I/4 I/6 I/7 I/8 I/9 I/B I/C I/E L/0 L/6 L/E
  early G/1 G/3 G/4 G/6 G/C G/E H/0 H/3 H/4 H/6 H/C H/E
  refusal A:0 0:0 1:1+1 2:2+100 3:3 4:4 6:6 7:7 9:9 B:B C:C E:E
PENDING_CANCEL part
  applied 3/3 4/4 5/1 5/2 5/6 5/E 6/6 7/7 9/9 B/B C/C D/1 D/3 D/4 D/6 D/7 D/9 D/B D/C D/E E/6 E/E F/1
  + F/2 F/6 F/E G/1 G/3 G/4 G/6 G/C G/E H/1 H/3 H/4 H/6 H/C H/E I/1 I/3 I/4 I/6 I/7 I/9 I/B I/C I/E L/6
  + L/E
  refusal A:0-30 0:0-30 1:1 2:2+70 3:3 4:4 6:6 7:7 9:9 B:B C:C E:E
PENDING_CANCEL whole
  applied 3/3 4/4 5/1 5/2 5/6 5/E 6/6 7/7 9/9 B/B C/C D/2 D/3 D/4 D/6 D/7 D/9 D/B D/C D/E E/6 E/E G/1
  + G/2 G/3 G/4 G/6 G/C G/E H/1 H/3 H/4 H/6 H/C H/E I/2 I/3 I/4 I/6 I/7 I/9 I/B I/C I/E L/6 L/E
  overfilled F/2 F/6 F/E
  refusal A:0-100 0:0-100 1:1-1 2:2 3:3 4:4 6:6 7:7 9:9 B:B C:C E:E
PENDING_REPLACE none
  applied 0/0 3/3 4/4 5/0 5/2 5/6 5/E 6/6 7/7 8/8 9/9 B/B C/C D/0 D/3 D/4 D/6 D/7 D/8 D/9 D/B D/C D/E
  + E/6 E/E F/1 F/2 F/6 F/E I/0 I/3 I/4 I/6 I/7 I/8 I/9 I/B I/C I/E L/0 L/6 L/E
  early G/1 G/3 G/4 G/6 G/C G/E H/0 H/3 H/4 H/6 H/C H/E
  refusal A:0 0:0 1:1+1 2:2+100 3:3 4:4 6:6 7:7 9:9 B:B C:C E:E
PENDING_REPLACE part
  applied 3/3 4/4 5/1 5/2 5/6 5/E 6/6 7/7 9/9 B/B C/C D/1 D/3 D/4 D/6 D/7 D/9 D/B D/C D/E E/6 E/E F/1
  + F/2 F/6 F/E G/1 G/3 G/4 G/6 G/C G/E H/1 H/3 H/4 H/6 H/C H/E I/1 I/3 I/4 I/6 I/7 I/9 I/B I/C I/E L/6
  + L/E
  refusal A:0-30 0:0-30 1:1 2:2+70 3:3 4:4 6:6 7:7 9:9 B:B C:C E:E
PENDING_REPLACE whole
  applied 3/3 4/4 5/1 5/2 5/6 5/E 6/6 7/7 9/9 B/B C/C D/2 D/3 D/4 D/6 D/7 D/9 D/B D/C D/E E/6 E/E G/1
  + G/2 G/3 G/4 G/6 G/C G/E H/1 H/3 H/4 H/6 H/C H/E I/2 I/3 I/4 I/6 I/7 I/9 I/B I/C I/E L/6 L/E
  overfilled F/2 F/6 F/E
  refusal A:0-100 0:0-100 1:1-1 2:2 3:3 4:4 6:6 7:7 9:9 B:B C:C E:E
STOPPED none
  applied 0/0 3/3 4/4 5/0 5/2 5/6 5/E 6/6 7/7 8/8 9/9 B/B C/C D/0 D/3 D/4 D/6 D/7 D/8 D/9 D/B D/C D/E
  + E/6 E/E F/1 F/2 F/6 F/E I/0 I/3 I/4 I/6 I/7 I/8 I/9 I/B I/C I/E L/0 L/6 L/E
  early G/1 G/3 G/4 G/6 G/C G/E H/0 H/3 H/4 H/6 H/C H/E
  refusal A:7 0:0 1:1+1 2:2+100 3:3 4:4 6:6 7:7 9:9 B:B C:C E:E
STOPPED part
  applied 3/3 4/4 5/1 5/2 5/6 5/E 6/6 7/7 9/9 B/B C/C D/1 D/3 D/4 D/6 D/7 D/9 D/B D/C D/E E/6 E/E F/1
  + F/2 F/6 F/E G/1 G/3 G/4 G/6 G/C G/E H/1 H/3 H/4 H/6 H/C H/E I/1 I/3 I/4 I/6 I/7 I/9 I/B I/C I/E L/6
  + L/E
  refusal A:7-30 0:0-30 1:1 2:2+70 3:3 4:4 6:6 7:7 9:9 B:B C:C E:E
SUSPENDED none
  applied 0/0 3/3 4/4 5/0 5/2 5/6 5/E 6/6 7/7 8/8 9/9 B/B C/C D/0 D/3 D/4 D/6 D/7 D/8 D/9 D/B D/C D/E
  + E/6 E/E F/1 F/2 F/6 F/E I/0 I/3 I/4 I/6 I/7 I/8 I/9 I/B I/C I/E L/0 L/6 L/E
  early G/1 G/3 G/4 G/6 G/C G/E H/0 H/3 H/4 H/6 H/C H/E
  refusal A:9 0:0 1:1+1 2:2+100 3:3 4:4 6:6 7:7 9:9 B:B C:C E:E
SUSPENDED part
  applied 3/3 4/4 5/1 5/2 5/6 5/E 6/6 7/7 9/9 B/B C/C D/1 D/3 D/4 D/6 D/7 D/9 D/B D/C D/E E/6 E/E F/1
  + F/2 F/6 F/E G/1 G/3 G/4 G/6 G/C G/E H/1 H/3 H/4 H/6 H/C H/E I/1 I/3 I/4 I/6 I/7 I/9 I/B I/C I/E L/6
  + L/E
  refusal A:9-30 0:0-30 1:1 2:2+70 3:3 4:4 6:6 7:7 9:9 B:B C:C E:E
CALCULATED none
  applied 0/0 3/3 4/4 5/0 5/2 5/6 5/E 6/6 7/7 9/9 B/B C/C D/0 D/3 D/4 D/6 D/7 D/9 D/B D/C D/E E/6 E/E
  + F/1 F/2 F/6 F/E I/0 I/3 I/4 I/6 I/7 I/9 I/B I/C I/E L/0 L/6 L/E
  early G/1 G/3 G/4 G/6 G/C G/E H/0 H/3 H/4 H/6 H/C H/E
  refusal A:B 0:0 1:1+1 2:2+100 3:3 4:4 6:6 7:7 9:9 B:B C:C E:E
CALCULATED part
  applied 3/3 4/4 5/1 5/2 5/6 5/E 6/6 7/7 9/9 B/B C/C D/1 D/3 D/4 D/6 D/7 D/9 D/B D/C D/E E/6 E/E F/1
  + F/2 F/6 F/E G/1 G/3 G/4 G/6 G/C G/E H/1 H/3 H/4 H/6 H/C H/E I/1 I/3 I/4 I/6 I/7 I/9 I/B I/C I/E L/6
  + L/E
  refusal A:B-30 0:0-30 1:1 2:2+70 3:3 4:4 6:6 7:7 9:9 B:B C:C E:E
CALCULATED whole
  applied 3/3 4/4 5/1 5/2 5/6 5/E 6/6 7/7 9/9 B/B C/C D/2 D/3 D/4 D/6 D/7 D/9 D/B D/C D/E E/6 E/E G/1
  + G/2 G/3 G/4 G/6 G/C G/E H/1 H/3 H/4 H/6 H/C H/E I/2 I/3 I/4 I/6 I/7 I/9 I/B I/C I/E L/6 L/E
  overfilled F/2 F/6 F/E
  refusal A:B-100 0:0-100 1:1-1 2:2 3:3 4:4 6:6 7:7 9:9 B:B C:C E:E
CANCELED none
  applied D/0 D/3 D/4 D/6 D/7 D/9 D/B D/C D/E I/4
  early G/1 G/3 G/4 G/6 G/C G/E H/0 H/3 H/4 H/6 H/C H/E
  late_fill F/1 F/2 F/6 F/E
  refusal 4:4 8:4
CANCELED part
  applied D/1 D/3 D/4 D/6 D/7 D/9 D/B D/C D/E I/4
  late_fill F/1 F/2 F/6 F/E
  amended_after_end G/1 G/3 G/4 G/6 G/C G/E H/1 H/3 H/4 H/6 H/C H/E
  refusal 4:4 8:4
REJECTED none
  applied D/8 I/8
  early G/1 G/3 G/4 G/6 G/C G/E H/0 H/3 H/4 H/6 H/C H/E
  late_fill F/1 F/2 F/6 F/E
  refusal 8:8
EXPIRED none
  applied D/0 D/3 D/4 D/6 D/7 D/9 D/B D/C D/E I/C
  early G/1 G/3 G/4 G/6 G/C G/E H/0 H/3 H/4 H/6 H/C H/E
  late_fill F/1 F/2 F/6 F/E
  refusal 8:C C:C
EXPIRED part
  applied D/1 D/3 D/4 D/6 D/7 D/9 D/B D/C D/E I/C
  late_fill F/1 F/2 F/6 F/E
  amended_after_end G/1 G/3 G/4 G/6 G/C G/E H/1 H/3 H/4 H/6 H/C H/E
  refusal 8:C C:C
"""

PAIRS = """
A/A 0/0 8/8 4/4 C/C 3/3 7/7 9/9 B/B 6/6
F/1 F/2 F/6 F/E
5/0 5/1 5/2 5/6 5/E
E/E E/6
D/A D/0 D/1 D/2 D/3 D/4 D/6 D/7 D/8 D/9 D/B D/C D/E
I/A I/0 I/1 I/2 I/3 I/4 I/6 I/7 I/8 I/9 I/B I/C I/E
G/0 G/1 G/2 G/4 G/3 G/C G/6 G/E
H/0 H/1 H/2 H/4 H/3 H/C H/6 H/E
L/0 L/6 L/E
"""
"""ExecType(150) x OrdStatus(39) of 5.1, with the pending statuses where one of them may hold beside and wins."""
