"""``python -m dflow.python.runtime OP_FILE STEP_DIRECTORY``."""

from __future__ import annotations

import sys

from dflow.python.runtime.main import main

sys.exit(main(sys.argv[1:]))
