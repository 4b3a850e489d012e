"""Runs a test of the model maildrop again, with a server that takes several commands at once."""

import test_sync_model as model

CAPS = b"UIDL\r\nTOP\r\nPIPELINING\r\n"


def again(test):
    def run():
        before = model.CAPS, model.FLIGHT
        model.CAPS, model.FLIGHT = CAPS, 16
        try:
            test()
        finally:
            model.CAPS, model.FLIGHT = before

    return run
