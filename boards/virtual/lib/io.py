"""`io` in which a BytesIO that is larger than the first area of an ESP32's heap takes an area of its own."""

import _hw
import uio
from uio import *  # noqa: F403

if _hw.config["idf"]:
    import _idf

    def BytesIO(what=b"", *rest):
        if isinstance(what, int) and what > _idf.LARGE:
            return _idf.Large(what)
        return uio.BytesIO(what, *rest)
