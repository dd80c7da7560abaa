/** The part of parquetjs-lite 0.8 that is used here; the package has no types of its own. */
declare module 'parquetjs-lite' {
  class ParquetSchema {
    constructor(fields: Record<string, object>);
  }
  class ParquetWriter {
    static openFile(schema: ParquetSchema, path: string): Promise<ParquetWriter>;
    setMetadata(key: string, value: string): void;
    appendRow(row: object): Promise<void>;
    close(): Promise<void>;
  }
  const parquetjs: { ParquetSchema: typeof ParquetSchema; ParquetWriter: typeof ParquetWriter };
  export default parquetjs;
}
