/** The package has no types. */
declare module 'cluster-key-slot' {
  const calculateSlot: (key: string) => number;
  export = calculateSlot;
}
