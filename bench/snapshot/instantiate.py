"""Prints, as JSON, how many milliseconds each module takes to instantiate on wasmtime: TURNS FILE... Imports trap."""
import json
import statistics
import sys
import time

import wasmtime

engine = wasmtime.Engine()
modules = [wasmtime.Module.from_file(engine, path) for path in sys.argv[2:]]
times = [[] for _ in modules]
for _ in range(int(sys.argv[1])):
    for module, own in zip(modules, times):
        store = wasmtime.Store(engine)
        linker = wasmtime.Linker(engine)
        linker.define_unknown_imports_as_traps(module)
        start = time.perf_counter()
        linker.instantiate(store, module)
        own.append((time.perf_counter() - start) * 1000)
print(json.dumps([statistics.median(own) for own in times]))
