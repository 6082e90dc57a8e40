/** The platforms that have an addon, each in a package `stanchion-<platform>` of its own. */
export const PLATFORMS = [
  'darwin-arm64',
  'darwin-x64',
  'linux-arm64-gnu',
  'linux-arm64-musl',
  'linux-x64-gnu',
  'linux-x64-musl',
  'win32-arm64-msvc',
  'win32-x64-msvc',
] as const;

/** This platform as addons are named by it: `linux-x64-gnu`, `linux-arm64-musl`, `darwin-arm64`, … */
export function platform(): string {
  const base = `${process.platform}-${process.arch}`;
  if (process.platform === 'win32') return `${base}-msvc`;
  return process.platform === 'linux' ? `${base}-${isGlibc() ? 'gnu' : 'musl'}` : base;
}

/** Asked of the runtime's own report, without the network's names, which may take seconds. */
function isGlibc(): boolean {
  const { report } = process as unknown as { readonly report: { excludeNetwork?: boolean; getReport(): unknown } };
  const { excludeNetwork = false } = report;
  report.excludeNetwork = true;
  const { header } = report.getReport() as { readonly header: { readonly glibcVersionRuntime?: string } };
  report.excludeNetwork = excludeNetwork;
  return header.glibcVersionRuntime !== undefined;
}
