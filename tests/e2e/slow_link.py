"""A slow line on this machine: a port on loopback that hands everything on, but later."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def slow_link(address: str, port: int, each_way_s: float) -> Iterator[int]:
    """Every byte to `address` and back arrives `each_way_s` later; gives the port to connect to."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(address, port)
        await asyncio.gather(_hand_on(reader, back, each_way_s), _hand_on(there, writer, each_way_s))

    server = asyncio.run_coroutine_threadsafe(asyncio.start_server(meet, "127.0.0.1", 0), loop).result(10)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(_end(server), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, later_s: float) -> None:
    loop = asyncio.get_running_loop()
    try:
        while data := await reader.read(65536):
            loop.call_later(later_s, writer.write, data)
        await asyncio.sleep(2 * later_s)
    except ConnectionError:
        pass
    finally:
        writer.close()


async def _end(server: asyncio.Server) -> None:
    server.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    # What was closed is gone after the loop has gone round once more.
    await asyncio.sleep(0.1)
