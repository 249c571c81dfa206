"""CPU times of libminisketch: argv[1] is the library; {bits, capacity, elements} in, {make, decode} in milliseconds out.

make takes the fastest implementation that there is, decode the generic one, as the ratios of `npm run bench` are stated.
"""

import ctypes
import json
import sys
import time

lib = ctypes.CDLL(sys.argv[1])
lib.minisketch_create.restype = ctypes.c_void_p
lib.minisketch_create.argtypes = [ctypes.c_uint32, ctypes.c_uint32, ctypes.c_size_t]
lib.minisketch_add_uint64.argtypes = [ctypes.c_void_p, ctypes.c_uint64]
lib.minisketch_decode.restype = ctypes.c_ssize_t
lib.minisketch_decode.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.POINTER(ctypes.c_uint64)]

asked = json.loads(sys.stdin.read())
bits, capacity, elements = asked["bits"], asked["capacity"], [int(e) for e in asked["elements"]]


def made(implementation):
    sketch = lib.minisketch_create(bits, implementation, capacity)
    if not sketch:
        return None, 0
    start = time.process_time()
    for element in elements:
        lib.minisketch_add_uint64(sketch, element)
    return sketch, 1000 * (time.process_time() - start)


fastest = min(took for sketch, took in map(made, range(lib.minisketch_implementation_max() + 1)) if sketch)
sketch, _ = made(0)
out = (ctypes.c_uint64 * capacity)()
start = time.process_time()
found = lib.minisketch_decode(sketch, capacity, out)
if found != len(elements):
    sys.exit(f"{found} elements decoded of {len(elements)}")
print(json.dumps({"make": fastest, "decode": 1000 * (time.process_time() - start)}))
