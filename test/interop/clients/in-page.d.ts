export function openInPage(url: string): void;
