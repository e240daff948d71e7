"""Where packed images, features, downloads and weights are kept."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "GANCLI_CACHE"
"""Names another cache folder than the user's own."""


def cache_folder() -> Path:
    """The folder; it need not exist."""
    if named := os.environ.get(VARIABLE):
        return Path(named).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("gancli"))
