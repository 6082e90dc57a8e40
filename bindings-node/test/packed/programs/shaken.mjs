import { isStanchionError } from 'stanchion';

globalThis.facts = isStanchionError(new Error('none of ours'));
