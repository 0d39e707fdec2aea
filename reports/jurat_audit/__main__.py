"""The entry of the `jurat` command: find out what is installed before anything else.

The worker brings no library with it, so whoever installs `jurat` alone has this command
and nothing that it runs on.  They are told what to install, in one line.  That is why
this module imports the standard library only, and the rest inside `main`.
"""

from __future__ import annotations

import sys

OURS = frozenset({"jurat", "jurat_spec", "jurat_sim", "jurat_audit"})


def main() -> int:
    """Run the command line and return its exit status: 0, 1, 2 or 3 (see `jurat audit --help`)."""
    try:
        from .cli import run  # noqa: PLC0415 - it needs libraries that may not be there

        return run(sys.argv[1:])
    except ModuleNotFoundError as missing:
        name = (missing.name or "").partition(".")[0]
        if name in OURS:
            raise
        sys.stderr.write(f"jurat: {name} is not installed; install it with: pip install 'jurat[audit]'\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
