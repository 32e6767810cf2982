"""Runs a guest in wasmtime, live-linked: the peer of three-ways.ts for an engine without a JS API.

A job on standard input, JSON: {wasm, protocol: "freeze" | "wasm-jit", text, name, warm, repeat}.
On standard output: {"times": [milliseconds]}.
"""
import ctypes
import json
import os
import sys
import tempfile
import time

import wasmtime as w

job = json.load(sys.stdin)
config = w.Config()
config.wasm_tail_call = True
engine = w.Engine(config)
store = w.Store(engine)
wasi = w.WasiConfig()
printed = tempfile.NamedTemporaryFile(delete=False)
wasi.stdout_file = printed.name
store.set_wasi(wasi)
linker = w.Linker(engine)
linker.define_wasi()
module = w.Module.from_file(engine, job["wasm"])
for item in module.imports:
    if not item.module.startswith("wasi_"):
        def refuse(*_):
            raise RuntimeError("the guest called an import that nobody gives")
        linker.define(store, item.module, item.name, w.Func(store, item.type, refuse))
guest = linker.instantiate(store, module)
exports = guest.exports(store)
memory = exports["memory"]


def call(name, *args):
    return exports[name](store, *args)


def write(address, data):
    ctypes.memmove(ctypes.addressof(memory.data_ptr(store).contents) + address, data, len(data))


def read(address, size):
    return ctypes.string_at(ctypes.addressof(memory.data_ptr(store).contents) + address, size)


def u32(data, offset):
    return int.from_bytes(data[offset:offset + 4], "little")


def give(data):
    address = call("freeze_alloc", max(len(data), 1))
    write(address, data)
    return address


def link(code):
    aux = w.Module(engine, code)
    values = []
    for item in aux.imports:
        if item.module == "slot":
            values.append(exports["__indirect_function_table"].get(store, int(item.name)))
        else:
            values.append(exports[item.name])
    w.Instance(store, aux, values)


def load_freeze():
    name, text = job["name"].encode(), job["text"].encode()
    handle = call("freeze_load", give(name), len(name), give(text), len(text))
    assert handle > 0, "the program did not load"
    return lambda: call("freeze_run", handle)


def collect_freeze():
    count = 0
    while (at := call("freeze_poll")) != 0:
        struct = read(at, 16)
        link(read(u32(struct, 0), u32(struct, 4)))
        call("freeze_linked", at, 0)
        count += 1
    return count


def load_wasm_jit():
    text = job["text"].encode() + b"\0"
    at = call("allocateBytes", len(text))
    write(at, text)
    expr = call("parse", at)
    return lambda: call("eval", expr, 1 << 20)


def collect_wasm_jit():
    count = 0
    while (handle := call("jitModule")) != 0:
        code = read(call("moduleData", handle), call("moduleSize", handle))
        call("freeModule", handle)
        link(code)
        count += 1
    return count


load, collect = {
    "freeze": (load_freeze, collect_freeze),
    "wasm-jit": (load_wasm_jit, collect_wasm_jit),
}[job["protocol"]]
call("_initialize")
run = load()
while True:
    run()
    if collect() == 0:
        break
for _ in range(job["warm"]):
    run()
times = []
for _ in range(job["repeat"]):
    start = time.perf_counter_ns()
    run()
    times.append((time.perf_counter_ns() - start) / 1e6)
print(json.dumps({"times": times}))
os.unlink(printed.name)
