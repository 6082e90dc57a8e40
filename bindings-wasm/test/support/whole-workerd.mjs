// The same as workerd takes it: compiled already.
import module from '../../pkg-test-panic/stanchion_bg.wasm';

export default () => module;
