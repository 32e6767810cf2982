/**
 * The program that stands where a path to Wizer is asked for: `freeze wizer`, by another name. It is
 * started by bin/freeze-wizer, which finds Node where the environment does not tell.
 */
process.argv.splice(2, 0, 'wizer');
void import('./start.ts');
