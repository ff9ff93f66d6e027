/** The package has no types. */
declare module 'cluster-key-slot' {
  export default function calculateSlot(key: string): number;
}
