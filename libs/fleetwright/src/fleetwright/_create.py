"""python -m fleetwright._create URL NAME...: makes databases that are not there."""

import asyncio
import sys
from collections.abc import Sequence
from urllib.parse import urlsplit


async def create(url: str, names: Sequence[str]) -> list[str]:
    """Make the databases that are not there yet.

    Args:
        url: Any database of the server, whose user may create others.
        names: What is to be there.

    Returns:
        Those that were made.

    Raises:
        OSError: The server cannot be reached.
        asyncpg.PostgresError: It refused.
    """
    import asyncpg  # of an extra: only whom a PostgreSQL is named has it

    plain = urlsplit(url)._replace(scheme="postgresql").geturl()
    connection = await asyncpg.connect(plain, timeout=10)
    made = []
    try:
        for name in names:
            quoted = '"' + name.replace('"', '""') + '"'
            found = "select 1 from pg_database where datname = $1"
            if await connection.fetchval(found, name) is None:
                try:
                    await connection.execute(f"create database {quoted}")
                except asyncpg.DuplicateDatabaseError:
                    continue  # somebody else was quicker
                made.append(name)
    finally:
        await connection.close()
    return made


def main(words: Sequence[str]) -> int:
    """Run the command.

    Args:
        words: The URL, then the names.

    Returns:
        0 when all are there, 1 with one line on stderr when not.
    """
    try:
        asyncio.run(create(words[0], words[1:]))
    except ImportError:
        sys.stderr.write("no driver: add fleetwright[postgres] and run fleet lock\n")
    except Exception as error:  # a driver's own words are one line for whoever asked
        sys.stderr.write(f"{str(error) or type(error).__name__}\n")
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
