export type Overlay = 'trial' | 'production';
export const OVERLAYS: readonly Overlay[];
export function sourcesChecksum(): string;
export function render(overlay: Overlay): string | undefined;
export function renderedFile(overlay: Overlay): string;
