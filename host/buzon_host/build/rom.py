"""Names that MicroPython has in its ROM on every board: what is called so takes no heap.

A port that lacks one puts it into the heap, as any other name.
"""

STATIC = tuple(
    """
    append args clear close copy count end endswith extend find from_bytes get index insert isalpha isdigit
    islower isspace isupper items join key keys little lower lstrip pop popitem read readinto readline remove rsplit
    rstrip send sep setdefault sort split start startswith step strip throw to_bytes update upper value values write
    """.split()  # noqa: SIM905
)
"""Those that a compiled module refers to by a number. None is a builtin, so a variable may be called so."""

NAMES = tuple(
    """
    acos acosh asin asinh atan atan2 atanh ceil copysign cosh degrees erfc expm1 fabs floor fmod frexp gamma isfinite
    isinf isnan ldexp lgamma log10 log2 modf radians sinh sqrt tanh trunc
    ARRAY BFINT16 BFINT32 BFINT8 BFUINT16 BFUINT32 BFUINT8 BF_LEN BF_POS BIG_ENDIAN FLOAT32 FLOAT64 INT INT16 INT32
    INT64 INT8 LITTLE_ENDIAN LONG LONGLONG NATIVE PTR SHORT UINT UINT16 UINT32 UINT64 UINT8 ULONG ULONGLONG USHORT VOID
    addressof bytearray_at bytes_at sizeof
    choice randint randrange uniform heapify heappop heappush OrderedDict namedtuple appendleft popleft
    calcsize pack_into unpack_from a2b_base64 b2a_base64 unhexlify isalpha isdigit islower isspace isupper rindex
    rpartition rstrip setdefault difference discard intersection symmetric_difference issubset issuperset
    isdisjoint union popitem fromkeys from_bytes
    dumps loads getcwd chdir rmdir urandom ticks_cpu ticks_us sleep_us heap_lock heap_unlock opt_level mem_info
    qstr_info stack_use schedule isenabled byteorder print_exception
    """.split()  # noqa: SIM905
)
"""Hardly any program uses these, and none is a method of a type that a class extends: an attribute may be called so."""

THEIRS = frozenset(
    """
    abort add block buf buffer close closed code collect content context count done feed fill find flush get join line
    list memory minor open pending pin poll pop post put reset session setup stat sum verify
    acollect apart arrived before buffers dele dialogue do ended fails folder greeting has held holds journal need
    nonce noop power r retr rset rx said spool stls tx uidl wait_ms waits whole_ms
    frame hide invert problem show ui
    """.split()  # noqa: SIM905
)
"""Attributes of ours that MicroPython's objects have too, or that scripts and plug-ins use: they keep their names."""
