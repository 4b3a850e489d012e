"""Numbers by chance for tests, the same ones in each run and on every interpreter."""


def chance(seed):
    """`below(n)`: a number from 0 to n-1. `seed`: another series."""
    state = [seed * 2654435761 % 4294967296 or 1]

    def below(n):
        x = state[0]
        x ^= x << 13 & 0xFFFFFFFF
        x ^= x >> 17
        x ^= x << 5 & 0xFFFFFFFF
        state[0] = x
        return x % n

    return below
