export const lengthBytes = 4;

export function pack(events: number, event: Buffer): Buffer {
  const batch = Buffer.allocUnsafe(events * (lengthBytes + event.length));
  let at = 0;
  for (let index = 0; index < events; index += 1) {
    batch.writeUInt32BE(event.length, at);
    batch.set(event, at + lengthBytes);
    at += lengthBytes + event.length;
  }
  return batch;
}
