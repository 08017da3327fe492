"""Where the tests of exports find the workflows that they export."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
for place in (HERE, HERE.parents[2] / "parity"):
    if str(place) not in sys.path:
        sys.path.insert(0, str(place))
