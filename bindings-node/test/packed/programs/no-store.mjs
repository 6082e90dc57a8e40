import { definePolicy } from 'stanchion';
import { Store } from 'stanchion/store';

function codeOf() {
  try {
    return definePolicy({ name: 'api' }, { store: Store.open('/state') }).name;
  } catch ({ code, message }) {
    return { code, message };
  }
}

globalThis.facts = codeOf();
