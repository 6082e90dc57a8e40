/** This platform as addons are named by it: `linux-x64-gnu`, `linux-arm64-musl`, `darwin-arm64`, … */
export function platform(): string {
  const base = `${process.platform}-${process.arch}`;
  if (process.platform === 'win32') return `${base}-msvc`;
  if (process.platform !== 'linux') return base;
  const { header } = process.report.getReport() as { readonly header: { readonly glibcVersionRuntime?: string } };
  return `${base}-${header.glibcVersionRuntime === undefined ? 'musl' : 'gnu'}`;
}
