"""Loading a configuration that somebody may be writing at this very moment.

A file that is half written is often valid YAML. So nothing is believed until it has stayed the same for a tenth of a
second. Writing a new file and renaming it over the old one is still the better way, and needs no luck.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

from cors_gateway.config.load import Loaded
from cors_gateway.config.syntax.files import Files

STABLE_SECONDS = 0.1
ATTEMPTS = 50
"""After five seconds of constant change, what was read last has to do."""


async def load_when_stable(load: Callable[[], Loaded]) -> Loaded:
    """Load, in a thread, until the files hold still."""
    before = ""
    for _ in range(ATTEMPTS - 1):
        loaded = await asyncio.to_thread(load)
        await asyncio.sleep(STABLE_SECONDS)
        after = await asyncio.to_thread(fingerprint, loaded.files)
        # The second comparison is for files that a load gives up on, and therefore sees differently.
        if after in {loaded.fingerprint, before}:
            return loaded
        before = after
    return await asyncio.to_thread(load)


def fingerprint(names: tuple[str, ...]) -> str:
    """The fingerprint that a load of exactly these files would have. Blocks."""
    files = Files()
    for name in names:
        files.read(Path(name))
    return files.fingerprint
