"""A session of autobahn-python with its own reconnection, for test/interop/reconnection.test.ts (pip install autobahn)."""

import sys

from autobahn.asyncio.component import Component, run

component = Component(transports=sys.argv[1], realm="realm1")


@component.on_join
def joined(session, details):
    print("joined", flush=True)


run([component], log_level="critical")
