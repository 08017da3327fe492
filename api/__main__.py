"""``python -m dflow`` is the command ``dflow``."""

from __future__ import annotations

import sys

from dflow.cli.main import main

sys.exit(main())
