"""Carries out one request with crossbarhttp3, as it is: prints its result, or the name of the error that it raises."""

import json
import sys

from crossbarhttp import Client, ClientBaseException

order = json.loads(sys.argv[1])
client = Client(order["url"], key=order.get("key"), secret=order.get("secret"), timeout=60)
try:
    answer = {"result": getattr(client, order["do"])(order["uri"], *order["args"], **order["kwargs"])}
except ClientBaseException as failure:
    answer = {"error": type(failure).__name__}
print(json.dumps(answer))
