/** A program that stands where Wizer is called, and only writes down how: FOLDER, then Wizer's words. */
import { readFileSync } from 'node:fs';
import { record } from './componentize.ts';

const [folder = '', ...args] = process.argv.slice(2);
record(folder, args, readFileSync(0, 'utf8'));
process.exitCode = 1;
