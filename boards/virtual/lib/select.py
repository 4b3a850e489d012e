"""`select` whose poll also wakes for the virtual hardware: a button, Wi-Fi that comes or goes."""

import _hw
import uselect
from uselect import *  # noqa: F403


class poll:
    def __init__(self):
        self._poll = uselect.poll()
        self._poll.register(_hw.wire, 1)

    def register(self, obj, events=5):
        self._poll.register(obj, events)

    def unregister(self, obj):
        self._poll.unregister(obj)

    def modify(self, obj, events):
        self._poll.modify(obj, events)

    # The wire is in no result: whoever it woke is answered with a second look that does not wait.
    def poll(self, timeout=-1):
        found = self._poll.poll(timeout)
        while _hw.service():
            found = self._poll.poll(0)
        return found

    def ipoll(self, timeout=-1, flags=0):
        found = self._poll.ipoll(timeout, flags)
        while _hw.service():
            found = self._poll.ipoll(0, flags)
        return found
