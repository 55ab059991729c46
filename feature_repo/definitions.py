"""The declarations as Feast's own command line looks for them: `feast -c feature_repo plan`.

This is the one module that imports Feast when it is imported; the desk calls `declarations` instead.
"""

from feature_repo.declarations import declarations

INSTRUMENT, BAR_FEATURE_ROWS, BAR_FEATURES = declarations()
