export function overflowing(): string[];
export function contrast(element: unknown): number;
export function focused(): string;
export function outlineStyle(element: unknown): string;
export function showsCounts(counts: string): boolean;
