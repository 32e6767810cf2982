"""Cold start of an application in wasmtime, from bytes to the first answer: unfrozen, frozen and in C, in turns.

A job on standard input, JSON: {unfrozen, sealed, c: files; text, name: the program; request, repeat}.
On standard output: milliseconds, {"fromWasm", "compiled" (what `wasmtime compile` writes): {"unfrozen", "sealed", "c"}}.
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
holder = tempfile.TemporaryDirectory()
folder = holder.name
request = os.path.join(folder, "request")
answer = os.path.join(folder, "answer")
with open(request, "w") as file:
    file.write(job["request"])
text, name = job["text"].encode(), job["name"].encode()


def start(module):
    store = w.Store(engine)
    wasi = w.WasiConfig()
    wasi.stdin_file = request
    wasi.stdout_file = answer
    store.set_wasi(wasi)
    linker = w.Linker(engine)
    linker.define_wasi()
    linker.define_unknown_imports_as_traps(module)
    return store, linker.instantiate(store, module).exports(store)


def answer_command(module):
    store, exports = start(module)
    exports["_start"](store)


def answer_unfrozen(module):
    store, exports = start(module)
    exports["_initialize"](store)

    def give(data):
        address = exports["freeze_alloc"](store, len(data))
        memory = ctypes.addressof(exports["memory"].data_ptr(store).contents)
        ctypes.memmove(memory + address, data, len(data))
        return address

    handle = exports["freeze_load"](store, give(name), len(name), give(text), len(text))
    assert exports["freeze_run"](store, handle) == 0


def timed(load, run):
    begin = time.perf_counter_ns()
    run(load())
    taken = (time.perf_counter_ns() - begin) / 1e6
    with open(answer) as file:
        return taken, file.read()


def ways_of(side, run):
    with open(job[side], "rb") as file:
        wasm = file.read()
    compiled = os.path.join(folder, side + ".cwasm")
    with open(compiled, "wb") as file:
        file.write(w.Module(engine, wasm).serialize())
    yield "fromWasm", side, (lambda: w.Module(engine, wasm)), run
    yield "compiled", side, (lambda: w.Module.deserialize_file(engine, compiled)), run


ways = [
    *ways_of("unfrozen", answer_unfrozen),
    *ways_of("sealed", answer_command),
    *ways_of("c", answer_command),
]
times = {kind: {"unfrozen": [], "sealed": [], "c": []} for kind in ("fromWasm", "compiled")}
for turn in range(-1, job["repeat"]):
    pages = set()
    for kind, side, load, run in ways:
        taken, page = timed(load, run)
        pages.add(page)
        if turn >= 0:
            times[kind][side].append(taken)
    assert len(pages) == 1 and pages.pop().startswith("HTTP/1.1 200"), "the answers differ"
print(json.dumps(times))
