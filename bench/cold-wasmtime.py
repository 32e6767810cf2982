"""Cold start of an application in wasmtime, from bytes to the first answer: unfrozen and frozen in turns.

A job on standard input, JSON: {guest, frozen: files; text, name: the program; request, repeat}.
On standard output: milliseconds, {"unfrozen", "frozen": compiled from Wasm, "unfrozenCompiled",
"frozenCompiled": from what `wasmtime compile` writes}.
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


def answer_frozen(module):
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


def sides(name, run):
    with open(job[name], "rb") as file:
        wasm = file.read()
    compiled = os.path.join(folder, name + ".cwasm")
    with open(compiled, "wb") as file:
        file.write(w.Module(engine, wasm).serialize())
    key = "frozen" if run is answer_frozen else "unfrozen"
    yield key, (lambda: w.Module(engine, wasm)), run
    yield key + "Compiled", (lambda: w.Module.deserialize_file(engine, compiled)), run


ways = [*sides("guest", answer_unfrozen), *sides("frozen", answer_frozen)]
times = {key: [] for key, _, _ in ways}
for turn in range(-1, job["repeat"]):
    pages = set()
    for key, load, run in ways:
        taken, page = timed(load, run)
        pages.add(page)
        if turn >= 0:
            times[key].append(taken)
    assert len(pages) == 1 and pages.pop().startswith("HTTP/1.1 200"), "the answers differ"
print(json.dumps(times))
