/** The module in workerd, which compiles no bytes at run time: an import of the `.wasm` file is the compiled module. */
import compiled from '../../pkg/stanchion_bg.wasm';

export default function module(): WebAssembly.Module {
  return compiled;
}
