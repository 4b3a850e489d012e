"""A waiting time in words."""


def span(seconds: int) -> str:
    """A waiting time, rounded up to seconds, minutes or hours."""
    if seconds < 60:
        return "%d s" % max(0, seconds)
    if seconds <= 5400:
        return "%d min" % ((seconds + 59) // 60)
    return "%d h" % ((seconds + 3599) // 3600)
