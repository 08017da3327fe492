"""The tables of this directory are modules of their own, which the test imports by name."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
