# SPDX-License-Identifier: MIT
"""Control groups, looked for while others make and remove theirs."""
import os
from pathlib import Path


def cgroups_named(name):
    """All groups of that name, of whatever hierarchy and wherever they are."""
    return [Path(folder, name) for folder, folders, _ in os.walk("/sys/fs/cgroup") if name in folders]
