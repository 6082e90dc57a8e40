/** The module in edge runtimes of the kind `edge-light`, where `?module` behind the `.wasm` file asks for it compiled. */
import compiled from '../../pkg/stanchion_bg.wasm?module';

export default function module(): WebAssembly.Module {
  return compiled;
}
