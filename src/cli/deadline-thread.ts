/**
 * The thread of deadline.ts: waits, and when the time is over breaks the loop of the main thread by
 * the inspector, whose `Runtime.terminateExecution` reaches WebAssembly, too.
 * https://nodejs.org/api/inspector.html#sessionconnecttomainthread
 */
import { writeSync } from 'node:fs';
import { Session } from 'node:inspector';
import { parentPort, workerData } from 'node:worker_threads';
import { type DeadlineMessage, ENDING, SHARED } from './deadline.ts';

/** A thread that only waits for something hears of the deadline within this time, in ms. */
const HEARS = 200;
/** A thread that the engine cannot break, in a call of the system, is given so long, in ms. */
const BREAKS = 5000;

const shared = new Int32Array(workerData as SharedArrayBuffer);

function post(message: DeadlineMessage): void {
  parentPort?.postMessage(message);
}

/** Waits until a turn takes longer than it may. */
function waitForLate(): void {
  for (;;) {
    const turn = Atomics.load(shared, SHARED.turn);
    const limit = Atomics.load(shared, SHARED.limit);
    // A start between the two loads: what was read belongs to no turn.
    if (Atomics.load(shared, SHARED.turn) !== turn) continue;
    const wait = limit === 0 ? Number.POSITIVE_INFINITY : limit;
    if (Atomics.wait(shared, SHARED.turn, turn, wait) === 'timed-out') return;
  }
}

function breakLoop(): void {
  const session = new Session();
  session.connectToMainThread();
  session.post('Runtime.terminateExecution', () => {
    // A session that is open would hold the process at its end.
    session.disconnect();
    post('broken');
  });
}

waitForLate();
post('late');
Atomics.wait(shared, SHARED.ending, ENDING.nobody, HEARS);
const { nobody, deadlineThread } = ENDING;
if (Atomics.compareExchange(shared, SHARED.ending, nobody, deadlineThread) === nobody) {
  setTimeout(() => {
    writeSync(
      2,
      'freeze: the guest is over its time (--timeout), and cannot be stopped: the process is killed\n',
    );
    process.kill(process.pid, 'SIGKILL');
  }, BREAKS);
  breakLoop();
}
