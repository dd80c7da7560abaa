// The protobuf wire format (https://protobuf.dev/programming-guides/encoding/) and the data set's scenenet.proto.

export function varint(value: number): Buffer {
  const bytes: number[] = [];
  do {
    bytes.push((value & 127) | (value > 127 ? 128 : 0));
    value >>>= 7;
  } while (value > 0);
  return Buffer.from(bytes);
}
export const int = (field: number, value: number) => Buffer.concat([varint(field << 3), varint(value)]);
export const message = (field: number, ...parts: readonly Buffer[]) => {
  const content = Buffer.concat(parts);
  return Buffer.concat([varint((field << 3) | 2), varint(content.length), content]);
};
export const text = (field: number, value: string) => message(field, Buffer.from(value));
export const float = (field: number, value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return Buffer.concat([varint((field << 3) | 5), bytes]);
};
export type Point = readonly [x: number, y: number, z: number];
const position = (field: number, point: Point) =>
  message(field, ...point.map((value, i) => float(i + 1, value)));
export const pose = (field: number, camera: Point, lookat: Point, time: number) =>
  message(field, position(1, camera), position(2, lookat), float(3, time));
export const view = (frame: number, open: Buffer, close: Buffer) => message(3, int(1, frame), open, close);
export const instance = (id: number, wordNet: string, type = 4) =>
  message(2, int(1, id), ...(wordNet === '' ? [] : [text(2, wordNet), text(3, 'name')]), int(4, type));
export const trajectory = (renderPath: string, ...parts: readonly Buffer[]) =>
  message(1, message(1, int(1, 2), text(2, 'layout.obj')), ...parts, text(4, renderPath));
