// What both tables observe: functions that a call makes, and the words for what became of it.
import { definePolicy, isStanchionError } from 'stanchion';

export const boom = Object.assign(new Error('boom'), { name: 'Boom' });
export const fails = () => Promise.reject(boom);
export const works = async () => 'fine';
export const hangs = () => new Promise(() => {});
/** What became of a call: its value, or the word for its error. */
export const seen = (call, word) =>
  call.then(
    (value) => value,
    (error) => (error === boom ? 'boom' : word(error)),
  );

export const ourWord = (error) => {
  if (isStanchionError(error, 'RejectedError')) return 'refused';
  return isStanchionError(error, 'TimeoutError') ? 'timeout' : error.name;
};

/** A policy of ours, by the time that is moved and what else is said beside it, and how it is called. */
export const policyOf = (config, { clock, maxWaiting, classify } = {}) => {
  const policy = definePolicy({ name: 'moved', ...config }, { clock, maxWaiting, classify });
  return { policy, fire: (fn, more) => seen(policy.execute(fn, more), ourWord) };
};

/** All calls, one after the other. */
export const inOrder = async (fire, fns) => {
  const said = [];
  for (const fn of fns) said.push(await fire(fn));
  return said;
};
