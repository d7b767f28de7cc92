"""Makes a token: ``python -m hubbub.plugins.auth_tokens alice``."""

from __future__ import annotations

import argparse
import json
import secrets
import sys
from collections.abc import Sequence

from .token_file import digest_of

PREFIX = "hub_"
"""By which people, and programs that look for secrets where none should be, know what it is."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a new token, and the entry for the file."""
    parser = argparse.ArgumentParser(
        prog="python -m hubbub.plugins.auth_tokens",
        description="Make a token for auth_tokens, and the entry that goes into its file.",
    )
    parser.add_argument("user", help="the user name that the token stands for")
    parser.add_argument(
        "--group", action="append", default=[], help="a group that the user is in; may be repeated"
    )
    parser.add_argument("--expires", metavar="DATE", help="when it ceases to be good, such as 2027-01-31")
    options = parser.parse_args(arguments)
    token = PREFIX + secrets.token_urlsafe(32)
    entry: dict[str, object] = {"user": options.user, "sha256": digest_of(token)}
    if options.group:
        entry["groups"] = options.group
    if options.expires:
        entry["expires"] = options.expires
    sys.stdout.write(
        f"The token, which is shown only now:\n\n  {token}\n\n"
        f"The entry for the file, which cannot be turned back into it (without the dash in a .jsonl file):\n\n"
        f"- {json.dumps(entry, ensure_ascii=False)}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
