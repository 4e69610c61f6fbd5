"""Ending a listener of a test without losing what it has accepted."""

import asyncio

_TURNS = 4  # of the loop: accepted, given a transport, `connection_made`, the first step of what serves it


async def stop_accepting(server: asyncio.Server) -> None:
    """Close that listener. Afterwards whoever serves its connections knows all of them, and can end them.

    A connection that is accepted in the moment of closing is made turns of the loop later. Nobody would abort it, or
    asyncio would drop it unclosed, and the interpreter would complain in a test that has nothing to do with it.
    """
    loop = asyncio.get_running_loop()
    for sock in server.sockets:
        loop.remove_reader(sock.fileno())  # no more of them while those that were accepted are made
    for _ in range(_TURNS):
        await asyncio.sleep(0)
    server.close()
