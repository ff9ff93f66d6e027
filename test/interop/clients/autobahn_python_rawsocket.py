"""A session of autobahn-python over RawSocket, for test/interop/rawsocket.test.ts: asyncio|twisted rs://HOST:PORT SERIALIZER.

Registers a procedure and calls it, subscribes to a topic and publishes to it. Prints `ok` when all of that works.
"""

import asyncio
import importlib
import sys

import txaio

# The framework has to be chosen before the rest of the library is imported.
framework, address, serializer = sys.argv[1:]
getattr(txaio, f"use_{framework}")()

from autobahn.wamp import serializer as serializers  # noqa: E402
from autobahn.wamp.types import PublishOptions  # noqa: E402

SERIALIZERS = {
    "json": serializers.JsonSerializer,
    "msgpack": serializers.MsgPackSerializer,
    "cbor": serializers.CBORSerializer,
}
library = importlib.import_module(f"autobahn.{framework}.wamp")


class Session(library.ApplicationSession):
    def onJoin(self, details):
        # The Twisted side of the library awaits deferreds only.
        if framework == "twisted":
            from twisted.internet.defer import ensureDeferred

            return ensureDeferred(self.work())
        return self.work()

    async def work(self):
        events = []

        def add(a, b):
            return a + b

        await self.register(add, "com.example.python.add")
        assert await self.call("com.example.python.add", 2, 3) == 5
        text = "x" * 100_000
        await self.subscribe(events.append, "com.example.python.topic")
        options = PublishOptions(acknowledge=True, exclude_me=False)
        await self.publish("com.example.python.topic", text, options=options)
        await self.call("com.example.python.add", 0, 0)
        assert events == [text], events
        # Twisted redirects sys.stdout into its log.
        print("ok", file=sys.__stdout__, flush=True)
        self.leave()

    def onDisconnect(self):
        if framework == "twisted":
            from twisted.internet import reactor

            if reactor.running:
                reactor.stop()
        else:
            asyncio.get_running_loop().stop()


runner = library.ApplicationRunner(address, "realm1", serializers=[SERIALIZERS[serializer]()])
runner.run(Session, log_level="critical")
