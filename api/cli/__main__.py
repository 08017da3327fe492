"""``python -m dflow.cli``."""

from __future__ import annotations

import sys

from dflow.cli.main import main

sys.exit(main())
