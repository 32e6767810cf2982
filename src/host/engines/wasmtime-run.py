"""Runs one job on wasmtime: the job as JSON on stdin, the outcome as JSON on stdout.

The counterpart of perform.mjs and node-run.mjs, field for field; job.ts lists the fields. A call of
a few microseconds measures Python more than the guest (ctypes costs 10 to 20 of them a call).
"""

import base64
import json
import sys
import time

import wasmtime

# What Node 24 has without a flag, so that a module is refused by both or by neither.
FEATURES = [
    "simd", "bulk_memory", "multi_value", "reference_types", "tail_call", "relaxed_simd",
    "threads", "function_references", "gc", "exceptions", "multi_memory", "memory64",
]


class Refused(Exception):
    """The engine will not have the module at all: invalid here, or an import does not link."""


class Run:
    def __init__(self, job):
        self.job = job
        self.outcome = {"exitCode": 0, "results": [], "times": []}
        config = wasmtime.Config()
        for feature in FEATURES:
            setattr(config, "wasm_" + feature, True)
        self.engine = wasmtime.Engine(config)
        self.store = wasmtime.Store(self.engine)
        self.store.set_wasi(self.wasi())
        self.linker = wasmtime.Linker(self.engine)
        self.linker.define_wasi()

    def wasi(self):
        wasi = wasmtime.WasiConfig()
        wasi.argv = self.job["args"]
        wasi.env = list(self.job["env"].items())
        wasi.stdin_file = self.job["stdin"]
        wasi.stdout_file = self.job["stdout"]
        wasi.stderr_file = self.job["stderr"]
        return wasi

    def perform(self):
        try:
            guest = self.instantiate()
            if self.job["start"]:
                self.measure(guest["_start"], [])
            else:
                self.call_all(guest)
        except Refused as error:
            self.outcome["refused"] = str(error)
        except wasmtime.ExitTrap as error:
            self.outcome["exitCode"] = error.code
        except (wasmtime.Trap, wasmtime.WasmtimeError) as error:
            self.outcome["trap"] = message_of(error)
        return self.outcome

    def instantiate(self):
        with open(self.job["module"], "rb") as file:
            data = file.read()
        try:
            module = self.timed("compileMs", lambda: wasmtime.Module(self.engine, data))
            instance = self.timed(
                "instantiateMs", lambda: self.linker.instantiate(self.store, module))
        except (wasmtime.Trap, wasmtime.ExitTrap):
            raise
        except wasmtime.WasmtimeError as error:
            raise Refused(message_of(error)) from error
        self.linker.define_instance(self.store, "guest", instance)
        return instance.exports(self.store)

    def call_all(self, guest):
        initialize = guest.get("_initialize")
        if initialize is not None:
            self.timed("initializeMs", lambda: initialize(self.store))
        adapter = wasmtime.Module(self.engine, base64.b64decode(self.job["adapter"]))
        wrapped = self.linker.instantiate(self.store, adapter).exports(self.store)
        for call in self.job["calls"]:
            self.call_one(call, wrapped[call["name"]])

    def call_one(self, call, func):
        args = [int(value) for value in call["args"]]
        for turn in range(-call["warm"], call["repeat"]):
            try:
                if turn < 0:
                    func(self.store, *args)
                else:
                    self.measure(func, args)
            except wasmtime.ExitTrap:
                raise
            except (wasmtime.Trap, wasmtime.WasmtimeError) as error:
                if not self.job["keepGoing"]:
                    raise
                if turn >= 0:
                    self.outcome["results"].append({"trap": message_of(error)})

    def measure(self, func, args):
        before = time.perf_counter_ns()
        try:
            result = func(self.store, *args)
        finally:
            self.outcome["times"].append((time.perf_counter_ns() - before) / 1e6)
        self.outcome["results"].append([str(value) for value in list_of(result)])

    def timed(self, field, step):
        before = time.perf_counter_ns()
        result = step()
        self.outcome[field] = (time.perf_counter_ns() - before) / 1e6
        return result


def list_of(result):
    if result is None:
        return []
    return result if isinstance(result, list) else [result]


def message_of(error):
    return getattr(error, "message", None) or str(error)


print(json.dumps(Run(json.load(sys.stdin)).perform()))
