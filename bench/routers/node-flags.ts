const probe = new URL('./probe.js', import.meta.url).href;

export function probeFlags(measuresMemory: boolean): string[] {
  return measuresMemory ? ['--expose-gc', '--import', probe] : [];
}
