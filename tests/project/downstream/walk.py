"""Import every module of a package; prints those that cannot be imported, and why, as JSON."""

import importlib
import json
import pkgutil
import sys
import warnings

warnings.simplefilter("ignore")
package = importlib.import_module(sys.argv[1])
imported, failed = [sys.argv[1]], {}
for module in pkgutil.walk_packages(package.__path__, f"{sys.argv[1]}.", onerror=str):
    if not module.name.endswith("__main__"):
        try:
            importlib.import_module(module.name)
            imported.append(module.name)
        except Exception as exc:  # noqa: BLE001 - whatever it is, it is told
            failed[module.name] = f"{type(exc).__name__}: {exc}"
print("WALKED " + json.dumps({"imported": imported, "failed": failed}))
