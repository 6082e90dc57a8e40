/** A child of the worker. It ends as it is told: with status 1 as if it crashed, or well. */
process.on('message', (word) => process.exit(word === 'crash' ? 1 : 0));
process.on('disconnect', () => process.exit(0));
