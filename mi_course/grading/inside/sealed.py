"""Inputs that cannot be read before their turn.

A job carries all its inputs, but an answer must not see the fourth while it works on the first:
what it prints then is shown to the student. So each input travels sealed, and its key is handed
over only when the call before it has been answered and what was printed so far has been read.
The seal is an exclusive or with the stream that SHAKE-256 makes of a key that is used once.
"""

import base64
import hashlib
import json
import secrets
from typing import Any

import numpy as np

KEY_BYTES = 32


def new_key() -> bytes:
    """A key for one input of one job."""
    return secrets.token_bytes(KEY_BYTES)


def seal(value: Any, key: bytes) -> str:
    """JSON-ready data as text that only the key opens."""
    return base64.b64encode(_mixed(json.dumps(value).encode(), key)).decode("ascii")


def unseal(text: str, key: bytes) -> Any:
    """The data that was sealed with this key."""
    return json.loads(_mixed(base64.b64decode(text), key))


def _mixed(data: bytes, key: bytes) -> bytes:
    stream = np.frombuffer(hashlib.shake_256(key).digest(len(data)), dtype=np.uint8)
    return (np.frombuffer(data, dtype=np.uint8) ^ stream).tobytes()
