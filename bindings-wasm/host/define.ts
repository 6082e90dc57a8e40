import { Common } from './common.js';
import type { PolicyConfig } from './config.js';
import { asWritten, configJson } from './config-json.js';
import type { Engine } from './engine.js';
import { KeyedInProcess } from './keyed.js';
import { InProcess } from './local.js';
import { KEYED, POLICY } from './option-names.js';
import { type Names, known } from './options.js';
import { OwnPlace } from './place.js';
import type { Keyed, KeyedOptions, LocalPolicy, PolicyOptions } from './policy.js';

/** That it is in no store can be said, too. */
const LOCAL: Names<PolicyOptions & { readonly store?: undefined }> = { ...POLICY, store: true };
const LOCAL_KEYED: Names<KeyedOptions & { readonly store?: undefined }> = { ...KEYED, store: true };

/** What all keys of a configuration share, in an engine. */
export function commonOf(engine: Engine, config: PolicyConfig | string, options: PolicyOptions): Common {
  try {
    return new Common(engine.policy(configJson(config)), options);
  } catch (error) {
    throw typeof config === 'string' ? error : asWritten(error);
  }
}

/** A policy whose state is in this process. */
export function localPolicy(engine: Engine, config: PolicyConfig | string, options: PolicyOptions): LocalPolicy {
  const common = commonOf(engine, config, known(options, LOCAL));
  return new InProcess(common, new OwnPlace(common));
}

/** One configuration for many keys, whose states are in this process. */
export function localKeyed(engine: Engine, config: PolicyConfig | string, options: KeyedOptions): Keyed<LocalPolicy> {
  return new KeyedInProcess(commonOf(engine, config, known(options, LOCAL_KEYED)), options.maxKeys);
}
