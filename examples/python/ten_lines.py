"""A guarded call in Python, by ctypes: stanchion.h as it is, no extension, nothing to install but the library.

    python3 examples/python/ten_lines.py [libstanchion.so]
"""

import ctypes
import sys
import time
from ctypes import POINTER, Structure, byref, c_char, c_char_p, c_size_t, c_uint32, c_uint64, c_void_p, sizeof

OK, ADMITTED, SUCCESS, FAILURE = 0, 1, 1, 2
ABI_VERSION = 1


class Sized(Structure):
    """A struct that tells its own size."""

    def __init__(self, **fields):
        super().__init__(struct_size=sizeof(self), **fields)


class Error(Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("status", c_uint32),
        ("code", c_char * 32),
        ("field", c_char * 128),
        ("value", c_char * 328),
        ("allowed", c_char * 328),
        ("message", c_char * 1024),
    ]


class Permit(Structure):
    _fields_ = [("words", c_uint32 * 4)]


class Decision(Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("verdict", c_uint32),
        ("permit", Permit),
        ("would_reject", c_uint32),
        ("by", c_uint32),
        ("gates", c_uint32),
        ("changed", c_uint32),
        ("retry_after_us", c_uint64),
        ("events", c_uint64),
    ]


class SettleOptions(Sized):
    _fields_ = [
        ("struct_size", c_uint32),
        ("fields", c_uint32),
        ("outcome", c_uint32),
        ("actual_cost", c_uint32),
        ("duration_us", c_uint64),
    ]


class Stanchion:
    """The functions of stanchion.h that this example calls."""

    def __init__(self, path):
        self.library = ctypes.CDLL(path)
        state = [c_void_p, c_void_p, c_size_t]
        self.policy_from_json = self.function("stn_policy_from_json", c_char_p, c_size_t, POINTER(c_void_p), POINTER(Error))
        self.policy_free = self.function("stn_policy_free", c_void_p, result=None)
        self.state_size = self.function("stn_state_size", c_void_p, POINTER(c_size_t))
        self.state_init = self.function("stn_state_init", *state, c_uint64)
        self.acquire = self.function("stn_acquire", *state, c_void_p, c_uint64, POINTER(Decision))
        self.settle = self.function(
            "stn_settle", *state, POINTER(Permit), POINTER(SettleOptions), c_uint64, c_void_p
        )
        if self.library.stn_abi_version() != ABI_VERSION:
            raise RuntimeError(f"{path} has another interface than this file")

    def function(self, name, *arguments, result=c_uint32):
        found = self.library[name]
        found.argtypes, found.restype = arguments, result
        return found


class Gate:
    """A policy and its state, for one thread."""

    def __init__(self, stanchion, rules):
        self.stanchion, self.policy, why, size = stanchion, c_void_p(), Error(), c_size_t()
        if stanchion.policy_from_json(rules, len(rules), byref(self.policy), byref(why)) != OK:
            raise ValueError(why.message.decode())
        stanchion.state_size(self.policy, byref(size))
        self.state, self.size = (c_uint64 * (size.value // 8))(), size
        self.must(stanchion.state_init(self.policy, self.state, self.size, now_us()))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stanchion.policy_free(self.policy)

    def call(self, function):
        """Calls it if it may go ahead; None, and how many seconds to wait, where it may not."""
        decision = Decision()
        self.must(self.stanchion.acquire(self.policy, self.state, self.size, None, now_us(), byref(decision)))
        if decision.verdict != ADMITTED:
            return None, decision.retry_after_us / 1e6
        outcome = FAILURE
        try:
            result = function()
            outcome = SUCCESS
            return result, 0
        finally:
            end = SettleOptions(outcome=outcome)
            permit = byref(decision.permit)
            self.must(self.stanchion.settle(self.policy, self.state, self.size, permit, byref(end), now_us(), None))

    @staticmethod
    def must(status):
        if status != OK:
            raise RuntimeError(f"stanchion: status {status}")


def now_us():
    return time.time_ns() // 1000


RULES = b"""{"name": "billing", "circuit": {"consecutive_failures": 5}, "limits": [{"name": "calls", "capacity": 2,
    "refill_tokens": 60, "refill_interval_ms": 60000}], "bulkhead": {"max_concurrent": 10}}"""


def main():
    stanchion = Stanchion(sys.argv[1] if len(sys.argv) > 1 else "libstanchion.so")
    with Gate(stanchion, RULES) as billing:
        for _ in range(3):
            result, wait_s = billing.call(lambda: "called")
            print(result or f"not now: try again in {wait_s:.0f} s")
    try:
        Gate(stanchion, b'{"name": "billing", "bulkhead": {"max_concurrent": 0}}')
    except ValueError as why:
        print(why)


if __name__ == "__main__":
    main()
