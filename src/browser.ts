/**
 * `freeze` for browsers and other engines: all of the API that needs nothing of Node. No file is
 * read or written here; bytes come in, bytes go out.
 *
 * ```js
 * import { freeze } from 'freeze/browser';
 * const { bytes, report } = await freeze(guest, {
 *   warmups: [{ kind: 'program', name: 'bench.scm', bytes: text }],
 *   entries: [{ name: 'main', workload: { kind: 'call', export: 'start', args: ['1'] } }],
 * });
 * ```
 */

export {
  CheckError,
  EXIT,
  FileError,
  FreezeError,
  GuestError,
  LimitError,
  LinkError,
  MalformedError,
  UnsupportedError,
  UsageError,
} from './errors/classes.ts';
export type { Warning } from './errors/warning.ts';
export { type Frozen, freeze, freezeDriven } from './freeze.ts';
export type { HostFactory, LinkEvent } from './host/guest.ts';
export type { Limits } from './host/limits.ts';
export {
  CLOCK_STEP,
  type CommonOptions,
  createWasi,
  DEFAULT_CLOCK,
  DEFAULT_FILE_BYTES,
  type DirEntry,
  type FileSource,
  importsWasi,
  type Mount,
  type OpenFile,
  RandomDenied,
  type RandomDraw,
  type RandomSource,
  type SourceStat,
  type StdinReader,
  WasiExit,
  type WasiHost,
  WasiOptionError,
  type WasiOptions,
  WasiUnbound,
  type WrittenFile,
} from './host/wasi/wasi.ts';
export type { Stub } from './link/stub.ts';
export { type InstantiateOptions, instantiate, type LiveGuest } from './live.ts';
export { DEFAULT_LIMITS, DEFAULT_ROUNDS, type FreezeOptions, type Progress } from './options.ts';
export {
  mergeProfiles,
  PROFILE_SCHEMA,
  type Profile,
  type ProfiledModule,
  readProfile,
  type SlotCalls,
  writeProfile,
} from './profile.ts';
export { PROTOCOLS, type ProtocolName } from './protocols/detect.ts';
export {
  DEFAULT_DRIVER_TIMEOUT_MS,
  type Driver,
  type DriverContext,
} from './protocols/driver.ts';
export type { Program } from './protocols/protocol.ts';
export {
  type ComponentInspection,
  type Inspection,
  inspectModule,
  type ModuleInspection,
  renderInspection,
} from './report/inspect.ts';
export type { Canary, Leak, LeakPlace, LeakReport } from './report/leaks.ts';
export {
  type ModuleReport,
  type PassReport,
  REPORT_SCHEMA,
  type Report,
  type RoundReport,
} from './report/report.ts';
export type { OpenTableReport, SealReport } from './report/seal.ts';
export { summary } from './report/summary.ts';
export { type RunOptions, run } from './run.ts';
export type { Assumption } from './sealing.ts';
export type { Streams } from './sides.ts';
export type { StubOption } from './stubs.ts';
export { type Thawed, type ThawOptions, thaw } from './thaw.ts';
export {
  type Difference,
  type VerifyOptions,
  type VerifyReport,
  verify,
} from './verify.ts';
export { VERSION } from './version.ts';
export type { EntryOption, Workload } from './workloads.ts';
