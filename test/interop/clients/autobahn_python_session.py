"""One session of autobahn-python that another process steers, for `python-client.ts`: ADDRESS SERIALIZER.

Reads orders from stdin, one line of JSON each, and writes answers and events to stdout in the same way.
"""

import asyncio
import json
import sys

from autobahn.asyncio.wamp import ApplicationRunner, ApplicationSession
from autobahn.wamp import serializer as serializers
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.types import (
    CallOptions,
    CallResult,
    PublishOptions,
    RegisterOptions,
    SessionDetails,
    SubscribeOptions,
)

SERIALIZERS = {
    "json": serializers.JsonSerializer,
    "msgpack": serializers.MsgPackSerializer,
    "cbor": serializers.CBORSerializer,
}


def write(**fields):
    print(json.dumps(fields), flush=True)


class Steered(ApplicationSession):
    def onJoin(self, details):
        write(joined=details.session)
        self.steering = asyncio.ensure_future(self.steer())

    def onLeave(self, details):
        write(left=details.reason)
        self.disconnect()

    def onDisconnect(self):
        asyncio.get_running_loop().stop()

    async def steer(self):
        lines = asyncio.StreamReader(limit=2**24)
        loop = asyncio.get_running_loop()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        while line := await lines.readline():
            order = json.loads(line)
            loop.create_task(self.answer(order))
        if self.is_attached():
            self.leave()

    async def answer(self, order):
        try:
            result = await getattr(self, "do_" + order["do"])(**order["with"])
        except ApplicationError as error:
            write(id=order["id"], error={"uri": error.error, "args": list(error.args)})
        except Exception as error:
            write(id=order["id"], failure=repr(error))
        else:
            write(id=order["id"], result=result)

    async def do_call(self, procedure, args, kwargs):
        result = await self.call(procedure, *args, options=CallOptions(), **kwargs)
        if isinstance(result, CallResult):
            return {"args": list(result.results or ()), "kwargs": result.kwresults or {}}
        return {"args": [] if result is None else [result], "kwargs": {}}

    async def do_subscribe(self, topic, options, key):
        def received(*args, details, **kwargs):
            write(event=key, args=args, kwargs=kwargs, publication=details.publication, topic=details.topic)

        await self.subscribe(received, topic, SubscribeOptions(details_arg="details", **options))

    async def do_register(self, procedure, options):
        async def echo(*args):
            return list(args)

        return (await self.register(echo, procedure, RegisterOptions(**options))).id

    async def do_publish(self, topic, args, options):
        return (await self.publish(topic, *args, options=PublishOptions(acknowledge=True, **options))).id

    async def do_read_session(self, details):
        """The session's details as the library understands them."""
        return SessionDetails.parse(details).marshal()

    async def do_leave(self):
        self.leave()


runner = ApplicationRunner(sys.argv[1], "realm1", serializers=[SERIALIZERS[sys.argv[2]]()])
runner.run(Steered, log_level="critical")
