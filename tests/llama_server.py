"""llama.cpp's own server as a child process, for tests: ``python llama_server.py MODEL``, the API key in $LLAMA_API_KEY.

$LLAMA_ROWS is how many rows of a prompt are computed at once.

Writes its base URL as one line of JSON when it is ready, and ends when its standard input is closed, so that
it cannot outlive the tests however they end.
"""

from __future__ import annotations

import json
import os
import sys

import xllamacpp


def started(model: str, key: str) -> xllamacpp.Server:
    """One slot, no flash attention: the same request and seed give the same bytes."""
    params = xllamacpp.CommonParams()
    params.model.path = model
    params.n_ctx = 2048
    params.n_parallel = 1
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 2
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.n_batch = params.n_ubatch = int(os.environ.get("LLAMA_ROWS", "128"))
    params.kv_unified = False
    params.verbosity = -1
    params.api_keys = [key]
    return xllamacpp.Server(params)


if __name__ == "__main__":
    server = started(sys.argv[1], os.environ["LLAMA_API_KEY"])
    sys.stdout.write(json.dumps({"base_url": f"{server.listening_address}/v1"}) + "\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)  # the engine's threads have nothing worth waiting for
