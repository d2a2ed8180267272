// FC_NUM_RUNS=1000 npm test: a longer search. A failure prints the seed and path that replay it.
import fc from 'fast-check';

// Without it the seed is fixed, so that two runs of `npm test` on one commit agree.
const wanted = process.env['FC_NUM_RUNS'];
if (wanted === undefined) {
  fc.configureGlobal({ seed: 20_261_124 });
} else {
  const numRuns = Number(wanted);
  if (!Number.isSafeInteger(numRuns) || numRuns < 1) {
    throw new Error(`FC_NUM_RUNS must be a whole number of runs, got "${wanted}"`);
  }
  fc.configureGlobal({ numRuns });
}
